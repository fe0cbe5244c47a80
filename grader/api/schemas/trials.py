"""Trials as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.assignments import StateName
from grader.api.schemas.common import Answer, Mark, Request, Time
from grader.api.schemas.runs import StatusName
from grader.domain import run as domain
from grader.domain.trial import (
    LONGEST_REASON,
    CheckChange,
    CheckOutcome,
    CheckTotal,
    PersonChange,
    RunOutcome,
    SubmissionChange,
    Trial,
    TrialProgress,
    TrialReport,
)

Reason = Annotated[
    Words, Field(min_length=1, max_length=LONGEST_REASON, examples=["A1 took (H, W) for (W, H); corrected."])
]
ScopeName = Literal["counting", "all"]
DirectionName = Literal["up", "down", "same", "error", "pending", "missing"]
FateName = Literal["changed", "added", "removed"]


class NewTrial(Request):
    """`spec_version`: one that is kept; `folder`, the spec as it lies in the service's folder; "", what judges now."""

    spec_version: Annotated[Words, Field(max_length=40, examples=["folder"])] = ""
    reason: Reason
    submissions: ScopeName = "counting"
    fresh: StrictBool = Field(default=False, description="Run every check, also those whose results could be reused.")


class TrialPublication(Request):
    reason: Reason
    despite_errors: StrictBool = False


class ProgressAnswer(Answer):
    """Runs by state; `reused` and `judged` count results."""

    waiting: int
    grading: int
    graded: int
    rejected: int
    failed: int
    reused: int
    judged: int
    is_over: bool


class TrialAnswer(Answer):
    id: int = Field(examples=[3])
    assignment: str = Field(examples=["cmp784-practical2"])
    spec_version: str = Field(examples=["0f3a5a1f6a10"])
    before_version: str = Field(examples=["77b6c14e0d25"])
    submissions: ScopeName
    fresh: bool
    state: Literal["open", "published", "dropped"]
    reason: str
    begun_by: str
    begun_at: Time
    ended_by: str | None
    ended_at: Time | None
    ended_reason: str
    progress: ProgressAnswer


class OutcomeAnswer(Answer):
    """A check's result in one of the two runs."""

    status: StatusName
    points: float
    max_points: float


class CheckChangeAnswer(Answer):
    id: str = Field(examples=["A1.forward"])
    title: str
    fate: FateName
    before: OutcomeAnswer | None
    after: OutcomeAnswer | None


class RunOutcomeAnswer(Answer):
    state: StateName
    score: float | None
    max_score: float
    scale: Mark | None
    message: str


class PersonChangeAnswer(Answer):
    """What counts for one person, before and after."""

    name: str
    before: float | None
    before_scale: Mark | None
    after: float | None
    after_scale: Mark | None
    overridden: bool


class LineAnswer(Answer):
    submission: str = Field(examples=["0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])
    number: int
    owner: str = Field(examples=["Ada Lovelace"])
    counts: bool
    direction: DirectionName
    before: RunOutcomeAnswer | None
    after: RunOutcomeAnswer | None
    checks: list[CheckChangeAnswer]
    people: list[PersonChangeAnswer]


class CheckTotalAnswer(Answer):
    """Submissions that gain, lose and keep points by a check that differs, and those where it came to no result."""

    id: str
    title: str
    fate: FateName
    up: int
    down: int
    same: int
    errors: int
    new_failures: int


class TotalsAnswer(Answer):
    up: int
    down: int
    same: int
    error: int
    pending: int
    missing: int
    new_failures: int


class TrialReportAnswer(Answer):
    trial: TrialAnswer
    totals: TotalsAnswer
    checks: list[CheckTotalAnswer]
    lines: list[LineAnswer]
    notes: list[str]


def trial_answer(assignment: str, trial: Trial, progress: TrialProgress) -> TrialAnswer:
    return TrialAnswer(
        id=trial.id, assignment=assignment, spec_version=trial.spec_version, before_version=trial.before_version,
        submissions=trial.scope.value, fresh=trial.is_fresh, state=trial.state.value, reason=trial.reason,
        begun_by=trial.begun_by, begun_at=trial.begun_at, ended_by=trial.ended_by, ended_at=trial.ended_at,
        ended_reason=trial.ended_reason,
        progress=ProgressAnswer(
            waiting=progress.waiting, grading=progress.grading, graded=progress.graded, rejected=progress.rejected,
            failed=progress.failed, reused=progress.reused, judged=progress.judged, is_over=progress.is_over,
        ),
    )  # fmt: skip


def report_answer(assignment: str, report: TrialReport) -> TrialReportAnswer:
    totals = report.totals
    return TrialReportAnswer(
        trial=trial_answer(assignment, report.trial, report.progress),
        totals=TotalsAnswer(
            up=totals.up, down=totals.down, same=totals.same, error=totals.error, pending=totals.pending,
            missing=totals.missing, new_failures=totals.new_failures,
        ),
        checks=[_total(one) for one in report.checks],
        lines=[_line(line) for line in report.lines],
        notes=list(report.notes),
    )  # fmt: skip


def _total(one: CheckTotal) -> CheckTotalAnswer:
    return CheckTotalAnswer(
        id=one.id, title=one.title, fate=one.fate.value, up=one.up, down=one.down, same=one.same, errors=one.errors,
        new_failures=one.new_failures,
    )  # fmt: skip


def _line(line: SubmissionChange) -> LineAnswer:
    return LineAnswer(
        submission=line.submission, number=line.number, owner=line.owner, counts=line.counts,
        direction=line.direction.value, before=_run(line.before), after=_run(line.after),
        checks=[_check(check) for check in line.checks], people=[_person(one) for one in line.people],
    )  # fmt: skip


def _run(run: RunOutcome | None) -> RunOutcomeAnswer | None:
    if run is None:
        return None
    return RunOutcomeAnswer(
        state=run.state.value, score=run.score, max_score=run.max_score, scale=_mark(run.mark), message=run.message
    )


def _check(check: CheckChange) -> CheckChangeAnswer:
    return CheckChangeAnswer(
        id=check.id,
        title=check.title,
        fate=check.fate.value,
        before=_outcome(check.before),
        after=_outcome(check.after),
    )


def _outcome(outcome: CheckOutcome | None) -> OutcomeAnswer | None:
    if outcome is None:
        return None
    return OutcomeAnswer(status=outcome.status.value, points=outcome.points, max_points=outcome.max_points)


def _person(one: PersonChange) -> PersonChangeAnswer:
    return PersonChangeAnswer(
        name=one.name, before=one.before, before_scale=_mark(one.before_mark), after=one.after,
        after_scale=_mark(one.after_mark), overridden=one.is_overridden,
    )  # fmt: skip


def _mark(mark: domain.Mark | None) -> Mark | None:
    return None if mark is None else Mark(value=mark.value, label=mark.label)
