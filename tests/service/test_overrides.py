"""Scores that a person sets: they supersede, with a reason, and nothing is edited."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, NeedsScope, UnknownThing
from grader.domain.gradebook import GradebookQuery, GradebookSort
from grader.domain.ids import AssignmentId, Owner
from grader.service import audit, gradebook
from grader.storage.models import GradebookEntryRow, MembershipRow, OverrideRow, SubmissionRow
from tests import builders


class World:
    """A course with a student whose run came to 4 of 5 points, and readers of every kind."""

    def __init__(self, work):
        self.work = work
        self.course, self.other = builders.a_course(work), builders.a_course(work)
        self.assignment = builders.an_assignment(work, self.course)
        self.student = builders.a_person(work, self.course)
        submission = builders.a_submission(work, self.assignment, self.student)
        builders.a_run(work, self.assignment, submission, score=4.0)
        gradebook.refresh(work, AssignmentId(self.assignment.id), Owner(f"p{self.student.id}"))
        self.readers = {
            "student": builders.a_reader(self.student, self.course),
            "ta": self.staff(self.course, Role.TA),
            "instructor": self.staff(self.course, Role.INSTRUCTOR),
            "other instructor": self.staff(self.other, Role.INSTRUCTOR),
            "admin": builders.a_reader(builders.a_person(work, is_admin=True)),
        }

    def staff(self, course, role):
        return builders.a_reader(builders.a_person(self.work, course, role), course, role=role)

    def override(self, score, reason="Read again.", *, who="ta", person=None):
        person = self.student.id if person is None else person
        gradebook.override(self.work, self.readers[who], self.assignment, person, score=score, reason=reason)

    def withdraw(self, reason="A slip.", *, who="ta", person=None):
        person = self.student.id if person is None else person
        gradebook.withdraw_override(self.work, self.readers[who], self.assignment, person, reason=reason)

    def row(self, **query):
        page = gradebook.page(self.work, self.readers["ta"], self.assignment, GradebookQuery(**query))
        return next(row for row in page.rows if row.person.id == self.student.id)

    def trail(self):
        subject = f"gradebook:{self.assignment.id}:{self.student.id}"
        return [entry[1:] for entry in audit.trail(self.work, self.readers["ta"], subject)]


@pytest.fixture
def world(database):
    with database.begin() as work:
        yield World(work)


def test_it_supersedes_what_the_run_came_to_and_its_mark_is_the_scales(world):
    before = world.row()
    world.override(1.0)
    row = world.row()
    assert (row.score, row.is_overridden, row.mark.label) == (1.0, True, "none")
    assert (before.score, before.mark.label) == (4.0, "half")
    # Everything else is as the run left it.
    assert (row.run, row.state, row.submission) == (before.run, before.state, before.submission)


def test_the_newest_holds_and_none_is_edited(world):
    world.override(1.0, "First.")
    world.override(3.0, "Second.")
    assert world.row().score == 3.0
    kept = world.work.session.execute(select(OverrideRow.score, OverrideRow.reason).order_by(OverrideRow.id)).all()
    assert kept == [(1.0, "First."), (3.0, "Second.")]


def test_withdrawn_the_runs_score_counts_again_and_not_an_older_override(world):
    world.override(1.0)
    world.override(3.0)
    world.withdraw()
    assert (world.row().score, world.row().is_overridden) == (4.0, False)
    with pytest.raises(UnknownThing):
        world.withdraw()


def test_a_score_of_zero_overrides_too(world):
    world.override(0.0)
    assert (world.row().score, world.row().is_overridden) == (0.0, True)


def test_somebody_who_handed_nothing_in_can_be_given_a_score(world):
    silent = builders.a_person(world.work, world.course)
    world.override(2.5, person=silent.id)
    rows = gradebook.rows(world.work, world.readers["ta"], world.assignment)
    row = next(row for row in rows if row.person.id == silent.id)
    assert (row.score, row.state, row.mark.label, row.max_score) == (2.5, None, "half", 5.0)


def test_it_outlives_a_rerun(world):
    world.override(1.0)
    entry = world.work.session.scalars(select(GradebookEntryRow)).one()
    builders.a_run(world.work, world.assignment, world.work.session.get(SubmissionRow, entry.submission_id), score=5.0)
    gradebook.refresh(world.work, AssignmentId(world.assignment.id), Owner(f"p{world.student.id}"))
    assert world.row().score == 1.0
    world.withdraw()
    assert world.row().score == 5.0


def test_sorting_by_score_is_by_what_counts(world):
    better = builders.a_person(world.work, world.course)
    world.override(5.0, person=better.id)
    world.override(0.5)
    page = gradebook.page(
        world.work, world.readers["ta"], world.assignment, GradebookQuery(sort=GradebookSort.SCORE, descending=True)
    )
    assert [row.score for row in page.rows] == [5.0, 0.5]


def test_it_is_one_students_and_one_assignments(world):
    mate, another = builders.a_person(world.work, world.course), builders.an_assignment(world.work, world.course)
    world.override(1.0)
    scores = {row.person.id: row.score for row in gradebook.rows(world.work, world.readers["ta"], world.assignment)}
    assert scores == {world.student.id: 1.0, mate.id: None}
    assert {row.score for row in gradebook.rows(world.work, world.readers["ta"], another)} == {None}


def test_who_did_what_and_why_is_kept(world):
    world.override(1.0, "Copied from a neighbour.")
    world.override(3.0, "Not quite.", who="instructor")
    world.withdraw("It was their own work.")
    ta, instructor = (world.readers[who].person.email for who in ("ta", "instructor"))
    assert world.trail() == [
        (ta, "withdraw override", "3 withdrawn: It was their own work."),
        (instructor, "override score", "3 instead of 1: Not quite."),
        (ta, "override score", "1: Copied from a neighbour."),
    ]


@pytest.mark.parametrize(
    ("who", "allowed"),
    [("student", False), ("other instructor", False), ("ta", True), ("instructor", True), ("admin", True)],
)
def test_staff_of_the_course_alone_may(world, who, allowed):
    if allowed:
        world.override(1.0, who=who)
        world.withdraw(who=who)
        return
    with pytest.raises(NeedsRole):
        world.override(1.0, who=who)
    world.override(1.0)
    with pytest.raises(NeedsRole):
        world.withdraw(who=who)
    assert world.row().score == 1.0


def test_a_token_that_may_not_grade_changes_nothing(world):
    reader = world.readers["ta"]
    limited = type(reader)(person=reader.person, roles=reader.roles, scopes=frozenset(Scope) - {Scope.GRADE})
    world.readers["limited"] = limited
    for attempt in (lambda: world.override(1.0, who="limited"), lambda: world.withdraw(who="limited")):
        with pytest.raises(NeedsScope):
            attempt()
    assert world.row().score == 4.0


@pytest.mark.parametrize("reason", ["", "   ", "\n\x00"])
def test_it_needs_a_reason(world, reason):
    with pytest.raises(BadRequest, match="reason"):
        world.override(1.0, reason)
    world.override(1.0)
    with pytest.raises(BadRequest, match="reason"):
        world.withdraw(reason)
    assert world.row().score == 1.0


@pytest.mark.parametrize("score", [-0.01, math.nan, math.inf])
def test_a_score_is_a_number_from_zero_up(world, score):
    with pytest.raises(BadRequest, match="score"):
        world.override(score)


def test_more_than_the_points_is_extra_credit(world):
    world.override(6.0)
    assert (world.row().score, world.row().max_score) == (6.0, 5.0)


def test_only_students_of_the_course_who_have_not_left_have_scores(world):
    gone = builders.a_person(world.work, world.course)
    world.work.session.get(MembershipRow, (world.course.id, gone.id)).left_at = datetime.now(UTC)
    world.work.session.flush()
    strangers = [builders.a_person(world.work, world.other).id, world.readers["ta"].id, gone.id, 999_999]
    for person in strangers:
        with pytest.raises(UnknownThing, match="student"):
            world.override(1.0, person=person)
        with pytest.raises(UnknownThing, match="student"):
            world.withdraw(person=person)
