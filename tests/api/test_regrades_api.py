"""Regrade requests over the API: each role against each action."""

from __future__ import annotations

import pytest

from grader.domain.check import CheckStatus, Visibility
from grader.domain.course import Scope
from grader.domain.ids import PersonId
from tests import builders

ASK = {"target": "check", "id": "A.two", "reason": "The task says otherwise."}
GRANT = {"granted": True, "words": "You are right.", "points": 1.5}


@pytest.fixture
def graded(world):
    """Ada's submission with the check A.two (2 points) lost: 3 of 5."""
    receipt = world.hand_in().json()
    world.grade(
        results=tuple(
            builders.a_result(one, CheckStatus.FAILED if one.id == "A.two" else CheckStatus.PASSED)
            for one in builders.a_plan()
        )
    )
    return receipt


@pytest.fixture
def asked(world, graded):
    return world.client("student").post(f"/submissions/{graded['id']}/regrades", json=ASK).json()


def test_a_request_is_asked_answered_and_read_by_both(world, graded):
    student, ta = world.client("student"), world.client("ta")
    made = student.post(f"/submissions/{graded['id']}/regrades", json=ASK)
    assert made.status_code == 201, made.text
    asked = made.json()
    assert (asked["state"], asked["title"], asked["target_id"], asked["answer"], asked["points"]) == (
        "open", "Two (A.two)", "A.two", "", None
    )  # fmt: skip
    answer = ta.put(f"/regrades/{asked['id']}/answer", json=GRANT)
    assert answer.status_code == 200, answer.text
    for client in (student, ta):
        seen = client.get(f"/regrades/{asked['id']}").json()
        assert seen == answer.json()
        assert (seen["state"], seen["answer"], seen["points"]) == ("granted", "You are right.", 1.5)
        assert seen["answered_by"] == world.people["ta"].name
    found = student.get(f"/submissions/{graded['id']}").json()
    assert (found["counted"]["score"], found["adjustments"][0]["reason"]) == (4.5, "You are right.")
    again = ta.put(f"/regrades/{asked['id']}/answer", json={"granted": False, "words": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "already-answered")


def test_the_queue_is_filtered_and_paged(world, graded, asked):
    student, ta = world.client("student"), world.client("ta")
    whole = student.post(f"/submissions/{graded['id']}/regrades", json={"target": "whole", "reason": "All."}).json()
    ta.put(f"/regrades/{asked['id']}/answer", json={"granted": False, "words": "No."})
    slug = world.assignment.slug
    for query, expected in (
        ({}, [whole, asked]),
        ({"assignment": slug, "state": "open"}, [whole]),
        ({"course": world.course.slug, "state": "declined"}, [asked]),
        ({"submission": graded["id"]}, [whole, asked]),
    ):
        found = ta.get("/regrades", params=query).json()["items"]
        assert [one["id"] for one in found] == [one["id"] for one in expected], query
    first = ta.get("/regrades", params={"limit": 1}).json()
    second = ta.get("/regrades", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [whole["id"], asked["id"]]
    assert second["next_cursor"] is None
    for query in ("state=nice", "cursor=zzz", "limit=0", "cursor=WzEsMiwzXQ=="):
        assert ta.get(f"/regrades?{query}").status_code == 422, query
    for query in ("course=none", "assignment=none", "submission=none"):
        assert ta.get(f"/regrades?{query}").status_code == 404, query


def test_it_is_taken_back_by_whoever_asked(world, asked):
    assert world.client("ta").delete(f"/regrades/{asked['id']}").status_code == 403
    student = world.client("student")
    assert student.delete(f"/regrades/{asked['id']}").status_code == 204
    assert student.get(f"/regrades/{asked['id']}").json()["state"] == "withdrawn"
    assert student.delete(f"/regrades/{asked['id']}").status_code == 409


def test_each_role_reaches_its_own_and_no_more(world, graded, asked):
    regrade, submission = f"/regrades/{asked['id']}", f"/submissions/{graded['id']}/regrades"
    for name in ("classmate", "stranger", "other instructor"):
        client = world.client(name)
        answers = [
            client.get(regrade),
            client.delete(regrade),
            client.put(f"{regrade}/answer", json=GRANT),
            client.post(submission, json=ASK | {"target": "whole", "id": ""}),
        ]
        assert {answer.status_code for answer in answers} == {404}, name
        assert client.get("/regrades").json()["items"] == []
    student = world.client("student")
    assert student.put(f"{regrade}/answer", json=GRANT).json()["code"] == "needs-role"
    assert world.client("ta").post(submission, json=ASK).json()["code"] == "needs-role"
    window = f"/assignments/{world.assignment.slug}/regrade-window"
    for name, status in (("student", 403), ("ta", 403), ("other instructor", 404)):
        assert world.client(name).put(window, json={"days": 30}).status_code == status
    assert student.get(regrade).json()["state"] == "open"


def test_a_token_needs_read_besides(world, graded):
    submit = world.client("student", Scope.SUBMIT)
    assert submit.post(f"/submissions/{graded['id']}/regrades", json=ASK).json()["code"] == "needs-scope"
    both = world.client("student", Scope.SUBMIT, Scope.READ)
    assert both.post(f"/submissions/{graded['id']}/regrades", json=ASK).status_code == 201


def test_the_window_is_in_the_assignment_and_closes(world, graded):
    slug = world.assignment.slug
    student, instructor = world.client("student"), world.client("instructor")
    assert student.get(f"/assignments/{slug}").json()["regrade_days"] == 7
    for body in ({"days": -1}, {"days": 367}, {"days": 1.5}, {"days": "7"}, {"days": True}, {}):
        assert instructor.put(f"/assignments/{slug}/regrade-window", json=body).status_code == 422, body
    assert instructor.put(f"/assignments/{slug}/regrade-window", json={"days": 0}).status_code == 204
    assert student.get(f"/assignments/{slug}").json()["regrade_days"] == 0
    refused = student.post(f"/submissions/{graded['id']}/regrades", json=ASK)
    assert (refused.status_code, refused.json()["code"]) == (403, "regrade-closed")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (ASK | {"reason": ""}, 422),
        (ASK | {"reason": "  "}, 422),
        (ASK | {"reason": "x" * 2001}, 422),
        (ASK | {"reason": "\x00"}, 422),
        (ASK | {"id": ""}, 422),
        (ASK | {"target": "whole"}, 422),
        (ASK | {"target": "question"}, 422),
        (ASK | {"points": 2}, 422),
        (ASK | {"id": "A.none"}, 404),
        (ASK | {"target": "part", "id": "Z"}, 404),
    ],
)
def test_a_request_that_cannot_be_is_told(world, graded, body, status):
    answer = world.client("student").post(f"/submissions/{graded['id']}/regrades", json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"granted": True},
        {"granted": "yes", "words": "x"},
        {"granted": True, "words": ""},
        {"granted": True, "words": "x" * 1001},
        {"granted": False, "words": "x", "points": 1},
        {"granted": True, "words": "x", "points": 0},
        {"granted": True, "words": "x", "points": "1"},
        {"granted": True, "words": "x", "score": 1},
    ],
)
def test_an_answer_that_cannot_be_is_told_and_leaves_it_open(world, asked, body):
    answer = world.client("ta").put(f"/regrades/{asked['id']}/answer", json=body)
    assert answer.status_code == 422, answer.text
    assert world.client("student").get(f"/regrades/{asked['id']}").json()["state"] == "open"


@pytest.mark.parametrize("visibility", [Visibility.STAFF, Visibility.AFTER_DUE])
def test_a_hidden_check_is_neither_asked_about_nor_told_of(world, visibility):
    """Nothing of an adjustment of a check that is kept from the student is in anything they can fetch."""
    with world.database.begin() as work:
        plan = tuple(
            type(one)(**{name: getattr(one, name) for name in one.__slots__} | {"visibility": visibility})
            if one.id == "A.two"
            else one
            for one in builders.a_plan()
        )
        world.assignment = builders.an_assignment(work, world.course, plan=plan)
    receipt = world.hand_in().json()
    world.grade(results=tuple(builders.a_result(one, visibility=one.visibility) for one in plan))
    student, ta = world.client("student"), world.client("ta")
    refused = student.post(f"/submissions/{receipt['id']}/regrades", json=ASK)
    made_up = student.post(f"/submissions/{receipt['id']}/regrades", json=ASK | {"id": "A.made-up"})
    assert (refused.status_code, refused.json()["detail"]) == (404, made_up.json()["detail"])
    person = PersonId(world.people["student"].id)
    body = {"target": "check", "id": "A.two", "points": -2, "reason": "Copied the hidden answer."}
    address = f"/assignments/{world.assignment.slug}/adjustments/{person}"
    assert ta.post(address, json=body).status_code == 201
    for path in (f"/submissions/{receipt['id']}", "/submissions", f"/assignments/{world.assignment.slug}", "/regrades"):
        answer = student.get(path)
        assert answer.status_code == 200
        assert "hidden answer" not in answer.text
        assert '"adjusted_score":3' not in answer.text
    found = student.get(f"/submissions/{receipt['id']}").json()
    assert (found["score"], found["counted"], found["adjustments"], found["adjusted_score"]) == (None, None, [], None)
    assert student.get(f"/assignments/{world.assignment.slug}").json()["standing"]["score"] is None
