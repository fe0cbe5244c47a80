"""What an upload becomes: one submission or the one that is there, within quota and deadline."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsScope, NotYours, PastDeadline, QuotaUsed, UnknownAssignment
from grader.domain.run import RunStatus
from grader.domain.submission import Upload
from grader.service import quota, runs, submissions
from grader.service.submissions import SubmissionQuery
from tests.builders import a_course, a_definition, a_person, a_reader, a_team, an_assignment
from tests.service.test_queue_stages import a_report, claim, finish, grade_all


def an_upload(content: str) -> Upload:
    return Upload(name="model.py", sha256=f"{content:0>64}", size_bytes=10)


@pytest.fixture
def place(database):
    """(course, assignment, reader) with keywords for the assignment; `course` keywords under course=."""

    def make(course: dict | None = None, **overrides):
        with database.begin() as work:
            made = a_course(work, **(course or {}))
            assignment = an_assignment(work, made, **overrides)
            return made, assignment, a_reader(a_person(work, made), made)

    return make


def receive(database, reader, assignment, content: str = "1", key: str | None = None):
    with database.begin() as work:
        return submissions.receive(work, reader, assignment, an_upload(content), idempotency_key=key)


def test_a_receipt_promises_a_submission_with_a_waiting_run(database, place):
    _, assignment, reader = place()
    receipt = receive(database, reader, assignment)
    assert (receipt.number, receipt.is_new, receipt.late_days) == (1, True, 0)
    assert receipt.received_at.tzinfo is not None
    with database.begin() as work:
        found = submissions.find(work, reader, receipt.id)
        assert submissions.latest_run(work, reader, found).state == "waiting"


class TestTheSameUploadTwice:
    def test_the_same_bytes_are_the_same_submission(self, database, place):
        _, assignment, reader = place()
        first, second = receive(database, reader, assignment), receive(database, reader, assignment)
        assert (second.id, second.received_at, second.is_new) == (first.id, first.received_at, False)

    def test_going_back_to_an_older_version_is_a_new_submission(self, database, place):
        _, assignment, reader = place()
        receipts = [receive(database, reader, assignment, content) for content in ("1", "2", "1")]
        assert [receipt.number for receipt in receipts] == [1, 2, 3]

    def test_a_double_click_makes_one_submission(self, database, place):
        _, assignment, reader = place()
        start = threading.Barrier(8)

        def click(_: int):
            start.wait()
            return receive(database, reader, assignment)

        with ThreadPoolExecutor(8) as threads:
            receipts = list(threads.map(click, range(8)))
        assert len({receipt.id for receipt in receipts}) == 1
        assert sum(receipt.is_new for receipt in receipts) == 1

    def test_a_key_gives_its_receipt_even_after_another_upload(self, database, place):
        _, assignment, reader = place()
        first = receive(database, reader, assignment, "1", key="k")
        receive(database, reader, assignment, "2")
        assert receive(database, reader, assignment, "1", key="k").id == first.id

    def test_a_key_with_other_bytes_is_a_mistake(self, database, place):
        _, assignment, reader = place()
        receive(database, reader, assignment, "1", key="k")
        with pytest.raises(BadRequest, match="key"):
            receive(database, reader, assignment, "2", key="k")

    def test_two_students_with_the_same_bytes_are_two_submissions(self, database, place):
        course, assignment, reader = place()
        with database.begin() as work:
            other = a_reader(a_person(work, course), course)
        assert receive(database, reader, assignment).id != receive(database, other, assignment).id


class TestQuota:
    def test_the_last_upload_of_the_day_says_when_the_next_is_possible(self, database, place):
        _, assignment, reader = place(course={"time_zone": "Asia/Tokyo"}, uploads_per_day=2)
        receive(database, reader, assignment, "1")
        receive(database, reader, assignment, "2")
        with pytest.raises(QuotaUsed, match=r"2 uploads of today.* 00:00 \(Asia/Tokyo\)"):
            receive(database, reader, assignment, "3")

    def test_the_same_upload_again_has_its_receipt_when_the_quota_is_used(self, database, place):
        _, assignment, reader = place(uploads_per_day=1)
        first = receive(database, reader, assignment, "1")
        assert receive(database, reader, assignment, "1").id == first.id

    def test_a_rejected_submission_costs_nothing(self, database, place):
        _, assignment, reader = place(uploads_per_day=1)
        receive(database, reader, assignment, "1")
        finish(database, claim(database).lease, a_report(status=RunStatus.REJECTED, message="no code"))
        assert receive(database, reader, assignment, "2").is_new

    def test_the_day_is_the_courses_own(self, database, place):
        """Midnight in Auckland has passed while it is still yesterday in UTC."""
        _, assignment, reader = place(course={"time_zone": "Pacific/Auckland"}, uploads_per_day=1)
        noon_there = datetime(2026, 6, 10, 0, 0, tzinfo=UTC)
        receive(database, reader, assignment, "1")
        with database.engine.begin() as connection:
            connection.execute(
                text("UPDATE submissions SET received_at = :at"), {"at": datetime(2026, 6, 9, 11, 59, tzinfo=UTC)}
            )
        with database.begin() as work:
            owner = quota.owner_of(work, reader, assignment)
            assert quota.allowance(work, reader, assignment, owner, noon_there).uploads_left == 1
        with database.engine.begin() as connection:
            connection.execute(
                text("UPDATE submissions SET received_at = :at"), {"at": datetime(2026, 6, 9, 12, 1, tzinfo=UTC)}
            )
        with database.begin() as work:
            allowed = quota.allowance(work, reader, assignment, owner, noon_there)
        assert allowed.uploads_left == 0
        assert allowed.next_upload_at.isoformat() == "2026-06-11T00:00:00+12:00"

    def test_staff_are_not_bound(self, database, place):
        course, assignment, _ = place(uploads_per_day=1, due_at=datetime.now(UTC) - timedelta(days=30))
        with database.begin() as work:
            teacher = a_reader(a_person(work, course, Role.INSTRUCTOR), course, role=Role.INSTRUCTOR)
        assert [receive(database, teacher, assignment, content).number for content in "12"] == [1, 2]


class TestLateDays:
    def late(self, days: float) -> dict:
        policy = {"late": {"extension_days_per_term": 3, "refuse_after_extension": True}}
        return {"due_at": datetime.now(UTC) - timedelta(days=days), "definition": a_definition(**policy)}

    def test_started_days_are_charged(self, database, place):
        _, assignment, reader = place(**self.late(1.5))
        assert receive(database, reader, assignment).late_days == 2

    def test_beyond_the_budget_is_past_the_deadline(self, database, place):
        _, assignment, reader = place(**self.late(3.5))
        with pytest.raises(PastDeadline, match="4 started days ago, and you have 3 late days left"):
            receive(database, reader, assignment)
        with pytest.raises(PastDeadline), database.begin() as work:
            submissions.refuse_unless_open(work, reader, assignment)

    def test_days_used_for_another_assignment_are_gone(self, database, place):
        course, assignment, reader = place(**self.late(1.5))
        receive(database, reader, assignment)
        with database.begin() as work:
            other = an_assignment(work, course, **self.late(1.5))
        with pytest.raises(PastDeadline, match="1 late day left"):
            receive(database, reader, other)

    def test_days_used_for_the_same_assignment_are_not_charged_twice(self, database, place):
        _, assignment, reader = place(**self.late(2.5))
        receive(database, reader, assignment, "1")
        assert receive(database, reader, assignment, "2").late_days == 3


class TestWhoMay:
    def test_a_stranger_reads_that_there_is_no_such_assignment(self, database, place):
        _, assignment, _ = place()
        _, _, stranger = place()
        with pytest.raises(UnknownAssignment):
            receive(database, stranger, assignment)

    def test_a_token_without_the_scope_may_not(self, database, place):
        _, assignment, reader = place()
        reading = type(reader)(person=reader.person, roles=reader.roles, scopes=frozenset({Scope.READ}))
        with pytest.raises(NeedsScope, match="submit"):
            receive(database, reading, assignment)

    def test_anothers_submission_reads_like_none(self, database, place):
        course, assignment, reader = place()
        with database.begin() as work:
            other = a_reader(a_person(work, course), course)
        receipt = receive(database, reader, assignment)
        said = set()
        for identity in (receipt.id, "9f4dbe7e-0000-4000-8000-000000000000", "nonsense"):
            with pytest.raises(NotYours) as caught, database.begin() as work:
                submissions.find(work, other, identity)
            said.add(str(caught.value))
        assert len(said) == 1

    def test_a_team_hands_in_and_reads_together(self, database, place):
        course, assignment, _ = place(definition=a_definition(team_size=[2, 4]))
        with database.begin() as work:
            team = a_team(work, course)
            one, two = (a_reader(a_person(work, course, team_id=team.id), course) for _ in range(2))
        first = receive(database, one, assignment, "1")
        assert receive(database, two, assignment, "1").id == first.id
        with database.begin() as work:
            found = submissions.find(work, two, first.id)
        assert found.team == team.name

    def test_what_a_team_handed_in_stays_visible_when_teams_are_made_anew(self, database, place):
        course, assignment, _ = place(definition=a_definition(team_size=[2, 4]))
        with database.begin() as work:
            before, after = a_team(work, course), a_team(work, course)
            one, two = (a_reader(a_person(work, course, team_id=before.id), course) for _ in range(2))
            newcomer = a_reader(a_person(work, course, team_id=after.id), course)
        receipt = receive(database, one, assignment, "1")
        with database.engine.begin() as connection:
            moved = text("UPDATE memberships SET team_id = :team WHERE person_id = :person")
            connection.execute(moved, {"team": after.id, "person": two.id})
        with database.begin() as work:
            assert submissions.find(work, two, receipt.id).id == receipt.id
            assert len(submissions.list_submissions(work, two, SubmissionQuery()).lines) == 1
            assert submissions.list_submissions(work, newcomer, SubmissionQuery()).lines == ()
        with pytest.raises(NotYours), database.begin() as work:
            submissions.find(work, newcomer, receipt.id)


class TestLists:
    def test_paging_gives_every_submission_once_newest_first(self, database, place):
        _, assignment, reader = place()
        for number in range(7):
            receive(database, reader, assignment, str(number))
        numbers, cursor = [], ""
        while True:
            with database.begin() as work:
                page = submissions.list_submissions(work, reader, SubmissionQuery(cursor=cursor, limit=3))
            numbers += [line.submission.number for line in page.lines]
            cursor = page.next_cursor
            if not cursor:
                break
        assert numbers == [7, 6, 5, 4, 3, 2, 1]

    def test_a_student_lists_their_own_and_staff_the_courses(self, database, place):
        course, assignment, reader = place()
        with database.begin() as work:
            other = a_reader(a_person(work, course), course)
            teacher = a_reader(a_person(work, course, Role.TA), course, role=Role.TA)
        receive(database, reader, assignment, "1")
        receive(database, other, assignment, "2")
        with database.begin() as work:
            assert len(submissions.list_submissions(work, reader, SubmissionQuery()).lines) == 1
            assert len(submissions.list_submissions(work, teacher, SubmissionQuery()).lines) == 2

    def test_a_course_that_was_left_is_not_listed(self, database, place):
        _, assignment, reader = place()
        course, other, _ = place()
        receive(database, reader, assignment)
        both = type(reader)(person=reader.person, roles={**reader.roles, course.id: Role.STUDENT})
        receive(database, both, other)
        left = type(reader)(person=reader.person, roles={course.id: Role.STUDENT})
        with database.begin() as work:
            assert len(submissions.list_submissions(work, both, SubmissionQuery()).lines) == 2
            (line,) = submissions.list_submissions(work, left, SubmissionQuery()).lines
        assert line.submission.assignment == other.slug

    def test_a_state_is_that_of_the_newest_run(self, database, place):
        course, assignment, reader = place()
        with database.begin() as work:
            teacher = a_reader(a_person(work, course, Role.TA), course, role=Role.TA)
        receive(database, reader, assignment, "1")
        grade_all(database)
        receive(database, reader, assignment, "2")
        claim(database)
        with database.begin() as work:
            found = {
                state: [line.submission.number for line in submissions.list_submissions(work, teacher, query).lines]
                for state in ("graded", "grading", "waiting")
                for query in [SubmissionQuery(state=state)]
            }
        assert found == {"graded": [1], "grading": [2], "waiting": []}

    def test_a_broken_cursor_is_said(self, database, place):
        _, _, reader = place()
        for cursor in ("x", "bm9uc2Vuc2U=", "WzEsMl0="):
            with pytest.raises(BadRequest, match="cursor"), database.begin() as work:
                submissions.list_submissions(work, reader, SubmissionQuery(cursor=cursor))

    def test_the_one_that_counts_is_marked(self, database, place):
        _, assignment, reader = place()
        receive(database, reader, assignment, "1")
        receive(database, reader, assignment, "2")
        grade_all(database)
        with database.begin() as work:
            lines = submissions.list_submissions(work, reader, SubmissionQuery()).lines
        assert [(line.counts, line.score, line.state) for line in lines] == [
            (True, 5.0, "graded"),
            (False, 5.0, "graded"),
        ]


def test_a_rerun_hides_nothing_until_it_is_done(database, place):
    course, assignment, reader = place()
    receipt = receive(database, reader, assignment)
    grade_all(database)
    with database.begin() as work:
        teacher = a_reader(a_person(work, course, Role.TA), course, role=Role.TA)
        found = submissions.find(work, teacher, receipt.id)
        run = runs.rerun(work, teacher, found)
        assert runs.rerun(work, teacher, found).id == run.id
    with database.begin() as work:
        assert submissions.latest_run(work, reader, found).state == "graded"
        assert submissions.latest_run(work, teacher, found).state == "waiting"
        assert len(submissions.runs_of(work, teacher, found)) == 2
