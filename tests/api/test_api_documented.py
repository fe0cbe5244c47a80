"""docs/api.md is what clients are written against: it names every endpoint there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
_CALL = re.compile(r"`(GET|POST|PUT|DELETE) (/[^?`]*)")
# "`PUT /x` ..., `DELETE`": the second method is of the same path.
_SAME_PATH = re.compile(r"`(GET|POST|PUT|DELETE)`")


def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path.rstrip())


def documented():
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            cell = line.split("|")[1]
            calls = _CALL.findall(cell)
            yield from ((method, shape(path)) for method, path in calls)
            yield from ((method, shape(calls[-1][1])) for method in _SAME_PATH.findall(cell))


@pytest.fixture
def described(serving):
    return httpx.get(f"{serving.url}/api/openapi.json").json()


def test_the_page_and_the_server_have_the_same_endpoints(described):
    there = {
        (method.upper(), shape(path.removeprefix("/api/v1")))
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert set(documented()) == there


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("receipt", "ReceiptAnswer"),
        ("assignment", "AssignmentAnswer"),
        ("submission line", "SubmissionLineAnswer"),
        ("gradebook row", "GradebookRowAnswer"),
        ("statistics", "StatisticsAnswer"),
        ("sheets", "SheetsAnswer"),
        ("similarity", "SimilarityAnswer"),
        ("similar pair", "PairTextsAnswer"),
        ("check", "CheckAnswer"),
        ("run", "RunAnswer"),
    ],
)
def test_the_pages_objects_have_the_servers_members(described, name, schema):
    written = PAGE.split(f"\n- {name}: `{{", 1)[1].split("}`", 1)[0]
    # Members of objects inside are theirs.
    flat, depth = "", 0
    for character in written:
        depth += (character in "{[") - (character in "}]")
        flat += character if depth == 0 else ""
    members = set(re.findall(r'"(\w+)"', flat)) - {"missing"}
    there = set(described["components"]["schemas"][schema]["properties"])
    # Told in the sentence after the object.
    assert members | ({"withheld"} if name == "check" else set()) == there
