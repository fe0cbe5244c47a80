"""Items that persons grade, over the API: from the first one to the exports, and each role against each action."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text

from grader.answers.given import packed
from grader.domain.check import CheckStatus
from tests import builders
from tests.service.test_gradings import definition

FAILED = ("A.two",)


@pytest.fixture
def graded(world):
    """Ada's submission: 3 of 5 automatic points, with an item of 4 more, and an extra one."""
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, definition=definition())
    receipt = world.hand_in(file="ada_lovelace.py").json()
    results = (
        builders.a_result(one, CheckStatus.FAILED if one.id in FAILED else CheckStatus.PASSED)
        for one in builders.a_plan()
    )
    world.grade(results=tuple(results))
    return receipt


def address(world, tail=""):
    return f"/assignments/{world.assignment.slug}{tail}"


def why(world, tail=""):
    return address(world, f"/items/B.why{tail}")


def row_of(world, name="Ada"):
    found = world.client("ta").get(address(world, "/gradebook"), params={"search": name}).json()["items"]
    return found[0]


def test_one_question_is_graded_released_and_exported(world, graded):
    ta = world.client("ta")
    listed = ta.get(address(world, "/items")).json()
    assert (listed["is_blind"], listed["released_at"]) == (True, None)
    item = listed["items"][0]
    assert (item["id"], item["points"], item["waiting"], item["graded"]) == ("B.why", 4.0, 1, 0)
    assert [line["key"] for line in item["rubric"]] == ["one", "two", "vague"]
    added = ta.post(why(world, "/rubric"), json={"label": "A figure", "points": 0.5}).json()
    assert added == {"key": "r1", "label": "A figure", "points": 0.5}
    piece = ta.post(why(world, "/next"), json={}).json()
    assert (piece["submission"], piece["whose"], piece["newest"]) == (graded["id"], "", 0)
    # Nobody else is given the same.
    assert world.client("instructor").post(why(world, "/next")).status_code == 204
    body = {"applied": ["one", "r1"], "comment": "Say why.", "newest": 0}
    made = ta.post(why(world, f"/pieces/{graded['id']}/gradings"), json=body)
    assert made.status_code == 201, made.text
    assert (row_of(world)["score"], row_of(world)["max_score"], row_of(world)["items_waiting"]) == (5.5, 9.0, 1)
    assert ta.put(why(world, "/rubric/r1"), json={"label": "A figure", "points": 1}).json() == {"scored_anew": 1}
    assert row_of(world)["items_points"] == 3.0

    student = world.client("student")
    before = student.get(f"/submissions/{graded['id']}")
    assert (before.json()["items"], before.json()["counted"]) == ([], None)
    assert "Say why" not in before.text
    assert world.client("instructor").put(address(world, "/grading"), json={"is_released": True}).status_code == 204
    after = student.get(f"/submissions/{graded['id']}").json()
    told = after["items"][0]
    assert (told["points"], told["comment"], told["graded_by"]) == (3.0, "Say why.", None)
    assert told["lines"] == [{"label": "one reason", "points": 2.0}, {"label": "A figure", "points": 1.0}]
    assert (after["counted"]["score"], after["counted"]["max_score"]) == (6.0, 9.0)
    assert student.get(address(world)).json()["standing"]["score"] == 6.0
    for form, cells in (("csv", 1), ("canvas", 1), ("moodle", 1), ("gradescope", 1)):
        text = ta.get(address(world, "/gradebook"), params={"format": form}).text
        rows = [row for row in csv.reader(io.StringIO(text)) if any("Ada" in cell for cell in row)]
        assert len(rows) == cells
        assert "6" in rows[0]
    assert ",9" in ta.get(address(world, "/gradebook"), params={"format": "canvas"}).text.splitlines()[1]
    term = ta.get(f"/courses/{world.course.slug}/gradebook").json()
    assert 9.0 in [one["max_score"] for one in term["assignments"]]
    withdrawn = ta.delete(
        why(world, f"/pieces/{graded['id']}/gradings/{made.json()['id']}"), params={"reason": "Slip."}
    )
    assert (withdrawn.status_code, row_of(world)["score"]) == (204, 3.0)


def test_blind_answers_name_nobody_and_an_instructor_may_end_it(world, graded):
    ta, tail = world.client("ta"), f"/pieces/{graded['id']}"
    for path in ("/pieces", tail):
        text = ta.get(why(world, path)).text
        for name in ("Ada", "ada_lovelace", world.people["student"].email):
            assert name not in text
    assert world.client("instructor").put(address(world, "/grading"), json={"is_blind": False}).status_code == 204
    assert ta.get(why(world, tail)).json()["whose"] == "Ada"
    assert ta.get(why(world, "/pieces")).json()["items"][0]["whose"] == "Ada"


def test_comments_are_kept_and_used_again(world, graded):
    ta = world.client("ta")
    made = ta.post(why(world, "/comments"), json={"text": "Say why."}).json()["id"]
    kept = world.client("instructor").get(why(world, "/comments")).json()["items"]
    assert kept == [{"id": made, "text": "Say why.", "made_by": world.people["ta"].name}]
    assert ta.delete(why(world, f"/comments/{made}")).status_code == 204
    assert ta.get(why(world, "/comments")).json()["items"] == []


def test_a_written_answer_stands_beside_its_item(world, graded):
    blob = world.serving.services.blobs
    kept = blob.put(packed({"B.count": 3, "A.other": 4}))
    with world.database.begin() as work:
        work.session.execute(text("UPDATE submissions SET answers_sha256 = :sha"), {"sha": kept.sha256})
    found = world.client("ta").get(why(world, f"/pieces/{graded['id']}")).json()
    assert found["answers"] == {"B.count": 3}


def test_a_mark_by_a_person_is_given_and_taken_back(world, graded):
    ta, path = world.client("ta"), address(world, f"/given-marks/{world.people['student'].id}")
    too_low = ta.put(path, json={"value": 5, "reason": "A new idea."})
    assert (too_low.status_code, "70%" in too_low.json()["detail"]) == (422, True)
    ta.post(why(world, f"/pieces/{graded['id']}/gradings"), json={"applied": ["one", "two"]})
    assert ta.put(path, json={"value": 5, "reason": "A new idea."}).status_code == 204
    found = ta.get(path).json()
    assert (found["given"]["value"], found["possible"]) == (5.0, [{"value": 5.0, "label": "creative", "share": 0.7}])
    assert row_of(world)["scale"] == {"value": 5.0, "label": "creative"}
    shown = world.client("student").get(f"/submissions/{graded['id']}").json()["given_mark"]
    assert (shown["value"], shown["reason"], shown["made_by"]) == (5.0, "A new idea.", None)
    assert ta.delete(path, params={"reason": "A slip."}).status_code == 204
    assert ta.delete(path, params={"reason": "A slip."}).status_code == 404
    assert row_of(world)["scale"]["value"] == 1.0


@pytest.mark.parametrize(
    "body",
    [
        {"applied": "one"},
        {"free_points": "1"},
        {"free_points": True},
        {"comment": "x" * 4001},
        {"newest": -1},
        {"points": 3},
        {"member": 0},
    ],
)
def test_what_a_grading_does_not_say_is_told(world, graded, body):
    answer = world.client("ta").post(why(world, f"/pieces/{graded['id']}/gradings"), json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].endswith(".")


def test_what_is_not_there_or_changed_meanwhile_is_told(world, graded):
    ta, piece = world.client("ta"), f"/pieces/{graded['id']}"
    assert ta.post(why(world, f"{piece}/gradings"), json={"applied": ["none"]}).status_code == 404
    assert ta.post(address(world, f"/items/none{piece}/gradings"), json={}).status_code == 404
    assert ta.put(why(world, "/rubric/none"), json={"label": "x", "points": 1}).status_code == 404
    assert ta.put(address(world, "/grading"), json={}).status_code == 403
    assert world.client("instructor").put(address(world, "/grading"), json={}).status_code == 422
    ta.post(why(world, f"{piece}/gradings"), json={})
    again = ta.post(why(world, f"{piece}/gradings"), json={"newest": 0})
    assert (again.status_code, again.json()["code"]) == (409, "already-graded")


def test_students_and_other_courses_staff_neither_see_nor_change_it(world, graded):
    piece = f"/pieces/{graded['id']}"
    made = world.client("ta").post(why(world, f"{piece}/gradings"), json={"comment": "For staff yet."}).json()["id"]
    mark = address(world, f"/given-marks/{world.people['student'].id}")
    line = {"label": "x", "points": 9}
    for name, status in (("student", 403), ("classmate", 403), ("other instructor", 404), ("stranger", 404)):
        client = world.client(name)
        for answer in (
            client.get(address(world, "/items")),
            client.put(address(world, "/grading"), json={"is_released": True}),
            client.post(why(world, "/rubric"), json=line),
            client.put(why(world, "/rubric/one"), json=line),
            client.delete(why(world, "/rubric/one")),
            client.get(why(world, "/comments")),
            client.post(why(world, "/comments"), json={"text": "x"}),
            client.delete(why(world, "/comments/1")),
            client.get(why(world, "/pieces")),
            client.post(why(world, "/next")),
            client.get(why(world, piece)),
            client.post(why(world, f"{piece}/gradings"), json={}),
            client.delete(why(world, f"{piece}/gradings/{made}"), params={"reason": "x"}),
            client.get(mark),
            client.put(mark, json={"value": 5, "reason": "x"}),
            client.delete(mark, params={"reason": "x"}),
        ):
            assert answer.status_code == status, (name, answer.request.url, answer.text)
            assert "For staff yet" not in answer.text
    assert world.client("ta").put(address(world, "/grading"), json={"is_released": True}).status_code == 403
    assert row_of(world)["score"] == 3.0
