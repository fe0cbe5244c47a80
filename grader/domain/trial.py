"""Trials: a spec version tried on an assignment's submissions before it is published, and what it would change. Pure.

An error is never read as a score: a check that the tried version could not bring to a result, or a run that failed, is
told as such and counts neither as up nor as down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.domain.check import CheckResult, CheckStatus
from grader.domain.grading import RunState
from grader.domain.ids import SubmissionId
from grader.domain.run import Mark

LONGEST_REASON = 1000
# Another name for the spec as it lies in the service's folder of specs now.
FOLDER = "folder"
_NO_RESULT = (CheckStatus.ERROR, CheckStatus.TIMEOUT)


class TrialState(StrEnum):
    OPEN = "open"
    PUBLISHED = "published"
    DROPPED = "dropped"


class TrialScope(StrEnum):
    """Which submissions are tried: what counts for each owner and what has no result yet, or all."""

    COUNTING = "counting"
    ALL = "all"


class Direction(StrEnum):
    """What becomes of a submission. `error`: the tried version came to no result where the last run had one.

    `pending`: its run is not over. `missing`: it has none, because it came, or came to count, after the trial began.
    """

    UP = "up"
    DOWN = "down"
    SAME = "same"
    ERROR = "error"
    PENDING = "pending"
    MISSING = "missing"


class CheckFate(StrEnum):
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`spec_version` is tried, `before_version` judged the assignment when it began.

    `is_fresh`: nothing is reused. `ended_*` say who published or dropped it, and why.
    """

    id: int
    assignment_id: int
    spec_slug: str
    spec_version: str
    before_version: str
    scope: TrialScope
    is_fresh: bool
    state: TrialState
    reason: str
    begun_by: str
    begun_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None
    ended_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialProgress:
    """Runs of a trial by what has become of them, and results that were reused and not."""

    waiting: int = 0
    grading: int = 0
    graded: int = 0
    rejected: int = 0
    failed: int = 0
    reused: int = 0
    judged: int = 0

    @property
    def runs(self) -> int:
        return self.waiting + self.grading + self.graded + self.rejected + self.failed

    @property
    def is_over(self) -> bool:
        return self.waiting + self.grading == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """What a check came to in one of the two runs."""

    status: CheckStatus
    points: float
    max_points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckChange:
    """A check that came to something else; `before` is None for one that is new, `after` for one that is gone."""

    id: str
    title: str
    before: CheckOutcome | None
    after: CheckOutcome | None

    @property
    def fate(self) -> CheckFate:
        if self.before is None:
            return CheckFate.ADDED
        return CheckFate.REMOVED if self.after is None else CheckFate.CHANGED

    @property
    def is_error(self) -> bool:
        """Whether the tried version came to no result where the last run had one, or where there was no check."""
        if self.after is None or self.after.status not in _NO_RESULT:
            return False
        return self.before is None or self.before.status not in _NO_RESULT

    @property
    def is_new_failure(self) -> bool:
        if self.before is None or self.before.status is not CheckStatus.PASSED or self.after is None:
            return False
        return self.after.status is CheckStatus.FAILED

    @property
    def points(self) -> float:
        """The difference in points."""
        had = 0.0 if self.before is None else self.before.points
        has = 0.0 if self.after is None else self.after.points
        return round(has - had, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A run in the report: `score` and `mark` are None without a score; `message` says why."""

    state: RunState
    score: float | None
    max_score: float
    mark: Mark | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChange:
    """What counts for one person: adjusted, after late days, and by an override where there is one."""

    name: str
    before: float | None
    before_mark: Mark | None
    after: float | None
    after_mark: Mark | None
    is_overridden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionChange:
    """One submission: the last run that spoke for it and the trial's, and through which checks they differ.

    `people` are those for whom the owner's work counts, on the line of the submission that counts now.
    """

    submission: SubmissionId
    number: int
    owner: str
    counts: bool
    direction: Direction
    before: RunOutcome | None
    after: RunOutcome | None
    checks: tuple[CheckChange, ...] = ()
    people: tuple[PersonChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTotal:
    """Over all submissions: how many gain and lose points by a check, and how many times it came to no result."""

    id: str
    title: str
    fate: CheckFate
    up: int
    down: int
    same: int
    errors: int
    new_failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTotals:
    """Submissions by direction; `new_failures` counts those in which a check that passed fails."""

    up: int = 0
    down: int = 0
    same: int = 0
    error: int = 0
    pending: int = 0
    missing: int = 0
    new_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What publishing would change now. `notes` are sentences on what is not in the lines."""

    trial: Trial
    progress: TrialProgress
    totals: TrialTotals
    checks: tuple[CheckTotal, ...]
    lines: tuple[SubmissionChange, ...]
    notes: tuple[str, ...] = ()


def check_changes(before: Sequence[CheckResult], after: Sequence[CheckResult]) -> tuple[CheckChange, ...]:
    """The checks whose status, points or points possible differ, in the order of `after`; those that are gone last."""
    had = {str(result.id): result for result in before}
    has = {str(result.id): result for result in after}
    changes = [
        CheckChange(id=name, title=result.title, before=_outcome(had.get(name)), after=_outcome(result))
        for name, result in has.items()
        if _outcome(had.get(name)) != _outcome(result)
    ]
    gone = (result for name, result in had.items() if name not in has)
    changes += [CheckChange(id=str(one.id), title=one.title, before=_outcome(one), after=None) for one in gone]
    return tuple(changes)


def _outcome(result: CheckResult | None) -> CheckOutcome | None:
    if result is None:
        return None
    return CheckOutcome(status=result.status, points=result.points, max_points=result.max_points)


def direction_of(before: RunOutcome | None, after: RunOutcome | None, checks: Sequence[CheckChange]) -> Direction:
    """What becomes of a submission by its two runs."""
    if after is None:
        return Direction.MISSING
    if not after.state.is_final:
        return Direction.PENDING
    had = None if before is None else before.score
    if after.state is RunState.FAILED or any(check.is_error for check in checks):
        return Direction.ERROR
    if after.score is None:
        # Rejected: the same as before, or nothing gradable where there was a score.
        return Direction.SAME if had is None else Direction.ERROR
    if had is None or after.score > had:
        return Direction.UP
    return Direction.DOWN if after.score < had else Direction.SAME


def totals_of(lines: Sequence[SubmissionChange]) -> TrialTotals:
    counted = Counter(line.direction.value for line in lines)
    new_failures = sum(any(check.is_new_failure for check in line.checks) for line in lines)
    return TrialTotals(new_failures=new_failures, **counted)


def check_totals(lines: Sequence[SubmissionChange]) -> tuple[CheckTotal, ...]:
    """Each check that differs anywhere, those that change the most submissions first."""
    found: dict[str, list[CheckChange]] = {}
    for line in lines:
        for change in line.checks:
            found.setdefault(change.id, []).append(change)
    totals = [_check_total(changes) for changes in found.values()]
    return tuple(sorted(totals, key=lambda one: (-(one.up + one.down + one.errors), one.id)))


def _check_total(changes: Sequence[CheckChange]) -> CheckTotal:
    scored = [change for change in changes if not change.is_error]
    return CheckTotal(
        id=changes[0].id,
        title=changes[0].title,
        fate=changes[0].fate,
        up=sum(change.points > 0 for change in scored),
        down=sum(change.points < 0 for change in scored),
        same=sum(change.points == 0 for change in scored),
        errors=len(changes) - len(scored),
        new_failures=sum(change.is_new_failure for change in changes),
    )
