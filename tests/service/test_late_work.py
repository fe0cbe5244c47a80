"""Extensions, late policies and choices, and what they make of the gradebook. On the real database, each role tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from grader.domain.check import Visibility
from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, NeedsScope, NotYours, PastDeadline, UnknownThing
from grader.domain.grading import Counting
from grader.domain.ids import AssignmentId, Owner
from grader.domain.submission import Upload
from grader.service import assignments, audit, choices, courses, extensions, gradebook, late_policy, submissions
from grader.service.submissions import SubmissionQuery
from grader.storage.models import ExtensionRow, GradebookEntryRow, RunRow, SubmissionRow
from tests import builders

NOW = datetime.now(UTC)
STAFF = [("student", False), ("mate", False), ("other instructor", False), ("ta", True), ("instructor", True),
         ("admin", True)]  # fmt: skip


class Term:
    """A course with three students, two of them a team, and readers of every kind; assignments are made as needed."""

    def __init__(self, work):
        self.work = work
        self.course, self.other = builders.a_course(work), builders.a_course(work)
        self.team = builders.a_team(work, self.course, name="Team 1")
        self.student = builders.a_person(work, self.course, name="Ada")
        self.mates = [builders.a_person(work, self.course, name=name, team_id=self.team.id) for name in ("Bob", "Cem")]
        self.readers = {
            "student": builders.a_reader(self.student, self.course),
            "mate": builders.a_reader(self.mates[0], self.course),
            "ta": self.staff(self.course, Role.TA),
            "instructor": self.staff(self.course, Role.INSTRUCTOR),
            "other instructor": self.staff(self.other, Role.INSTRUCTOR),
            "admin": builders.a_reader(builders.a_person(work, is_admin=True)),
        }

    def staff(self, course, role):
        return builders.a_reader(builders.a_person(self.work, course, role), course, role=role)

    def offer(self, due=-1.5, *, late=None, team=(1, 1), **values):
        """Due so many days from now; refuses everything late unless told otherwise."""
        definition = builders.a_definition(late=late or {}, team_size=team)
        due_at = None if due is None else NOW + timedelta(days=due)
        return builders.an_assignment(self.work, self.course, definition=definition, due_at=due_at, **values)

    def hand_in(self, assignment, late_h, *, person=None, owner=None, score=4.0):
        """So many hours after the due date."""
        person = person or self.student
        owner = owner or f"p{person.id}"
        received_at = assignment.due_at + timedelta(hours=late_h)
        made = builders.a_submission(self.work, assignment, person, owner=owner, received_at=received_at)
        builders.a_run(self.work, assignment, made, score=score)
        gradebook.refresh(self.work, AssignmentId(assignment.id), Owner(owner))
        return str(made.id)

    def now(self, assignment):
        """The assignment as it is offered now."""
        return assignments.offered(self.work, self.readers["admin"], assignment.slug)

    def extend(self, assignment, *, who="ta", person=None, reason="Ill.", **values):
        values = values or {"extra_days": 1}
        identity = self.student.id if person is None else person
        return extensions.give(self.work, self.readers[who], self.now(assignment), identity, reason=reason, **values)

    def entry(self, assignment, person=None):
        self.work.session.expire_all()
        return self.work.session.get(GradebookEntryRow, (assignment.id, (person or self.student).id))

    def late_of(self, assignment, person=None):
        entry = self.entry(assignment, person)
        return entry.late_days, entry.beyond_days, entry.score, entry.penalty

    def standing(self, assignment, who="student"):
        return assignments.for_student(self.work, self.readers[who], self.now(assignment))

    def upload(self, assignment, who="student", content="1"):
        upload = Upload(name="work.py", sha256=content * 64, size_bytes=3)
        return submissions.receive(self.work, self.readers[who], self.now(assignment), upload)

    def runs(self):
        return self.work.session.scalar(select(func.count()).select_from(RunRow))

    def trail(self, subject):
        return [entry[1:] for entry in audit.trail(self.work, self.readers["ta"], subject)]


@pytest.fixture
def term(database):
    with database.begin() as work:
        yield Term(work)


PENALISE = {"extension_days_per_term": 2, "beyond": "penalise", "penalty_per_day": 0.25, "most_penalty": 0.5}


class TestExtensions:
    def test_it_opens_what_was_closed_and_the_student_reads_the_date_that_holds(self, term):
        assignment = term.offer()
        with pytest.raises(PastDeadline):
            term.upload(assignment)
        given = term.extend(assignment, extra_days=3)
        standing = term.standing(assignment)
        assert (standing.is_open, standing.late_days_now, standing.due_at) == (True, 0, given.due_at)
        assert given.due_at == assignment.due_at + timedelta(days=3)
        receipt = term.upload(assignment)
        assert (receipt.late_days, receipt.days_used, receipt.days_left) == (0, 0, None)
        assert not term.standing(assignment, "mate").is_open

    def test_what_came_late_is_worked_out_anew_and_nobodys_code_is_run(self, term):
        assignment = term.offer(-9, late=PENALISE)
        term.hand_in(assignment, 60)
        before = term.runs()
        assert term.late_of(assignment) == (3, 1, 3.0, 1.0)
        term.extend(assignment, extra_days=1)
        assert term.late_of(assignment) == (2, 0, 4.0, 0.0)
        term.extend(assignment, due_at=assignment.due_at + timedelta(hours=60), reason="Longer.")
        assert term.late_of(assignment) == (0, 0, 4.0, 0.0)
        extensions.withdraw(term.work, term.readers["ta"], assignment, term.student.id, reason="A slip.")
        assert term.late_of(assignment) == (3, 1, 3.0, 1.0)
        assert term.runs() == before

    def test_days_it_gives_back_cover_later_work_of_the_term(self, term):
        first, second = term.offer(-20, late=PENALISE), term.offer(-10, late=PENALISE)
        term.hand_in(first, 30)
        term.hand_in(second, 30)
        assert (term.late_of(first), term.late_of(second)) == ((2, 0, 4.0, 0.0), (2, 2, 2.0, 2.0))
        term.extend(first, extra_days=2)
        assert (term.late_of(first), term.late_of(second)) == ((0, 0, 4.0, 0.0), (2, 0, 4.0, 0.0))

    def test_a_teams_is_every_members_and_a_persons_own_is_not_the_teams(self, term):
        assignment = term.offer(team=(1, 3))
        given = term.extend(assignment, person=term.mates[1].id)
        assert (given.owner, given.team) == (f"t{term.team.id}", "Team 1")
        assert [name for _, name in given.people] == ["Bob", "Cem"]
        assert term.standing(assignment, "mate").due_at == given.due_at
        assert term.standing(assignment).due_at == assignment.due_at
        for mate in term.mates:
            assert term.trail(f"gradebook:{assignment.id}:{mate.id}")[0][1] == "give extension"

    def test_the_newest_holds_none_is_edited_and_an_older_one_does_not_come_back(self, term):
        assignment = term.offer()
        term.extend(assignment, extra_days=5, reason="First.")
        term.extend(assignment, extra_days=2, reason="Second.")
        (held,) = extensions.list_extensions(term.work, term.readers["ta"], assignment)
        assert (held.extra_days, held.reason, held.made_by) == (2, "Second.", term.readers["ta"].person.email)
        kept = term.work.session.execute(select(ExtensionRow.extra_days, ExtensionRow.reason).order_by(ExtensionRow.id))
        assert kept.all() == [(5, "First."), (2, "Second.")]
        extensions.withdraw(term.work, term.readers["ta"], assignment, term.student.id, reason="No.")
        assert extensions.list_extensions(term.work, term.readers["ta"], assignment) == []
        with pytest.raises(UnknownThing):
            extensions.withdraw(term.work, term.readers["ta"], assignment, term.student.id, reason="No.")
        actions = [(action, detail.split(": ")[-1]) for _, action, detail in term.trail(f"gradebook:{assignment.id}:{term.student.id}")]  # fmt: skip
        assert actions == [("withdraw extension", "No."), ("give extension", "Second."), ("give extension", "First.")]

    def test_what_is_shown_after_the_due_date_waits_for_the_one_that_holds(self, term):
        plan = (*builders.a_plan()[:3], replace(builders.a_plan()[3], visibility=Visibility.AFTER_DUE))
        assignment = term.offer(plan=plan)
        term.hand_in(assignment, -1)
        term.hand_in(assignment, -1, person=term.mates[0])
        term.extend(assignment, extra_days=3)
        for who, score in (("student", None), ("mate", 4.0)):
            (line,) = submissions.list_submissions(term.work, term.readers[who], SubmissionQuery()).lines
            assert (line.score, term.standing(assignment, who).score) == (score, score), who
            assert submissions.latest_run(term.work, term.readers[who], line.submission).score == score

    def test_everybodys_date_that_moves_beyond_it_holds(self, term):
        assignment = term.offer()
        term.extend(assignment, due_at=assignment.due_at + timedelta(hours=1))
        later = NOW + timedelta(days=4)
        offered = assignments.offer(term.work, _course(term), assignment.spec, slug=assignment.slug, due_at=later)
        assert term.standing(offered).due_at == later

    def test_a_moved_due_date_rewrites_late_days(self, term):
        assignment = term.offer(-9, late={"extension_days_per_term": 5})
        term.hand_in(assignment, 30)
        assert term.entry(assignment).late_days == 2
        assignments.offer(
            term.work, _course(term), assignment.spec, slug=assignment.slug,
            due_at=assignment.due_at + timedelta(hours=24),
        )  # fmt: skip
        assert term.entry(assignment).late_days == 1
        assert term.standing(assignment).days_left == 4

    @pytest.mark.parametrize(
        "values",
        [{"extra_days": 0}, {"extra_days": 367}, {"due_at": NOW - timedelta(days=30)},
         {"due_at": NOW.replace(tzinfo=None)}, {"due_at": NOW + timedelta(days=1), "extra_days": 1},
         {"extra_days": 1, "reason": "  "}],
    )  # fmt: skip
    def test_bad_ones_are_refused(self, term, values):
        with pytest.raises(BadRequest):
            term.extend(term.offer(), **values)

    def test_nothing_due_needs_no_extension_and_only_students_have_one(self, term):
        with pytest.raises(BadRequest, match="no due date"):
            term.extend(term.offer(None))
        for stranger in (term.readers["ta"].id, term.readers["other instructor"].id, 999_999):
            with pytest.raises(UnknownThing, match="student"):
                term.extend(term.offer(), person=stranger)

    @pytest.mark.parametrize(("who", "allowed"), STAFF)
    def test_staff_of_the_course_alone_give_list_and_withdraw(self, term, who, allowed):
        assignment, reader = term.offer(), term.readers[who]
        attempts = (
            lambda: extensions.give(term.work, reader, assignment, term.student.id, extra_days=2, reason="x"),
            lambda: extensions.list_extensions(term.work, reader, assignment),
            lambda: extensions.withdraw(term.work, reader, assignment, term.student.id, reason="x"),
        )
        for attempt in attempts:
            if allowed:
                attempt()
            else:
                with pytest.raises(NeedsRole):
                    attempt()

    def test_a_token_that_may_not_grade_gives_none(self, term):
        reader = term.readers["ta"]
        term.readers["ta"] = type(reader)(person=reader.person, roles=reader.roles, scopes=frozenset({Scope.READ}))
        with pytest.raises(NeedsScope):
            term.extend(term.offer())


def _course(term):
    return courses.course_of(term.work, term.readers["admin"], term.course.slug)


class TestTheTerm:
    def test_the_page_knows_before_the_upload_what_the_receipt_confirms(self, term):
        assignment = term.offer(-1.5, late={"extension_days_per_term": 4})
        standing = term.standing(assignment)
        assert (standing.late_days_now, standing.days_used_now, standing.days_left) == (2, 2, 4)
        receipt = term.upload(assignment)
        assert (receipt.late_days, receipt.days_used, receipt.days_left) == (2, 2, 2)
        again = term.standing(assignment)
        assert (again.days_used_now, again.days_left) == (0, 2)

    def test_each_member_is_charged_and_whoever_has_too_few_is_named(self, term):
        owner, cem = f"t{term.team.id}", term.mates[1]
        own = term.offer(-20, late={"extension_days_per_term": 3})
        term.hand_in(own, 40, person=cem)
        shared = term.offer(-1.5, late={"extension_days_per_term": 3}, team=(2, 3))
        standing = term.standing(shared, "mate")
        assert (standing.is_open, standing.days_left, standing.short) == (False, 3, (("Cem", 1),))
        with pytest.raises(PastDeadline, match="Cem has 1 late day left"):
            term.upload(shared, "mate")
        term.extend(own, person=cem.id, extra_days=2)
        assert term.standing(shared, "mate").short == ()
        term.upload(shared, "mate")
        following = term.offer(-0.5, late={"extension_days_per_term": 3})
        for who in (term.mates[0], cem):
            reader = builders.a_reader(who, term.course)
            assert assignments.for_student(term.work, reader, following).days_left == 1
        assert term.entry(shared, cem).late_days == 2
        assert owner == term.work.session.scalars(select(SubmissionRow.owner).filter_by(assignment_id=shared.id)).one()

    def test_of_one_work_each_member_loses_what_their_own_days_do_not_cover(self, term):
        own = term.offer(-20, late=PENALISE)
        term.hand_in(own, 30, person=term.mates[1])
        shared = term.offer(-9, late=PENALISE, team=(2, 3))
        term.hand_in(shared, 30, person=term.mates[0], owner=f"t{term.team.id}")
        assert [term.late_of(shared, mate) for mate in term.mates] == [(2, 0, 4.0, 0.0), (2, 2, 2.0, 2.0)]


class TestLatePolicies:
    def test_another_policy_scores_anew_by_itself_and_the_specs_comes_back(self, term):
        assignment = term.offer(-9, late={"extension_days_per_term": 5})
        term.hand_in(assignment, 60)
        before = term.runs()
        boss = term.readers["instructor"]
        late_policy.change(term.work, boss, assignment, PENALISE, reason="Agreed in week 3.")
        assert term.late_of(assignment) == (3, 1, 3.0, 1.0)
        late_policy.change(term.work, boss, term.now(assignment), {"grace_minutes": 12 * 60}, reason="A power cut.")
        assert term.late_of(assignment) == (2, 0, 4.0, 0.0)
        late_policy.change(
            term.work, boss, term.now(assignment),
            {"grace_minutes": 0, "extension_days_per_term": 0, "beyond": "flag"}, reason="Kinder.",
        )  # fmt: skip
        assert term.late_of(assignment) == (3, 3, 4.0, 0.0)
        late_policy.withdraw(term.work, boss, assignment, reason="As announced.")
        assert term.late_of(assignment) == (3, 0, 4.0, 0.0)
        assert term.now(assignment).set_late is None
        assert term.runs() == before
        actions = [(who, action) for who, action, _ in term.trail(f"late-policy:{assignment.id}")]
        assert actions == [(boss.person.email, "withdraw late policy"), *[(boss.person.email, "set late policy")] * 3]
        with pytest.raises(UnknownThing):
            late_policy.withdraw(term.work, boss, assignment, reason="Again.")

    def test_the_mark_follows_the_penalty_and_an_override_wins(self, term):
        assignment = term.offer(-9, late={"beyond": "penalise", "penalty_per_day": 0.5})
        term.hand_in(assignment, 1)
        entry = term.entry(assignment)
        assert (entry.score, entry.mark_label) == (2.0, "none")
        gradebook.override(term.work, term.readers["ta"], assignment, term.student.id, score=4.0, reason="Ill.")
        (row,) = [row for row in gradebook.rows(term.work, term.readers["ta"], assignment) if row.score is not None]
        assert (row.score, row.penalty, row.beyond_days) == (4.0, 2.0, 1)

    def test_the_best_is_the_best_after_penalties(self, term):
        assignment = term.offer(-9, late={"beyond": "penalise", "penalty_per_day": 0.5}, counting="best")
        early = term.hand_in(assignment, -1, score=3.0)
        term.hand_in(assignment, 1, score=5.0)
        assert str(term.entry(assignment).submission_id) == early

    def test_late_work_stays_open_where_it_is_penalised_or_flagged_and_says_what_it_costs(self, term):
        assignment = term.offer(-2.5, late=PENALISE)
        standing = term.standing(assignment)
        assert (standing.is_open, standing.days_used_now, standing.beyond_now, standing.penalty_now) == (
            True,
            2,
            1,
            0.25,
        )
        assert term.upload(assignment).penalty == 0.25

    @pytest.mark.parametrize(
        "changes",
        [{"beyond": "penalise"}, {"beyond": "sometimes"}, {"penalty_per_day": 0.1}, {"grace_minutes": -1},
         {"extension_days_per_term": -1}, {"extension_days_per_term": 367}, {"most_penalty": 2.0}, {}],
    )  # fmt: skip
    def test_no_policy_comes_of_these(self, term, changes):
        assignment = term.offer()
        with pytest.raises(BadRequest):
            late_policy.change(term.work, term.readers["instructor"], assignment, changes, reason="x")
        with pytest.raises(BadRequest, match="reason"):
            late_policy.change(term.work, term.readers["instructor"], assignment, {"grace_minutes": 1}, reason=" ")

    @pytest.mark.parametrize("who", [name for name, _ in STAFF])
    def test_instructors_of_the_course_alone_set_it(self, term, who):
        assignment, reader = term.offer(), term.readers[who]
        attempts = (
            lambda: late_policy.change(term.work, reader, assignment, {"grace_minutes": 1}, reason="x"),
            lambda: late_policy.withdraw(term.work, reader, assignment, reason="x"),
        )
        for attempt in attempts:
            if who in ("instructor", "admin"):
                attempt()
            else:
                with pytest.raises(NeedsRole):
                    attempt()


class TestChoices:
    def offer(self, term, due=2.0, **values):
        assignment = term.offer(due, counting="chosen", **values)
        return assignment, [term.hand_in(assignment, -30 + n, score=score) for n, score in enumerate((4.0, 2.0))]

    def choose(self, term, submission, who="student", reason=""):
        choices.choose(term.work, term.readers[who], submission, reason=reason)

    def test_the_last_counts_until_one_is_chosen_and_the_newest_choice_holds(self, term):
        assignment, (first, second) = self.offer(term)
        assert str(term.entry(assignment).submission_id) == second
        self.choose(term, first)
        term.hand_in(assignment, -10, score=5.0)
        assert str(term.entry(assignment).submission_id) == first
        self.choose(term, second)
        assert (str(term.entry(assignment).submission_id), term.entry(assignment).score) == (second, 2.0)

    def test_it_can_be_chosen_until_the_last_late_day_is_over(self, term):
        late = {"extension_days_per_term": 2}
        _, (first, _) = self.offer(term, due=-1.5, late=late)
        self.choose(term, first)
        over, (old, _) = self.offer(term, due=-2.5, late=late)
        with pytest.raises(PastDeadline):
            self.choose(term, old)
        term.extend(over, extra_days=1)
        self.choose(term, old)
        assert str(term.entry(over).submission_id) == old

    def test_staff_choose_at_any_time_with_a_reason(self, term):
        assignment, (first, _) = self.offer(term, due=-9)
        with pytest.raises(BadRequest, match="reason"):
            self.choose(term, first, "ta")
        self.choose(term, first, "ta", "Asked by mail.")
        assert str(term.entry(assignment).submission_id) == first
        assert term.trail(f"submission:{first}")[0][1:] == ("choose submission", "Asked by mail.")

    def test_others_work_and_other_assignments_are_not_chosen(self, term):
        _, (first, _) = self.offer(term)
        for who in ("mate", "other instructor"):
            with pytest.raises(NotYours):
                self.choose(term, first, who, "x")
        fixed = term.offer(2.0)
        with pytest.raises(BadRequest, match="the last submission does"):
            self.choose(term, term.hand_in(fixed, -1))
        assert fixed.counting is Counting.LAST
