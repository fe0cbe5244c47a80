"""A student never reads what is for staff: every answer a student can get is walked for keys and words that are not theirs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.check import CheckDefinition, CheckStatus, Stage, Visibility
from tests import builders

SECRET = "hidden-7f3a"
STAFF_KEYS = {"detail", "facts", "stages", "requested_by", "worker", "problem", "attempts", "seed"}


def a_plan():
    """One check of each visibility, and a hidden one whose id and title would tell."""
    return (
        CheckDefinition(id="A.loads", part="A", title="It loads", points=0, stage=Stage.GATE),
        CheckDefinition(id="A.open", part="A", title="Open", points=1),
        CheckDefinition(id="A.later", part="A", title="Later", points=1, visibility=Visibility.AFTER_DUE),
        CheckDefinition(id=f"A.{SECRET}-id", part="A", title=f"{SECRET} title", points=1, visibility=Visibility.STAFF),
    )


def results():
    """Every text says whose it is."""
    shown = {Visibility.ALWAYS: "for-the-student", Visibility.AFTER_DUE: f"{SECRET} later", Visibility.STAFF: SECRET}
    return tuple(
        builders.a_result(
            check,
            CheckStatus.FAILED if check.points else CheckStatus.PASSED,
            visibility=check.visibility,
            message=shown[check.visibility] + " message",
            output=shown[check.visibility] + " output",
            detail=f"{SECRET} detail",
        )
        for check in a_plan()
    )


@pytest.fixture
def judged(world):
    """A graded submission by the plan above; its assignment has no training."""
    definition = builders.a_definition(part=[{"id": "A", "title": "Part A", "points": 3, "checks": 4}])
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, definition=definition, plan=a_plan())
    receipt = world.hand_in().json()
    world.grade(results=results(), max_score=3.0)
    return receipt["id"]


def walk(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}", key, inner
            yield from walk(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")


def everything(client, world, submission):
    """Every JSON answer about the submission that this reader can get."""
    for path in (
        f"/submissions/{submission}",
        "/submissions",
        "/assignments",
        f"/assignments/{world.assignment.slug}",
        "/me",
        "/tokens",
        "/courses",
        f"/submissions/{submission}/runs",
        f"/submissions/{submission}/sheets",
        f"/assignments/{world.assignment.slug}/gradebook",
        f"/assignments/{world.assignment.slug}/statistics",
        f"/assignments/{world.assignment.slug}/similarity",
        f"/courses/{world.course.slug}/members",
    ):
        yield path, client.get(path)


def test_no_answer_to_a_student_holds_what_is_for_staff(world, judged):
    for path, answer in everything(world.client("student"), world, judged):
        assert SECRET not in answer.text, path
        if answer.status_code == 200:
            assert not [where for where, key, _ in walk(answer.json()) if key in STAFF_KEYS], path


def test_staff_read_all_of_it(world, judged):
    answer = world.client("ta").get(f"/submissions/{judged}")
    assert f"A.{SECRET}-id" in answer.text
    keys = {key for _, key, _ in walk(answer.json())}
    assert {"detail", "facts", "stages", "requested_by", "worker", "problem"} <= keys


def test_events_name_no_hidden_check(world, judged):
    text = world.client("student").get(f"/submissions/{judged}/events").text
    assert "event: end" in text
    assert SECRET not in text


def test_a_check_that_is_shown_later_is_named_and_withheld_with_the_sum_that_would_tell(world, judged):
    answer = world.client("student").get(f"/submissions/{judged}").json()
    later = next(check for check in answer["run"]["checks"] if check["id"] == "A.later")
    assert (later["title"], later["status"], later["points"], later["withheld"]) == ("Later", None, None, True)
    shown = next(check for check in answer["run"]["checks"] if check["id"] == "A.open")
    assert (shown["status"], shown["message"], shown["withheld"]) == ("failed", "for-the-student message", False)
    assert answer["score"] is None
    assert answer["run"]["score"] is None
    assert answer["run"]["parts"][0]["points"] is None
    line = world.client("student").get("/submissions").json()["items"][0]
    assert line["score"] is None
    standing = world.client("student").get(f"/assignments/{world.assignment.slug}").json()["standing"]
    assert standing["score"] is None


def test_after_the_due_date_it_is_shown(world, judged):
    from grader.storage.models import AssignmentRow

    with world.database.begin() as work:
        work.session.get(AssignmentRow, world.assignment.id).due_at = datetime.now(UTC) - timedelta(days=1)
    answer = world.client("student").get(f"/submissions/{judged}").json()
    later = next(check for check in answer["run"]["checks"] if check["id"] == "A.later")
    assert (later["status"], later["withheld"]) == ("failed", False)
    text = json.dumps(answer)
    assert f"{SECRET} later message" in text
    assert f"{SECRET} detail" not in text
    assert f"{SECRET}-id" not in text


def test_a_run_that_failed_by_our_fault_reads_as_still_being_graded(world):
    receipt = world.hand_in().json()
    world.fail(f"{SECRET}: the worker's disk is full")
    for path in (f"/submissions/{receipt['id']}", "/submissions", f"/assignments/{world.assignment.slug}"):
        answer = world.client("student").get(path)
        assert SECRET not in answer.text
        assert '"failed"' not in answer.text
    answer = world.client("student").get(f"/submissions/{receipt['id']}").json()
    assert (answer["state"], answer["score"]) == ("grading", None)
    seen_by_staff = world.client("ta").get(f"/submissions/{receipt['id']}")
    assert seen_by_staff.json()["state"] == "failed"
    assert SECRET in seen_by_staff.text
    assert world.client("ta").get("/submissions", params={"state": "failed"}).json()["items"]
    assert not world.client("student").get("/submissions", params={"state": "failed"}).json()["items"]
