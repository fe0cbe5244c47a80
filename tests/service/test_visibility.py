"""What a student may see of a run, rule by rule, and that staff of the course alone see the rest. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.check import CheckDefinition, CheckStatus, Stage, Visibility
from grader.domain.course import Person, Reader, Role
from grader.domain.grading import (
    Counting,
    GradingRun,
    OfferedAssignment,
    Queue,
    RunReason,
    RunState,
    SpecVersion,
    StageFacts,
    StageState,
    StoredArtifact,
)
from grader.domain.run import Mark
from grader.service.visibility import HIDDEN_TITLE, may_see_check, shown_run, shows_score
from tests import builders

COURSE = 7
DUE = datetime(2026, 3, 2, 20, 59, tzinfo=UTC)
BEFORE = DUE - timedelta(hours=1)
LONG_AFTER = DUE + timedelta(days=60)
OPEN = CheckDefinition(id="A.open", part="A", title="Open", points=1)
LATER = CheckDefinition(id="A.later", part="A", title="Later", points=1, visibility=Visibility.AFTER_DUE)
HIDDEN = CheckDefinition(id="A.hidden", part="A", title="The trick", points=2, visibility=Visibility.STAFF)
ALSO_HIDDEN = CheckDefinition(id="A.trap", part="A", title="The trap", points=3, visibility=Visibility.STAFF)
FREE = CheckDefinition(id="A.free", part="A", title="Worth nothing", points=0, visibility=Visibility.STAFF)

STUDENT, TA, STRANGER, ADMIN = "student", "ta", "staff of another course", "admin"
READERS = {
    STUDENT: Reader(person=Person(id=1, email="s@x.org", name="S"), roles={COURSE: Role.STUDENT}),
    TA: Reader(person=Person(id=2, email="t@x.org", name="T"), roles={COURSE: Role.TA}),
    STRANGER: Reader(person=Person(id=3, email="o@x.org", name="O"), roles={COURSE + 1: Role.INSTRUCTOR}),
    ADMIN: Reader(person=Person(id=4, email="a@x.org", name="A", is_admin=True)),
}


def an_assignment(*, due_at=DUE, extension=0):
    definition = builders.a_definition(late={"extension_days_per_term": extension})
    spec = SpecVersion(spec_slug="tiny", version="v", definition=definition, plan=(), blob="0" * 64)
    return OfferedAssignment(
        id=1, slug="tiny", course_id=COURSE, course_slug="c", title="Tiny", due_at=due_at, time_zone="UTC",
        uploads_per_day=20, counting=Counting.LAST, spec=spec,
    )  # fmt: skip


def a_run(*plan, state=RunState.GRADED, **overrides):
    """Every check of the plan failed with words of its own, and everything staff may see is filled."""
    results = tuple(
        builders.a_result(
            check, CheckStatus.FAILED, visibility=check.visibility, message=f"message of {check.id}",
            output=f"output of {check.id}", detail=f"detail of {check.id}",
        )
        for check in plan
    )  # fmt: skip
    artifacts = tuple(
        StoredArtifact(id=f"picture-{c.id}", check=c.id, name="p", kind="picture", title="P", sha256="0", size_bytes=1)
        for c in plan
    )
    stage = StageFacts(
        stage=Stage.UNIT, queue=Queue.CPU, state=StageState.DONE, worker="w1", attempts=1, problem="disk full",
        started_at=BEFORE, finished_at=BEFORE,
    )  # fmt: skip
    values = {
        "id": "run", "submission": "submission", "spec_version": "v", "reason": RunReason.UPLOAD, "state": state,
        "score": 3.0, "max_score": 5.0, "mark": Mark(value=1, label="half"), "message": "a message",
        "notes": ("model.py: a note",), "created_at": BEFORE, "started_at": BEFORE, "finished_at": BEFORE,
        "plan": plan, "checks": results, "artifacts": artifacts, "stages": (stage,), "facts": {"seed": "s"},
        "requested_by": "tom@x.org",
    }  # fmt: skip
    return GradingRun(**(values | overrides))


def shown(run, who=STUDENT, now=BEFORE, **assignment):
    return shown_run(run, an_assignment(**assignment), READERS[who], now)


@pytest.mark.parametrize("who", [TA, ADMIN])
def test_staff_of_the_course_see_all_of_it(who):
    run = a_run(OPEN, LATER, HIDDEN)
    assert shown(run, who) is run
    assert may_see_check(run, "A.hidden", an_assignment(), READERS[who], BEFORE)


@pytest.mark.parametrize("state", list(RunState))
def test_staff_see_a_run_in_whatever_state_as_it_is(state):
    run = a_run(OPEN, state=state)
    assert shown(run, TA) is run


def test_staff_of_another_course_see_no_more_than_a_student():
    run = a_run(OPEN, LATER, HIDDEN)
    assert shown(run, STRANGER) == shown(run, STUDENT)
    assert not may_see_check(run, "A.hidden", an_assignment(), READERS[STRANGER], BEFORE)


class TestAlways:
    def test_an_open_check_is_shown_with_message_output_and_pictures_at_once(self):
        seen = shown(a_run(OPEN))
        (check,) = seen.checks
        assert (check.status, check.message, check.output) == ("failed", "message of A.open", "output of A.open")
        assert [artifact.id for artifact in seen.artifacts] == ["picture-A.open"]

    def test_its_detail_is_for_staff(self):
        assert [check.detail for check in shown(a_run(OPEN)).checks] == [""]

    def test_score_mark_message_and_notes_are_shown(self):
        seen = shown(a_run(OPEN))
        assert (seen.score, seen.mark, seen.message) == (3.0, Mark(value=1, label="half"), "a message")
        assert seen.notes == ("model.py: a note",)

    @pytest.mark.parametrize(("name", "empty"), [("stages", ()), ("facts", {}), ("requested_by", None)])
    def test_how_the_run_went_inside_is_for_staff(self, name, empty):
        assert getattr(shown(a_run(OPEN)), name) == empty


class TestAfterTheDueDate:
    def test_before_it_only_what_the_spec_shows_is_seen(self):
        seen = shown(a_run(OPEN, LATER))
        assert [check.id for check in seen.plan] == ["A.open", "A.later"]
        assert (seen.plan[1].title, seen.plan[1].points) == ("Later", 1)
        assert [check.id for check in seen.checks] == ["A.open"]
        assert [artifact.check for artifact in seen.artifacts] == ["A.open"]

    def test_the_sum_waits_with_it(self):
        seen = shown(a_run(OPEN, LATER))
        assert (seen.score, seen.mark) == (None, None)
        # Still the state is told: only the points wait.
        assert seen.state is RunState.GRADED

    def test_a_check_worth_nothing_keeps_no_sum_back(self):
        assert shown(a_run(OPEN, replace(LATER, points=0))).score == 3.0

    def test_afterwards_it_is_shown_like_any_other(self):
        seen = shown(a_run(OPEN, LATER), now=LONG_AFTER)
        assert [check.message for check in seen.checks] == ["message of A.open", "message of A.later"]
        assert (seen.score, len(seen.artifacts)) == (3.0, 2)
        assert [check.detail for check in seen.checks] == ["", ""]

    @pytest.mark.parametrize(
        ("extension", "after", "is_seen"), [(0, 1, True), (5, 1, False), (5, 119, False), (5, 121, True)]
    )
    def test_it_waits_for_everybody_who_may_still_be_late(self, extension, after, is_seen):
        now = DUE + timedelta(hours=after)
        assert (
            may_see_check(a_run(LATER), "A.later", an_assignment(extension=extension), READERS[STUDENT], now) is is_seen
        )

    def test_the_due_date_itself_is_still_before(self):
        assert not may_see_check(a_run(LATER), "A.later", an_assignment(), READERS[STUDENT], DUE)

    def test_without_a_due_date_it_is_shown_at_once(self):
        seen = shown(a_run(OPEN, LATER), due_at=None)
        assert [check.id for check in seen.checks] == ["A.open", "A.later"]
        assert seen.score == 3.0


class TestStaffOnly:
    @pytest.mark.parametrize("now", [BEFORE, LONG_AFTER])
    @pytest.mark.parametrize("due_at", [DUE, None])
    def test_a_hidden_check_is_never_shown(self, now, due_at):
        run = a_run(OPEN, HIDDEN)
        seen = shown(run, now=now, due_at=due_at)
        assert [check.id for check in seen.checks] == ["A.open"]
        assert [artifact.check for artifact in seen.artifacts] == ["A.open"]
        assert not may_see_check(run, "A.hidden", an_assignment(due_at=due_at), READERS[STUDENT], now)
        assert "trick" not in repr(seen)
        assert "A.hidden" not in repr(seen)

    def test_that_there_are_some_is_told_in_one_line_for_each_part(self):
        other = replace(HIDDEN, id="B.hidden", part="B", points=4)
        seen = shown(a_run(HIDDEN, OPEN, ALSO_HIDDEN, other))
        assert [(check.part, check.title, check.points) for check in seen.plan] == [
            ("A", HIDDEN_TITLE, 5),
            ("A", "Open", 1),
            ("B", HIDDEN_TITLE, 4),
        ]
        assert "trap" not in repr(seen)

    def test_that_line_is_withheld_whoever_asks_about_it(self):
        seen = shown(a_run(HIDDEN))
        assert not may_see_check(seen, seen.plan[0].id, an_assignment(), READERS[STUDENT], LONG_AFTER)

    def test_a_sum_with_hidden_points_is_never_told(self):
        assert shown(a_run(OPEN, HIDDEN), now=LONG_AFTER).score is None
        assert shown(a_run(OPEN, FREE), now=LONG_AFTER).score == 3.0


class TestDisagreement:
    def test_of_a_plan_and_a_result_that_disagree_the_stricter_holds(self):
        run = a_run(OPEN)
        for stricter in (
            replace(run, plan=(replace(OPEN, visibility=Visibility.STAFF),)),
            replace(run, checks=(replace(run.checks[0], visibility=Visibility.STAFF),)),
        ):
            assert not may_see_check(stricter, "A.open", an_assignment(), READERS[STUDENT], LONG_AFTER)
            assert shown(stricter).checks == ()
            assert shown(stricter).score is None

    def test_a_hidden_result_that_no_plan_names_is_hidden_too(self):
        seen = shown(replace(a_run(OPEN, HIDDEN), plan=()))
        assert [check.id for check in seen.checks] == ["A.open"]
        assert seen.score is None

    def test_a_check_nobody_has_heard_of_is_not_shown(self):
        assert not may_see_check(a_run(OPEN), "B.unheard", an_assignment(), READERS[STUDENT], LONG_AFTER)


class TestAFailedRun:
    def test_it_reads_as_one_that_is_still_being_graded(self):
        seen = shown(a_run(OPEN, state=RunState.FAILED, score=None, mark=None, message="disk full on w1"))
        assert (seen.state, seen.message, seen.score, seen.finished_at) == (RunState.GRADING, "", None, None)
        assert "disk full" not in repr(seen)
        assert "w1" not in repr(seen)

    def test_a_score_it_should_not_have_is_not_shown(self):
        seen = shown(a_run(OPEN, state=RunState.FAILED))
        assert (seen.score, seen.mark) == (None, None)

    def test_what_was_judged_before_stays_to_be_seen(self):
        assert [check.id for check in shown(a_run(OPEN, state=RunState.FAILED)).checks] == ["A.open"]


def test_a_rejected_run_says_why():
    seen = shown(a_run(state=RunState.REJECTED, score=None, mark=None, message="There is no notebook in it."))
    assert (seen.state, seen.message) == (RunState.REJECTED, "There is no notebook in it.")


class TestSums:
    @pytest.mark.parametrize(
        ("plan", "now", "is_shown"),
        [
            ((OPEN,), BEFORE, True),
            ((OPEN, LATER), BEFORE, False),
            ((OPEN, LATER), LONG_AFTER, True),
            ((OPEN, HIDDEN), LONG_AFTER, False),
            ((OPEN, FREE), BEFORE, True),
            ((), BEFORE, True),
        ],
    )
    def test_a_sum_over_a_plan_is_shown_when_all_its_points_are(self, plan, now, is_shown):
        assert shows_score(plan, an_assignment(), READERS[STUDENT], now) is is_shown
        assert shows_score(plan, an_assignment(), READERS[TA], now) is True
