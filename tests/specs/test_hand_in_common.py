"""The rules of handing in that specs share, judged by the real engine on one archive and on one bare file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from grader.domain.check import CheckStatus
from grader.engine.pipeline import Engine
from grader.specs.load import load_spec
from tests.engine.plain_sandbox import PlainBackend

ROOT = Path(__file__).parents[2]
REPORT = (ROOT / "reference_solutions" / "csc413-pa2" / "report.pdf").read_bytes()
TOML = """
schema_version = 1
slug = "forms"
title = "Forms"
course = "Example"
common = ["hand_in"]
[files]
archive = 'hand-in\\.zip'
archive_example = "hand-in.zip"
[[files.file]]
name = "model"
pattern = '.+\\.py'
role = "code"
example = "model.py"
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "A1"
title = "A part"
points = 9
checks = 9
"""
CHECKS = {
    "code": 'defines_any(student, ("CNN", "train"), "CNN nor train")',
    "other_code": 'defines_any(student, ("UNet",), "UNet nor anything else")',
    "archive": "has_the_archives_name(student)",
    "file": 'holds(student, "model.py")',
    "other_file": 'holds(student, "cnn.ipynb")',
    "report": "has_readable_report(student)",
    "named": 'has_readable_report(student, "report.pdf")',
    "broken": 'has_readable_report(student, "a-broken.pdf")',
    "misnamed": 'has_readable_report(student, "practical.pdf")',
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Upload name -> {check: result} for an archive with two PDFs, one of them broken, and for a bare script."""
    folder = tmp_path_factory.mktemp("specs")
    (folder / "common").symlink_to(ROOT / "test_specs" / "common")
    (folder / "forms").mkdir()
    (folder / "forms" / "assignment.toml").write_text(TOML)
    tests = "".join(
        f'\n@check("A1", points=1, title="{name}")\ndef test_{name}(student):\n    hand_in.{call}\n'
        for name, call in CHECKS.items()
    )
    (folder / "forms" / "test_a.py").write_text(f"import hand_in\nfrom grader.checks import check\n{tests}")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("me/Model.py", "def train(args):\n    pass\n")
        archive.writestr("me/a-broken.pdf", b"this is no PDF")
        archive.writestr("me/papers/Report.pdf", REPORT)
    backend = PlainBackend(tmp_path_factory.mktemp("scratch"))
    uploads = {"hand-in.zip": packed.getvalue(), "model.py": b"def test():\n    pass\n"}
    with Engine(backend, expected=len(uploads)) as engine:
        reports = {name: engine.grade(load_spec("forms", folder), name, body) for name, body in uploads.items()}
    backend.close()
    return {name: {check.title: check for check in report.checks} for name, report in reports.items()}


@pytest.mark.parametrize("name", ["code", "archive", "file", "report", "named"])
def test_a_hand_in_that_keeps_the_rules_passes(results, name):
    assert results["hand-in.zip"][name].status is CheckStatus.PASSED, results["hand-in.zip"][name].message


def test_a_name_that_the_code_does_not_define_is_missed(results):
    message = results["hand-in.zip"]["other_code"].message
    assert message == "No part of the assignment was found in your code: it defines neither UNet nor anything else."


def test_a_file_of_another_name_is_graded_and_named(results):
    result = results["hand-in.zip"]["other_file"]
    assert (result.points, "should be called cnn.ipynb" in result.message) == (0, True)


def test_the_report_asked_for_is_the_one_that_has_to_be_readable(results):
    result = results["hand-in.zip"]["broken"]
    assert (result.points, "a-broken.pdf cannot be read as a PDF" in result.message) == (0, True)


def test_a_readable_report_of_another_name_earns_half(results):
    result = results["hand-in.zip"]["misnamed"]
    assert (result.points, result.message) == (
        0.5,
        "The report was found and can be read, but should be called practical.pdf.",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("code", "No part of the assignment was found in your code"),
        ("archive", "hand-in.zip"),
        ("report", "The hand-in holds no report: a PDF was asked for."),
        ("named", "The hand-in holds no report: a PDF called report.pdf was asked for."),
    ],
)
def test_a_bare_script_is_told_what_it_lacks(results, name, message):
    result = results["model.py"][name]
    assert (result.status, result.points) == (CheckStatus.FAILED, 0)
    assert message in result.message
