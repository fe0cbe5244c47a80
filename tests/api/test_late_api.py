"""Extensions, late policies and choices over HTTP: what each gives, and who is let in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.course import Scope
from grader.storage.models import AssignmentRow, SpecVersionRow
from tests import builders


def change(world, *, late=None, **values):
    """The assignment as it was offered and its spec's late policy, straight in the tables."""
    with world.database.begin() as work:
        row = work.session.get(AssignmentRow, world.assignment.id)
        for name, value in values.items():
            setattr(row, name, value)
        if late is not None:
            version = work.session.get(SpecVersionRow, row.spec_version_id)
            version.definition = builders.a_definition(late=late).model_dump(mode="json")


def path(world, rest=""):
    return f"/assignments/{world.assignment.slug}{rest}"


def ago(**distance):
    return datetime.now(UTC) - timedelta(**distance)


@pytest.fixture
def overdue(world):
    """Due a day and a half ago, and everything late refused."""
    change(world, due_at=ago(hours=36))
    return world


class TestExtensions:
    def test_given_listed_and_withdrawn(self, overdue):
        ta, student, ada = overdue.client("ta"), overdue.client("student"), overdue.people["student"].id
        assert overdue.hand_in().json()["code"] == "past-deadline"
        body = {"extra_days": 3, "reason": "Ill."}
        given = ta.put(path(overdue, f"/extensions/{ada}"), json=body)
        assert given.status_code == 200, given.text
        assert (given.json()["extra_days"], given.json()["people"]) == (3, [{"id": ada, "name": "Ada"}])
        seen = student.get(path(overdue)).json()
        assert seen["standing"]["due_at"] == given.json()["due_at"] != seen["due_at"]
        assert seen["standing"]["is_open"]
        assert overdue.hand_in().status_code == 202
        listed = ta.get(path(overdue, "/extensions")).json()["items"]
        assert [one["made_by"] for one in listed] == [overdue.people["ta"].email]
        withdrawn = ta.delete(path(overdue, f"/extensions/{ada}"), params={"reason": "A slip."})
        assert withdrawn.status_code == 204
        assert ta.get(path(overdue, "/extensions")).json()["items"] == []
        (line,) = student.get("/submissions").json()["items"]
        assert line["late_days"] == 2

    def test_bad_ones_are_refused_in_one_sentence(self, overdue):
        ta, ada = overdue.client("ta"), overdue.people["student"].id
        for body in ({"reason": "x"}, {"extra_days": 1}, {"extra_days": 0, "reason": "x"}, {"extra_days": "1", "reason": "x"},
                     {"due_at": "2020-01-01T00:00:00Z", "reason": "x"}, {"due_at": "2099-01-01T00:00:00", "reason": "x"},
                     {"extra_days": 1, "reason": "x", "more": 1}):  # fmt: skip
            assert ta.put(path(overdue, f"/extensions/{ada}"), json=body).status_code == 422, body
        for person in (overdue.people["stranger"].id, 999_999, "x"):
            answer = ta.put(path(overdue, f"/extensions/{person}"), json={"extra_days": 1, "reason": "x"})
            assert answer.status_code == 404
        assert ta.delete(path(overdue, f"/extensions/{ada}"), params={"reason": "x"}).status_code == 404

    def test_students_and_other_courses_staff_reach_none_of_it(self, overdue):
        ada = overdue.people["student"].id
        for name, status in (("student", 403), ("classmate", 403), ("stranger", 404), ("other instructor", 404)):
            client = overdue.client(name)
            body = {"extra_days": 1, "reason": "x"}
            answers = (
                client.get(path(overdue, "/extensions")),
                client.put(path(overdue, f"/extensions/{ada}"), json=body),
                client.delete(path(overdue, f"/extensions/{ada}"), params={"reason": "x"}),
                client.put(path(overdue, "/late-policy"), json={"grace_minutes": 1, "reason": "x"}),
                client.delete(path(overdue, "/late-policy"), params={"reason": "x"}),
            )
            assert {answer.status_code for answer in answers} == {status}, name


class TestTheTerm:
    def test_an_upload_is_announced_and_its_receipt_confirms_it(self, world):
        change(world, due_at=ago(hours=36), late={"extension_days_per_term": 4})
        standing = world.client("student").get(path(world)).json()["standing"]
        assert (standing["late_days_now"], standing["days_used_now"], standing["days_left"]) == (2, 2, 4)
        receipt = world.hand_in().json()
        assert (receipt["late_days"], receipt["days_used"], receipt["days_left"], receipt["penalty"]) == (2, 2, 2, 0.0)
        assert world.hand_in().json() == {**receipt, "is_new": False}


class TestThePolicy:
    def test_it_rescores_without_a_run_and_the_specs_comes_back(self, world):
        change(world, due_at=ago(hours=36), late={"refuse_after_extension": False})
        submission = world.hand_in().json()["id"]
        world.grade()
        boss, ta = world.client("instructor"), world.client("ta")
        body = {"beyond": "penalise", "penalty_per_day": 0.1, "most_penalty": 0.5, "reason": "Agreed."}
        policy = boss.put(path(world, "/late-policy"), json=body).json()
        assert (policy["is_set"], policy["words"]) == (
            True, "Late uploads lose 10% of their points for each started day, 50% at most."
        )  # fmt: skip
        (row,) = ta.get(path(world, "/gradebook"), params={"state": "graded"}).json()["items"]
        assert (row["score"], row["late_days"], row["beyond_days"], row["penalty"]) == (4.0, 2, 2, 1.0)
        assert len(ta.get(f"/submissions/{submission}/runs").json()["items"]) == 1
        assert world.client("student").get(path(world)).json()["standing"]["score"] == 4.0
        assert boss.delete(path(world, "/late-policy"), params={"reason": "No."}).json()["is_set"] is False
        (row,) = ta.get(path(world, "/gradebook"), params={"state": "graded"}).json()["items"]
        assert (row["score"], row["beyond_days"], row["penalty"]) == (5.0, 2, 0.0)
        assert boss.delete(path(world, "/late-policy"), params={"reason": "No."}).status_code == 404

    def test_a_teaching_assistant_does_not_set_it_and_nonsense_is_refused(self, world):
        assert (
            world.client("ta").put(path(world, "/late-policy"), json={"grace_minutes": 1, "reason": "x"}).status_code
            == 403
        )
        for body in ({"grace_minutes": 1}, {"reason": "x", "beyond": "penalise"}, {"reason": "x", "beyond": "x"},
                     {"reason": "x", "penalty_per_day": 2}, {"reason": "x", "grace_minutes": 1.5}):  # fmt: skip
            assert world.client("instructor").put(path(world, "/late-policy"), json=body).status_code == 422, body


class TestChoices:
    def test_a_student_chooses_what_counts_until_it_is_over(self, world):
        change(world, counting="chosen")
        first, second = (world.hand_in(content=b"x = %d\n" % n).json()["id"] for n in (1, 2))
        world.grade()
        ada = world.client("student")
        assert self.counting(ada) == [second]
        assert ada.put(f"/submissions/{first}/choice").status_code == 204
        assert self.counting(ada) == [first]
        change(world, due_at=ago(hours=1))
        assert ada.put(f"/submissions/{second}/choice").json()["code"] == "past-deadline"
        ta = world.client("ta")
        assert ta.put(f"/submissions/{second}/choice").status_code == 422
        assert ta.put(f"/submissions/{second}/choice", json={"reason": "Asked by mail."}).status_code == 204
        assert self.counting(ada) == [second]
        # A token of staff that may only hand in chooses nothing for others.
        limited = world.client("ta", Scope.READ, Scope.SUBMIT)
        assert limited.put(f"/submissions/{first}/choice", json={"reason": "x"}).status_code == 403

    def test_others_cannot_choose_it(self, world):
        change(world, counting="chosen")
        submission = world.hand_in().json()["id"]
        for name in ("classmate", "stranger", "other instructor"):
            assert world.client(name).put(f"/submissions/{submission}/choice", json={"reason": "x"}).status_code == 404

    def counting(self, client):
        return [line["id"] for line in client.get("/submissions").json()["items"] if line["counts"]]
