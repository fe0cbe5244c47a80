"""Points that a person changes: for a check, a part or the whole; they outlive reruns, and nothing is edited."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.check import CheckDefinition, Visibility
from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, NeedsScope, UnknownThing
from grader.domain.ids import AssignmentId, Owner
from grader.service import adjustments, assignments, audit, gradebook, late_policy, submissions
from grader.storage.models import AdjustmentRow, GradebookEntryRow
from tests import builders

ONE, TWO = (Target(kind=TargetKind.CHECK, id=f"A.{name}") for name in ("one", "two"))
PART_A, PART_B = (Target(kind=TargetKind.PART, id=name) for name in "AB")


class Book:
    """A course whose student's run passed all but the check A.two: 3 of 5 points; and readers of every kind."""

    def __init__(self, work, *, plan=None, due_at=None, team=False):
        self.work = work
        self.course, self.other = builders.a_course(work), builders.a_course(work)
        more = {} if due_at is None else {"due_at": due_at}
        definition = builders.a_definition(team_size=[1, 3]) if team else None
        self.plan = builders.a_plan() if plan is None else plan
        self.assignment = builders.an_assignment(work, self.course, plan=self.plan, definition=definition, **more)
        self.team = builders.a_team(work, self.course) if team else None
        membership = {"team_id": self.team.id} if team else {}
        self.student = builders.a_person(work, self.course, name="Ada", **membership)
        self.mate = builders.a_person(work, self.course, name="Bob", **membership)
        self.owner = Owner(f"t{self.team.id}" if team else f"p{self.student.id}")
        self.submission = builders.a_submission(work, self.assignment, self.student, owner=self.owner)
        self.run(lost=("A.two",))
        self.readers = {
            "student": builders.a_reader(self.student, self.course),
            "mate": builders.a_reader(self.mate, self.course),
            "ta": self.staff(self.course, Role.TA),
            "instructor": self.staff(self.course, Role.INSTRUCTOR),
            "other instructor": self.staff(self.other, Role.INSTRUCTOR),
            "admin": builders.a_reader(builders.a_person(work, is_admin=True)),
        }

    def staff(self, course, role):
        return builders.a_reader(builders.a_person(self.work, course, role), course, role=role)

    def run(self, *, lost=(), submission=None):
        """A graded run of the submission, in which these checks failed."""
        score = sum(check.points for check in self.plan if check.id not in lost)
        run = builders.a_run(self.work, self.assignment, submission or self.submission, score=float(score))
        for check in self.plan:
            builders.a_check_result(self.work, run, check, "failed" if check.id in lost else "passed")
        gradebook.refresh(self.work, AssignmentId(self.assignment.id), self.owner)
        return run

    def adjust(self, target, points, reason="Read again.", *, who="ta", person=None, **more):
        person = self.student.id if person is None else person
        return adjustments.adjust(
            self.work, self.readers[who], self.assignment, person, target=target, points=points, reason=reason, **more
        )

    def withdraw(self, adjustment, *, who="ta", person=None, reason="A slip."):
        person = self.student.id if person is None else person
        adjustments.withdraw(self.work, self.readers[who], self.assignment, person, adjustment, reason=reason)

    def row(self, person=None):
        person = self.student.id if person is None else person
        rows = gradebook.rows(self.work, self.readers["ta"], self.assignment)
        return next(row for row in rows if row.person.id == person)

    def shown(self, who):
        reader = self.readers[who]
        found = submissions.find(self.work, reader, str(self.submission.id))
        run = submissions.latest_run(self.work, reader, found)
        return adjustments.shown_with(self.work, reader, self.assignment, found, run)


@pytest.fixture
def book(database):
    with database.begin() as work:
        yield Book(work)


@pytest.fixture
def team(database):
    with database.begin() as work:
        yield Book(work, team=True)


@pytest.mark.parametrize(
    ("target", "points", "score"), [(TWO, 1.5, 4.5), (TWO, 9, 5), (PART_A, 4, 7), (PART_A, -9, 2), (WHOLE, -0.25, 2.75)]
)
def test_it_changes_what_counts_by_a_difference(book, target, points, score):
    book.adjust(target, points)
    row = book.row()
    assert (row.score, row.is_adjusted, row.is_overridden) == (score, True, False)


def test_the_mark_is_that_of_the_adjusted_score(book):
    assert book.row().mark.label == "half"
    book.adjust(WHOLE, -2)
    assert (book.row().score, book.row().mark.label) == (1.0, "none")


def test_it_holds_for_the_check_whichever_run_and_submission_counts(book):
    book.adjust(TWO, 2)
    book.run(lost=("A.one", "A.two"))
    assert book.row().score == 4.0
    # Mended by a newer spec version: it is not paid twice.
    book.run()
    assert book.row().score == 5.0
    again = builders.a_submission(book.work, book.assignment, book.student)
    book.run(lost=("A.two", "B.learns"), submission=again)
    assert (book.row().submission, book.row().score) == (str(again.id), 3.0)


def test_a_newer_one_takes_the_place_of_the_same_target_and_none_is_edited(book):
    book.adjust(TWO, 1, "First.")
    book.adjust(TWO, 0.5, "Second.")
    book.adjust(WHOLE, 1, "Creative.")
    assert book.row().score == 4.5
    kept = book.work.session.execute(select(AdjustmentRow.points, AdjustmentRow.reason).order_by(AdjustmentRow.id))
    assert [tuple(row) for row in kept] == [(1.0, "First."), (0.5, "Second."), (1.0, "Creative.")]


def test_withdrawn_the_runs_points_count_and_not_an_older_adjustments(book):
    book.adjust(TWO, 1)
    newest = book.adjust(TWO, 2)
    book.withdraw(newest)
    assert (book.row().score, book.row().is_adjusted) == (3.0, False)
    for gone in (newest, 999_999):
        with pytest.raises(UnknownThing, match="adjustment"):
            book.withdraw(gone)


def test_an_override_counts_before_it(book):
    book.adjust(TWO, 2)
    gradebook.override(book.work, book.readers["ta"], book.assignment, book.student.id, score=1.0, reason="x")
    assert (book.row().score, book.row().is_overridden, book.row().is_adjusted) == (1.0, True, True)
    assert (book.shown("student").score, book.shown("student").is_overridden) == (1.0, True)
    gradebook.withdraw_override(book.work, book.readers["ta"], book.assignment, book.student.id, reason="x")
    assert book.row().score == 5.0


def test_the_student_reads_points_and_reason_and_not_who(book):
    book.adjust(TWO, 1.5, "Right but for a sign.")
    theirs, staffs = book.shown("student"), book.shown("ta")
    assert [(one.target, one.points, one.reason, one.made_by) for one in theirs.adjustments] == [
        (TWO, 1.5, "Right but for a sign.", None)
    ]
    assert (theirs.score, theirs.counts.checks["A.two"], theirs.counts.parts["A"]) == (4.5, 1.5, 2.5)
    assert staffs.adjustments[0].made_by == book.readers["ta"].person.name


def test_nothing_stands_beside_a_submission_that_does_not_count(book):
    book.adjust(TWO, 1)
    newer = builders.a_submission(book.work, book.assignment, book.student)
    book.run(submission=newer)
    for who in ("student", "ta"):
        assert book.shown(who).adjustments == ()


@pytest.mark.parametrize("visibility", [Visibility.STAFF, Visibility.AFTER_DUE])
def test_of_a_check_that_is_kept_from_the_student_nothing_is_told(database, visibility):
    plan = tuple(replace(one, visibility=visibility) if one.id == "A.two" else one for one in builders.a_plan())
    with database.begin() as work:
        book = Book(work, plan=plan)
        # What was seen is on the page of whoever decides.
        book.adjust(TWO, 1.5, "Hidden words.")
        book.adjust(PART_B, 1, "For the curve.")
        theirs = book.shown("student")
        assert [one.target for one in theirs.adjustments] == [PART_B]
        assert (theirs.score, theirs.mark) == (None, None)
        assert "A.two" not in theirs.counts.checks
        assert "A" not in theirs.counts.parts
        assert "Hidden words." not in repr(theirs)
        assert len(book.shown("ta").adjustments) == 2


class TestTeams:
    def test_it_is_for_the_whole_team(self, team):
        team.adjust(TWO, 2)
        assert [team.row(one.id).score for one in (team.student, team.mate)] == [5.0, 5.0]
        assert len(team.shown("mate").adjustments) == 1

    def test_or_for_one_member_who_alone_reads_of_it(self, team):
        team.adjust(WHOLE, 1, "For all.")
        team.adjust(WHOLE, -2, "Did not take part.", person=team.mate.id, for_member=True)
        assert [team.row(one.id).score for one in (team.student, team.mate)] == [4.0, 2.0]
        assert [one.reason for one in team.shown("student").adjustments] == ["For all."]
        assert [one.reason for one in team.shown("mate").adjustments] == ["For all.", "Did not take part."]
        assert (team.shown("student").score, team.shown("mate").score) == (4.0, 2.0)
        assert {one.member for one in team.shown("ta").adjustments} == {None, "Bob"}

    def test_one_members_is_not_withdrawn_on_anothers_line(self, team):
        made = team.adjust(WHOLE, -2, person=team.mate.id, for_member=True)
        with pytest.raises(UnknownThing):
            team.withdraw(made, person=team.student.id)
        team.withdraw(made, person=team.mate.id)
        assert team.row(team.mate.id).score == 3.0

    def test_everybodys_trail_says_so(self, team):
        team.adjust(TWO, 2)
        for person in (team.student, team.mate):
            trail = audit.trail(team.work, team.readers["ta"], f"gradebook:{team.assignment.id}:{person.id}")
            assert [(entry[2], entry[3]) for entry in trail] == [("adjust points", "+2 for Two: Read again.")]


def test_who_did_what_and_why_is_kept(book):
    made = book.adjust(TWO, 1, "A sign.")
    book.withdraw(made, who="instructor", reason="It was right.")
    subject = f"gradebook:{book.assignment.id}:{book.student.id}"
    ta, instructor = (book.readers[who].person.email for who in ("ta", "instructor"))
    assert [entry[1:] for entry in audit.trail(book.work, book.readers["ta"], subject)] == [
        (instructor, "withdraw adjustment", "+1 for Two withdrawn: It was right."),
        (ta, "adjust points", "+1 for Two: A sign."),
    ]


@pytest.mark.parametrize(
    ("who", "allowed"),
    [("student", False), ("other instructor", False), ("ta", True), ("instructor", True), ("admin", True)],
)
def test_staff_of_the_course_alone_may(book, who, allowed):
    made = book.adjust(TWO, 1)
    if allowed:
        book.withdraw(book.adjust(TWO, 2, who=who), who=who)
        adjustments.of_line(book.work, book.readers[who], book.assignment, book.student.id)
        return
    for attempt in (
        lambda: book.adjust(TWO, 2, who=who),
        lambda: book.withdraw(made, who=who),
        lambda: adjustments.of_line(book.work, book.readers[who], book.assignment, book.student.id),
        lambda: adjustments.targets_of(book.work, book.readers[who], book.assignment, book.student.id),
    ):
        with pytest.raises(NeedsRole):
            attempt()
    assert book.row().score == 4.0


def test_a_token_that_may_not_grade_changes_nothing(book):
    reader = book.readers["ta"]
    book.readers["limited"] = replace(reader, scopes=frozenset(Scope) - {Scope.GRADE})
    made = book.adjust(TWO, 1)
    for attempt in (lambda: book.adjust(TWO, 2, who="limited"), lambda: book.withdraw(made, who="limited")):
        with pytest.raises(NeedsScope):
            attempt()
    assert book.row().score == 4.0


@pytest.mark.parametrize(
    ("target", "points", "reason", "person", "error"),
    [
        (TWO, 1, " \n", None, BadRequest),
        (TWO, 0, "x", None, BadRequest),
        (Target(kind=TargetKind.CHECK, id="A.loads"), 1, "x", None, BadRequest),
        (Target(kind=TargetKind.CHECK, id="A.none"), 1, "x", None, UnknownThing),
        (Target(kind=TargetKind.PART, id="Z"), 1, "x", None, UnknownThing),
        (TWO, 1, "x", 999_999, UnknownThing),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(book, target, points, reason, person, error):
    with pytest.raises(error):
        book.adjust(target, points, reason, person=person)
    assert (book.row().score, book.row().is_adjusted) == (3.0, False)


def test_where_nothing_has_a_score_there_is_nothing_to_adjust(book):
    with pytest.raises(BadRequest, match="override"):
        book.adjust(WHOLE, 1, person=book.mate.id)
    assert adjustments.targets_of(book.work, book.readers["ta"], book.assignment, book.mate.id) == []
    stranger = builders.a_person(book.work, book.other)
    with pytest.raises(UnknownThing, match="student"):
        book.adjust(WHOLE, 1, person=stranger.id)


def test_what_can_be_adjusted_has_names(book):
    found = adjustments.targets_of(book.work, book.readers["ta"], book.assignment, book.student.id)
    assert [one.value for one in found] == [
        "whole:",
        "part:A",
        "check:A.one",
        "check:A.two",
        "part:B",
        "check:B.learns",
    ]
    assert [adjustments.target_from(one.value) for one in found] == [one.target for one in found]


class TestBesideOlderCode:
    """As while a service is upgraded: another version writes over the same database."""

    def test_its_refresh_of_the_same_run_keeps_the_adjusted_score(self, book):
        book.adjust(TWO, 2)
        for code, expected in (("0005", 5.0), ("", 5.0), ("0007", 3.0)):
            book.work.session.execute(text("SELECT set_config('grader.code', :code, true)"), {"code": code})
            book.work.session.execute(text("UPDATE gradebook_entries SET score = 3, mark_label = 'bare'"))
            found = book.work.session.execute(select(GradebookEntryRow.score, GradebookEntryRow.mark_label)).one()
            assert found.score == expected, code

    def test_its_worker_is_refused_what_it_would_score_without(self, book):
        values = {"run": book.run().id, "assignment": book.assignment.id, "owner": book.owner}
        insert = """INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue)
                    VALUES (:run, 'gate', :assignment, :owner, 'cpu')"""
        book.work.session.execute(text(insert), values)
        book.work.session.execute(text("SELECT set_config('grader.code', '0005', true)"))
        lease = text("UPDATE run_stages SET state = 'leased'")
        book.work.session.execute(lease)
        book.work.session.execute(text("UPDATE run_stages SET state = 'waiting'"))
        made = book.adjust(TWO, 2)
        with pytest.raises(Exception, match="too old"), book.work.session.begin_nested():
            book.work.session.execute(lease)
        book.withdraw(made)
        book.work.session.execute(lease)


def test_a_check_definition_of_no_part_is_no_target(book):
    stray = CheckDefinition(id="Z.one", part="Z", title="Stray", points=1)
    assert adjustments.choices(book.assignment, [builders.a_result(stray)])[0].target == WHOLE
    assert "check:Z.one" not in [one.value for one in adjustments.choices(book.assignment, [builders.a_result(stray)])]


def test_late_days_cost_their_share_of_what_a_person_has_adjusted(database):
    with database.begin() as work:
        book = Book(work, due_at=datetime.now(UTC) - timedelta(hours=1))
        changes = {"extension_days_per_term": 0, "beyond": "penalise", "penalty_per_day": 0.5, "most_penalty": 0.5}
        late_policy.change(work, book.readers["instructor"], book.assignment, changes, reason="As announced.")
        assert (book.row().score, book.row().penalty) == (1.5, 1.5)
        book.adjust(TWO, 2.0)
        row = book.row()
        assert (row.score, row.penalty, row.is_adjusted) == (2.5, 2.5, True)
        book.assignment = assignments.offered(work, book.readers["ta"], book.assignment.slug)
        assert book.shown("student").score == 2.5
        late_policy.withdraw(work, book.readers["instructor"], book.assignment, reason="A slip.")
        book.assignment = assignments.offered(work, book.readers["ta"], book.assignment.slug)
        assert book.row().score == 5.0
