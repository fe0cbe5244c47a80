"""Who gets which stage, and who may write its results."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from grader.domain.course import Role
from grader.domain.errors import LeaseLost
from grader.domain.grading import Queue
from grader.domain.submission import Upload
from grader.service import runs, submissions
from tests.builders import a_course, a_person, a_plan, a_reader, a_result, an_assignment


@pytest.fixture
def course_with(database):
    """Make a course with an assignment and so many students; (assignment, readers)."""

    def make(students: int, **overrides):
        with database.begin() as work:
            course = a_course(work)
            assignment = an_assignment(work, course, **overrides)
            people = [a_person(work, course) for _ in range(students)]
            return assignment, [a_reader(person, course) for person in people]

    return make


def hand_in(database, reader, assignment, content: str):
    with database.begin() as work:
        upload = Upload(name="model.py", sha256=f"{content:0>64}", size_bytes=10)
        return submissions.receive(work, reader, assignment, upload)


def claim(database, *queues: Queue, lease_s: float = 30.0, worker: str = "w"):
    with database.begin() as work:
        return runs.claim(work, queues=queues or (Queue.CPU, Queue.RERUN), worker=worker, lease_s=lease_s)


def expire(database, claimed) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE run_stages SET lease_until = clock_timestamp() - interval '1 s' WHERE run_id = :run"),
            {"run": claimed.lease.run},
        )


def test_nothing_waiting_is_no_claim(database):
    assert claim(database) is None


def test_a_claim_says_what_a_worker_needs(database, course_with):
    assignment, (student,) = course_with(1)
    receipt = hand_in(database, student, assignment, "1")
    claimed = claim(database)
    assert (claimed.submission, claimed.sha256, claimed.file) == (receipt.id, receipt.sha256, "model.py")
    assert (claimed.spec_slug, claimed.spec_version) == ("tiny", assignment.spec.version)
    assert claimed.attempt == 1
    assert claim(database) is None


def test_two_workers_never_claim_the_same_stage(database, course_with):
    assignment, students = course_with(12)
    for number, student in enumerate(students):
        hand_in(database, student, assignment, str(number))
    start = threading.Barrier(6)

    def work_through(name: int) -> list[str]:
        start.wait()
        mine = []
        while (claimed := claim(database, worker=str(name))) is not None:
            mine.append(claimed.lease.run)
        return mine

    with ThreadPoolExecutor(6) as threads:
        taken = [run for mine in threads.map(work_through, range(6)) for run in mine]
    assert len(taken) == 12
    assert len(set(taken)) == 12


def test_a_tenth_upload_waits_behind_anothers_first(database, course_with):
    assignment, (eager, other, third) = course_with(3)
    for number in range(10):
        hand_in(database, eager, assignment, f"1{number}")
    first = hand_in(database, other, assignment, "2")
    second = hand_in(database, third, assignment, "3")
    assert {first.id, second.id} < {claim(database).submission for _ in range(3)}


def test_nobody_starves_behind_newcomers(database, course_with):
    """What a second upload is put back by is used up by time, so ever new first uploads do not keep it waiting."""
    assignment, (patient, newcomer, later) = course_with(3)
    hand_in(database, patient, assignment, "1")
    second = hand_in(database, patient, assignment, "2")
    assert claim(database).submission != second.id
    assert hand_in(database, newcomer, assignment, "3").id == claim(database).submission
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE run_stages SET turn = turn - 301"))
    hand_in(database, later, assignment, "4")
    assert claim(database).submission == second.id


def test_a_lost_lease_writes_nothing(database, course_with):
    assignment, (student,) = course_with(1)
    hand_in(database, student, assignment, "1")
    late = claim(database)
    expire(database, late)
    with database.begin() as work:
        assert runs.sweep(work)["expired"] == 1
    now = claim(database)
    assert now.attempt == 2
    with pytest.raises(LeaseLost), database.begin() as work:
        runs.record_checks(work, late.lease, [a_result(a_plan()[0])])
    with pytest.raises(LeaseLost), database.begin() as work:
        runs.renew(work, late.lease)
    with database.begin() as work:
        runs.renew(work, now.lease)
        runs.record_checks(work, now.lease, [a_result(a_plan()[0])])


def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_it(database, course_with):
    assignment, (student,) = course_with(1)
    hand_in(database, student, assignment, "1")
    claimed = claim(database)
    expire(database, claimed)
    with pytest.raises(LeaseLost), database.begin() as work:
        runs.renew(work, claimed.lease)


def test_a_worker_that_stops_gives_the_stage_back_without_using_a_try(database, course_with):
    assignment, (student,) = course_with(1)
    hand_in(database, student, assignment, "1")
    first = claim(database)
    with database.begin() as work:
        runs.put_back(work, first.lease)
    again = claim(database)
    assert again.attempt == 1
    with database.begin() as work:
        runs.put_back(work, first.lease)
    assert claim(database) is None


def test_our_failures_are_bounded_and_leave_no_score(database, course_with):
    assignment, (student,) = course_with(1)
    receipt = hand_in(database, student, assignment, "1")
    for _ in range(runs.MAX_ATTEMPTS):
        claimed = claim(database)
        expire(database, claimed)
        with database.begin() as work:
            runs.sweep(work)
    assert claim(database) is None
    with database.engine.connect() as connection:
        row = connection.execute(text("SELECT state, score, message FROM runs")).one()
    assert (row.state, row.score) == ("failed", None)
    assert "fell silent" in row.message
    with database.begin() as work:
        shown = submissions.latest_run(work, student, submissions.find(work, student, receipt.id))
    assert (shown.state, shown.message) == ("grading", "")


def test_a_stage_given_up_waits_before_its_next_try(database, course_with):
    assignment, (student,) = course_with(1)
    hand_in(database, student, assignment, "1")
    claimed = claim(database)
    with database.begin() as work:
        runs.give_up_stage(work, claimed.lease, "no sandbox", again=True)
    assert claim(database) is None
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE run_stages SET not_before = clock_timestamp()"))
    assert claim(database).attempt == 2


def test_a_fault_that_trying_does_not_mend_fails_at_once(database, course_with):
    assignment, (student,) = course_with(1)
    hand_in(database, student, assignment, "1")
    with database.begin() as work:
        runs.give_up_stage(work, claim(database).lease, "the spec is broken", again=False)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM runs")).scalar_one() == "failed"


def test_mass_reruns_wait_for_live_work(database, course_with):
    assignment, (one, two) = course_with(2)
    hand_in(database, one, assignment, "1")
    from tests.service.test_queue_stages import grade_all

    grade_all(database)
    with database.begin() as work:
        teacher = a_reader(a_person(work), role=Role.INSTRUCTOR)
    staff = type(teacher)(person=teacher.person, roles={assignment.course_id: Role.INSTRUCTOR})
    with database.begin() as work:
        assert runs.rerun_all(work, staff, assignment, dry_run=True) == 1
        assert runs.rerun_all(work, staff, assignment) == 1
        assert runs.rerun_all(work, staff, assignment) == 0
    live = hand_in(database, two, assignment, "2")
    assert claim(database).submission == live.id
    assert claim(database).queue is Queue.RERUN
