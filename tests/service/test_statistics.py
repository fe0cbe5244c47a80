"""Figures of an assignment and a course: from what counts, not from every try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.course import Role, Scope
from grader.domain.errors import NeedsRole, NeedsScope
from grader.domain.ids import AssignmentId, Owner
from grader.service import courses, gradebook
from grader.storage.models import MembershipRow
from tests import builders

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = builders.a_plan()


class World:
    def __init__(self, work):
        self.work = work
        self.now = START
        self.course = builders.a_course(work)
        self.assignment = builders.an_assignment(work, self.course)
        ta = builders.a_person(work, self.course, Role.TA)
        self.ta = builders.a_reader(ta, self.course, role=Role.TA)

    def student(self, **values):
        return builders.a_person(self.work, self.course, **values)

    def hand_in(self, person, *, score=None, seconds=None, owner=None, statuses=None, **run):
        self.now += timedelta(minutes=1)
        submission = builders.a_submission(
            self.work, self.assignment, person, owner=owner or f"p{person.id}", received_at=self.now
        )
        if seconds is not None:
            run["finished_at"] = self.now + timedelta(seconds=seconds)
        made = builders.a_run(self.work, self.assignment, submission, score=score, **run)
        for check, status in zip(PLAN, statuses or (), strict=False):
            builders.a_check_result(self.work, made, check, status)
        gradebook.refresh(self.work, AssignmentId(self.assignment.id), Owner(submission.owner))
        return submission

    def figures(self):
        return gradebook.statistics(self.work, self.ta, self.assignment)


@pytest.fixture
def world(database):
    with database.begin() as work:
        yield World(work)


def test_an_assignment_nobody_has_handed_in_has_figures_too(world):
    world.student()
    found = world.figures()
    assert (found.students, found.handed_in, found.graded) == (1, 0, 0)
    assert (found.mean_score, found.median_score, found.median_grading_s, found.p95_grading_s) == (None,) * 4
    assert [(bar[0], bar[1], bar[2]) for bar in found.histogram][::9] == [(0.0, 0.5, 0), (4.5, 5.0, 0)]
    assert [(rate.id, rate.title, rate.passed, rate.judged) for rate in found.checks] == [
        (check.id, check.title, 0, 0) for check in PLAN
    ]


def test_scores_are_of_what_counts_once_for_each_student(world):
    for scores in ([5.0], [1.0, 4.0], [3.0], [None]):
        person = world.student()
        for score in scores:
            world.hand_in(person, score=score)
    found = world.figures()
    assert (found.students, found.handed_in, found.graded) == (4, 4, 3)
    assert (found.mean_score, found.median_score) == (4.0, 4.0)
    assert [bar[2] for bar in found.histogram] == [0, 0, 0, 0, 0, 0, 1, 0, 1, 1]


@pytest.mark.parametrize(("score", "bar"), [(0.0, 0), (0.49, 0), (0.5, 1), (3.5, 7), (4.99, 9), (5.0, 9), (7.0, 9)])
def test_a_bar_begins_with_its_lower_score_and_the_last_holds_all_above(world, score, bar):
    world.hand_in(world.student(), score=score)
    assert [index for index, (_, _, students) in enumerate(world.figures().histogram) if students] == [bar]


def test_whoever_left_is_in_no_figure_and_neither_are_staff(world):
    gone = world.student()
    world.hand_in(gone, score=1.0, statuses=["passed"])
    world.work.session.get(MembershipRow, (world.course.id, gone.id)).left_at = START
    staff = builders.a_person(world.work, world.course, Role.INSTRUCTOR)
    world.hand_in(staff, score=5.0, statuses=["passed"])
    found = world.figures()
    assert (found.students, found.handed_in, found.graded, found.mean_score) == (0, 0, 0, None)
    assert {rate.judged for rate in found.checks} == {0}


def test_pass_rates_are_of_the_counting_runs_in_the_plans_order(world):
    first = world.student()
    world.hand_in(first, score=0.0, statuses=["failed", "failed", "failed", "failed"])
    world.hand_in(first, score=3.0, statuses=["passed", "passed", "timeout", "skipped"])
    world.hand_in(world.student(), score=5.0, statuses=["passed"] * 4)
    # Without a score, nothing of it counts.
    world.hand_in(world.student(), state="failed", statuses=["passed"] * 4)
    assert [(rate.id, rate.passed, rate.judged) for rate in world.figures().checks] == [
        ("A.loads", 2, 2),
        ("A.one", 2, 2),
        ("A.two", 1, 2),
        ("B.learns", 1, 1),
    ]


def test_a_teams_run_is_one_run_and_a_score_for_each_of_them(world):
    team = builders.a_team(world.work, world.course)
    mates = [world.student(team_id=team.id) for _ in range(3)]
    world.hand_in(mates[0], owner=f"t{team.id}", score=5.0, statuses=["passed"] * 4)
    found = world.figures()
    assert (found.handed_in, found.graded) == (3, 3)
    assert {(rate.passed, rate.judged) for rate in found.checks} == {(1, 1)}


def test_grading_times_are_of_uploads_from_receipt_to_result(world):
    person = world.student()
    for seconds in (1.0, 2.0, 3.0, 4.0, 100.0):
        world.hand_in(person, score=1.0, seconds=seconds)
    submission = world.hand_in(person, state="rejected", seconds=2.0)
    # What was graded for another reason, or is not over, tells nothing about waiting.
    finished_at = START + timedelta(days=9)
    builders.a_run(world.work, world.assignment, submission, score=1.0, reason="rerun", finished_at=finished_at)
    builders.a_run(world.work, world.assignment, submission, state="failed", finished_at=finished_at)
    found = world.figures()
    assert found.median_grading_s == 2.5
    assert found.p95_grading_s == pytest.approx(76.0, abs=0.1)


def test_what_waits_is_being_graded_and_failed_is_counted_by_run(world):
    person = world.student()
    world.hand_in(person)
    world.hand_in(person, state="grading")
    world.hand_in(person, state="failed")
    tried_again = world.hand_in(person, state="failed", created_at=START)
    builders.a_run(world.work, world.assignment, tried_again, score=1.0, reason="rerun")
    other = builders.an_assignment(world.work, world.course)
    builders.a_run(world.work, other, builders.a_submission(world.work, other, person))
    found = world.figures()
    assert (found.waiting, found.being_graded, found.failed_runs) == (1, 1, 1)


def test_the_overview_counts_students_of_every_assignment_by_what_became_of_it(world):
    for state in ("waiting", "grading", "failed", "rejected"):
        world.hand_in(world.student(), state=state)
    world.hand_in(world.student(), score=3.0)
    world.student()
    untouched = builders.an_assignment(world.work, world.course)
    elsewhere = builders.an_assignment(world.work, builders.a_course(world.work))
    course = courses.course_of(world.work, world.ta, world.course.slug)
    found = gradebook.course_overview(world.work, world.ta, course)
    assert found == {
        world.assignment.slug: {"students": 6, "handed_in": 5, "graded": 1, "waiting": 2, "failed": 1},
        untouched.slug: {"students": 6, "handed_in": 0, "graded": 0, "waiting": 0, "failed": 0},
    }
    assert elsewhere.slug not in found


@pytest.mark.parametrize("allowed", ["ta", "instructor", "admin"])
def test_staff_read_figures(world, allowed):
    readers = {
        "ta": world.ta,
        "instructor": builders.a_reader(
            builders.a_person(world.work, world.course, Role.INSTRUCTOR), world.course, role=Role.INSTRUCTOR
        ),
        "admin": builders.a_reader(builders.a_person(world.work, is_admin=True)),
    }
    course = courses.course_of(world.work, world.ta, world.course.slug)
    assert gradebook.statistics(world.work, readers[allowed], world.assignment).students == 0
    assert gradebook.course_overview(world.work, readers[allowed], course)


def test_nobody_else_reads_figures(world):
    other = builders.a_course(world.work)
    course = courses.course_of(world.work, world.ta, world.course.slug)
    stranger = builders.a_person(world.work, other, Role.INSTRUCTOR)
    for reader in (
        builders.a_reader(world.student(), world.course),
        builders.a_reader(stranger, other, role=Role.INSTRUCTOR),
    ):
        with pytest.raises(NeedsRole):
            gradebook.statistics(world.work, reader, world.assignment)
        with pytest.raises(NeedsRole):
            gradebook.course_overview(world.work, reader, course)
    limited = type(world.ta)(person=world.ta.person, roles=world.ta.roles, scopes=frozenset({Scope.SUBMIT}))
    with pytest.raises(NeedsScope):
        gradebook.statistics(world.work, limited, world.assignment)
    with pytest.raises(NeedsScope):
        gradebook.course_overview(world.work, limited, course)
