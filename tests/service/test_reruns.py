"""A new run of an old submission: by the spec version that holds now, once, and only by staff."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from grader.domain.course import Role, Scope
from grader.domain.errors import NeedsRole, NeedsScope
from grader.domain.grading import RunReason
from grader.domain.submission import Upload
from grader.service import assignments, runs, submissions
from grader.storage.models import CourseRow
from tests.builders import a_course, a_person, a_reader, an_assignment
from tests.service.test_queue_stages import claim, grade_all


class Place:
    """A course with an assignment, its students, and an assistant."""

    def __init__(self, database, students: int) -> None:
        self.database = database
        with database.begin() as work:
            self.course = a_course(work)
            self.assignment = an_assignment(work, self.course)
            self.students = [a_reader(a_person(work, self.course), self.course) for _ in range(students)]
            self.assistant = a_reader(a_person(work, self.course, Role.TA), self.course, role=Role.TA)

    def hand_in(self, student: int = 0, content: int = 0):
        with self.database.begin() as work:
            upload = Upload(name="model.py", sha256=f"{content:064x}", size_bytes=10)
            receipt = submissions.receive(work, self.students[student], self.assignment, upload)
            return submissions.find(work, self.assistant, receipt.id)

    def rerun(self, submission):
        with self.database.begin() as work:
            return runs.rerun(work, self.assistant, submission)

    def rerun_all(self, **options) -> int:
        with self.database.begin() as work:
            return runs.rerun_all(work, self.assistant, self.assignment, **options)

    def move_to_another_version(self) -> str:
        """Offer the assignment by a new version of its spec."""
        with self.database.begin() as work:
            newer = an_assignment(work, self.course).spec
            course = work.session.get_one(CourseRow, self.course.id)
            self.assignment = assignments.offer(work, course, newer, slug=self.assignment.slug)
        return newer.version


@pytest.fixture
def place(database):
    return lambda students=1: Place(database, students)


def test_a_rerun_is_by_the_version_that_holds_now_and_says_who_asked(place, database):
    here = place()
    submission = here.hand_in()
    grade_all(database)
    newer = here.move_to_another_version()
    run = here.rerun(submission)
    assert (run.spec_version, run.reason, run.state) == (newer, RunReason.RERUN, "waiting")
    assert run.requested_by == here.assistant.person.name
    assert claim(database).spec_version == newer


def test_a_run_that_waits_by_an_older_version_is_not_the_answer(place):
    here = place()
    submission = here.hand_in()
    with here.database.begin() as work:
        waiting = submissions.latest_run(work, here.assistant, submission)
    assert here.rerun(submission).id == waiting.id
    newer = here.move_to_another_version()
    again = here.rerun(submission)
    assert (again.spec_version, again.id != waiting.id) == (newer, True)
    assert here.rerun(submission).id == again.id


def test_a_mass_rerun_leaves_out_only_what_this_version_is_judging(place, database):
    here = place(students=2)
    here.hand_in(0)
    here.hand_in(1)
    claim(database)
    assert here.rerun_all(dry_run=True) == here.rerun_all() == 0
    here.move_to_another_version()
    assert here.rerun_all(dry_run=True) == 2
    assert here.rerun_all() == 2


def test_a_dry_run_changes_nothing(place, database):
    here = place()
    here.hand_in()
    grade_all(database)
    for _ in range(2):
        assert here.rerun_all(dry_run=True) == 1
    assert claim(database) is None


def test_of_each_owner_what_counts_is_run_again(place, database):
    here = place(students=2)
    here.hand_in(0, content=1)
    newest = here.hand_in(0, content=2)
    other = here.hand_in(1)
    grade_all(database)
    assert here.rerun_all() == 2
    assert {claim(database).submission, claim(database).submission} == {newest.id, other.id}
    assert claim(database) is None


def test_two_who_ask_for_a_mass_rerun_at_once_start_one(place, database):
    here = place(students=3)
    for student in range(3):
        here.hand_in(student)
    grade_all(database)
    start = threading.Barrier(4)

    def ask(_: int) -> int:
        start.wait()
        return here.rerun_all()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(ask, range(4))) == [0, 0, 0, 3]
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM runs")).scalar_one() == 6


def test_a_student_may_not_and_a_token_needs_the_scope(place):
    here = place()
    submission = here.hand_in()
    with pytest.raises(NeedsRole), here.database.begin() as work:
        runs.rerun(work, here.students[0], submission)
    with pytest.raises(NeedsRole), here.database.begin() as work:
        runs.rerun_all(work, here.students[0], here.assignment)
    assistant = here.assistant
    reading = type(assistant)(person=assistant.person, roles=assistant.roles, scopes=frozenset({Scope.READ}))
    with pytest.raises(NeedsScope, match="grade"), here.database.begin() as work:
        runs.rerun(work, reading, submission)
