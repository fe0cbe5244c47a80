"""Points that staff change, over the API: each role against each action, and what the student reads."""

from __future__ import annotations

import csv
import io

import pytest

from grader.domain.check import CheckStatus
from tests import builders


@pytest.fixture
def graded(world):
    """Ada's submission with the check A.two (2 points) lost: 3 of 5."""
    receipt = world.hand_in().json()
    results = (
        builders.a_result(one, CheckStatus.FAILED if one.id == "A.two" else CheckStatus.PASSED)
        for one in builders.a_plan()
    )
    world.grade(results=tuple(results))
    return receipt


def address(world, tail="", person="student"):
    return f"/assignments/{world.assignment.slug}/adjustments/{world.people[person].id}{tail}"


BODY = {"target": "check", "id": "A.two", "points": 1.5, "reason": "Right but for a sign."}


def test_a_check_counts_more_until_it_is_withdrawn(world, graded):
    ta = world.client("ta")
    made = ta.post(address(world), json=BODY)
    assert made.status_code == 201, made.text
    held = ta.get(address(world)).json()["items"]
    assert [(one["id"], one["target_id"], one["title"], one["points"]) for one in held] == [
        (made.json()["id"], "A.two", "Two", 1.5)
    ]
    row = ta.get(f"/assignments/{world.assignment.slug}/gradebook", params={"search": "Ada"}).json()["items"][0]
    assert (row["score"], row["is_adjusted"], row["is_overridden"]) == (4.5, True, False)
    answer = ta.delete(address(world, f"/{made.json()['id']}"), params={"reason": "A slip."})
    assert answer.status_code == 204
    assert ta.get(address(world)).json()["items"] == []
    row = ta.get(f"/assignments/{world.assignment.slug}/gradebook", params={"search": "Ada"}).json()["items"][0]
    assert (row["score"], row["is_adjusted"]) == (3.0, False)


def test_the_student_reads_it_in_their_submission_and_not_who_made_it(world, graded):
    world.client("ta").post(address(world), json=BODY)
    student = world.client("student")
    found = student.get(f"/submissions/{graded['id']}").json()
    assert (found["score"], found["adjusted_score"]) == (3.0, 4.5)
    assert found["counted"] == {
        "score": 4.5,
        "max_score": None,
        "scale": {"value": 1.0, "label": "half"},
        "is_overridden": False,
        "checks": {"A.loads": 0.0, "A.one": 1.0, "A.two": 1.5, "B.learns": 2.0},
        "parts": {"A": 2.5, "B": 2.0},
    }
    told = found["adjustments"][0]
    assert (told["points"], told["reason"], told["made_by"], told["member"]) == (1.5, BODY["reason"], None, None)
    line = student.get("/submissions").json()["items"][0]
    assert (line["score"], line["adjusted_score"]) == (3.0, 4.5)
    standing = student.get(f"/assignments/{world.assignment.slug}").json()["standing"]
    assert standing["score"] == 4.5
    staffs = world.client("ta").get(f"/submissions/{graded['id']}").json()
    assert staffs["adjustments"][0]["made_by"] == world.people["ta"].name


def test_exports_say_so(world, graded):
    ta = world.client("ta")
    ta.post(address(world), json=BODY | {"reason": '=HYPERLINK("x")'})
    text = ta.get(f"/assignments/{world.assignment.slug}/gradebook", params={"format": "csv"}).text
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert (rows["Ada"]["score"], rows["Ada"]["adjusted"], rows["Bob"]["adjusted"]) == ("4.5", "yes", "no")
    for form in ("canvas", "moodle", "gradescope"):
        assert "4.5" in ta.get(f"/assignments/{world.assignment.slug}/gradebook", params={"format": form}).text


@pytest.mark.parametrize(
    "body",
    [
        {"target": "check", "points": 1, "reason": "x"},
        {"target": "whole", "id": "A", "points": 1, "reason": "x"},
        {"target": "question", "id": "A", "points": 1, "reason": "x"},
        BODY | {"points": 0},
        BODY | {"points": "1"},
        BODY | {"points": True},
        BODY | {"reason": ""},
        BODY | {"reason": "x" * 1001},
        BODY | {"score": 3},
        BODY | {"id": "A.loads"},
    ],
)
def test_what_it_does_not_say_is_told(world, graded, body):
    answer = world.client("ta").post(address(world), json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].endswith(".")


def test_what_is_not_there_is_told(world, graded):
    ta = world.client("ta")
    assert ta.post(address(world), json=BODY | {"id": "A.none"}).status_code == 404
    assert ta.post(address(world, person="stranger"), json=BODY).status_code == 404
    assert ta.get(address(world, person="stranger")).status_code == 404
    assert ta.delete(address(world, "/999"), params={"reason": "x"}).status_code == 404
    # Nobody's work yet, so there are no points to change.
    assert ta.post(address(world, person="classmate"), json=BODY).status_code == 422


def test_students_and_other_courses_staff_neither_see_nor_change_it(world, graded):
    made = world.client("ta").post(address(world), json=BODY).json()["id"]
    for name, status in (("student", 403), ("classmate", 403), ("other instructor", 404), ("stranger", 404)):
        client = world.client(name)
        for answer in (
            client.get(address(world)),
            client.post(address(world), json=BODY),
            client.delete(address(world, f"/{made}"), params={"reason": "x"}),
        ):
            assert answer.status_code == status, (name, answer.text)
            assert "Right but" not in answer.text
    assert len(world.client("admin").get(address(world)).json()["items"]) == 1
