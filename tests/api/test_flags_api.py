"""What looks deliberate is for staff: on the submission, in lists and as a filter, and nowhere for students."""

from __future__ import annotations

import io
import zipfile

import pytest

from grader.domain.run import RunFacts
from grader.storage.repositories import audit

FLAG = "The sandbox sent a reply nobody had asked for (2 times)"


@pytest.fixture
def flagged(world):
    """Two graded submissions; the second has a mark."""
    plain = world.hand_in().json()["id"]
    world.grade()
    marked = world.hand_in(content=b"x = 2\n").json()["id"]
    world.grade(facts=RunFacts(sandbox="bwrap", flags=(FLAG,)))
    return plain, marked


def test_staff_see_it_on_the_submission_and_find_it_in_the_list(world, flagged):
    plain, marked = flagged
    staff = world.client("ta")
    seen = staff.get(f"/submissions/{marked}").json()
    assert [FLAG] in [stage["flags"] for stage in seen["run"]["facts"].values()]
    assert seen["flags"] == 1
    assert {line["id"]: line["flags"] for line in staff.get("/submissions").json()["items"]} == {plain: 0, marked: 1}
    assert [line["id"] for line in staff.get("/submissions?flagged=true").json()["items"]] == [marked]


def test_a_student_sees_none_of_it_and_cannot_ask_for_it(world, flagged):
    _, marked = flagged
    student = world.client("student")
    answers = [student.get(path) for path in (f"/submissions/{marked}", "/submissions", "/submissions?flagged=true")]
    assert all(FLAG not in answer.text and "deliberate" not in answer.text for answer in answers)
    assert {line["flags"] for line in answers[1].json()["items"]} == {None}
    assert answers[2].json()["items"] == []


def test_it_changes_no_score(world, flagged):
    plain, marked = flagged
    staff = world.client("ta")
    assert len({staff.get(f"/submissions/{one}").json()["score"] for one in (plain, marked)}) == 1


def test_an_archive_that_was_refused_is_noted_once_on_the_students_page(world):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../evil.py", "x = 1")
    for _ in range(2):
        answer = world.hand_in(content=packed.getvalue(), file="work.zip")
        assert answer.status_code == 422 or answer.status_code == 400
        assert "deliberate" not in answer.text
    with world.database.begin() as work:
        noted = audit.about(work, f"gradebook:{world.assignment.id}:{world.people['student'].id}")
    assert [one.detail for one in noted] == ["a path that leads out of its folder"]
