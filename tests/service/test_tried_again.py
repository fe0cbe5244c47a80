"""A run that failed by our fault is tried again by itself, later and later, and never beside another one."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.check import Stage
from grader.domain.course import Role
from grader.service import runs, submissions
from tests.builders import a_course, a_person, a_reader, an_assignment
from tests.service.test_queue_claims import expire, hand_in
from tests.service.test_queue_stages import a_report, claim, finish, grade_all

PAUSES = (600.0, 3600.0)


def rows(database) -> list[tuple]:
    query = text("SELECT r.state, s.state, s.attempts FROM runs r JOIN run_stages s ON s.run_id = r.id ORDER BY 3 DESC")
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def pass_time(database, seconds: float) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text("UPDATE run_stages SET finished_at = finished_at - make_interval(secs => :s)"), {"s": seconds}
        )


def sweep(database) -> int:
    with database.begin() as work:
        return runs.sweep(work, again_s=PAUSES)["again"]


def lose(database) -> None:
    expire(database, claim(database))
    with database.begin() as work:
        runs.sweep(work, again_s=PAUSES)


@pytest.fixture
def handed_in(database):
    """(teacher, receipt) of a submission that waits."""
    with database.begin() as work:
        course = a_course(work)
        assignment = an_assignment(work, course)
        student = a_reader(a_person(work, course), course)
        teacher = a_reader(a_person(work, course, Role.INSTRUCTOR), course, role=Role.INSTRUCTOR)
    return teacher, hand_in(database, student, assignment, "1")


@pytest.fixture
def failed(database, handed_in):
    """The same, lost by three workers."""
    for _ in range(runs.MAX_ATTEMPTS):
        lose(database)
    assert rows(database) == [("failed", "failed", 3)]
    return handed_in


def test_it_is_tried_again_when_the_pause_is_over_and_then_graded(database, failed):
    pass_time(database, PAUSES[0] - 5)
    assert sweep(database) == 0
    pass_time(database, 10)
    assert sweep(database) == 1
    assert rows(database) == [("grading", "waiting", 3)]
    assert sweep(database) == 0
    claimed = claim(database)
    assert claimed.attempt == 4
    finish(database, claimed.lease, a_report(Stage.GATE, Stage.UNIT))
    grade_all(database)
    assert {row[0] for row in rows(database)} == {"graded"}


def test_each_pause_is_longer_and_the_last_is_the_end(database, failed):
    for pause_s in PAUSES:
        pass_time(database, pause_s - 5)
        assert sweep(database) == 0
        pass_time(database, 10)
        assert sweep(database) == 1
        lose(database)
        assert rows(database)[0][:2] == ("failed", "failed"), "one try, not three"
    pass_time(database, 1e6)
    assert sweep(database) == 0
    assert rows(database) == [("failed", "failed", 5)]


def test_a_rerun_that_somebody_asked_for_is_the_only_one(database, failed):
    teacher, receipt = failed
    with database.begin() as work:
        runs.rerun(work, teacher, submissions.find(work, teacher, receipt.id))
    pass_time(database, 1e6)
    assert sweep(database) == 0


@pytest.mark.usefixtures("failed")
def test_bytes_that_are_gone_are_not_graded(database):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE submissions SET removed_at = clock_timestamp()"))
    pass_time(database, 1e6)
    assert sweep(database) == 0


@pytest.mark.usefixtures("handed_in")
def test_a_broken_spec_is_left_to_people(database):
    with database.begin() as work:
        runs.give_up_stage(work, claim(database).lease, "BadSpec", again=False)
    pass_time(database, 1e6)
    assert sweep(database) == 0
