"""Late days: started days after the due date and the grace minutes, charged against a budget per term. Pure.

The invariant: what an upload is charged follows from the due dates that hold, the policies and the uploads that came
before it, and from nothing else; so a new extension or policy charges anew without running any code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from grader.domain.assignment import LatePolicy
from grader.domain.ids import AssignmentId, SubmissionId

_DAY_S = 86_400.0


def late_days(received_at: datetime, due_at: datetime | None, grace_minutes: int = 0) -> int:
    """Started days of 24 hours between the due date and the upload; 0 when in time or when nothing is due.

    A day has started when its grace minutes are over: with 10 of them, 24 hours and 9 minutes are one day.
    """
    if due_at is None:
        return 0
    return max(0, math.ceil(((received_at - due_at).total_seconds() - 60 * grace_minutes) / _DAY_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What one person's charge for one upload depends on; `budget` is the term's by its assignment's policy."""

    submission: SubmissionId
    assignment: AssignmentId
    received_at: datetime
    late_days: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """`used` of the term's days were taken by this upload; `beyond` of its late days are not covered by any.

    `days_left` is what was left of the term's days after it. An upload that is no later than one before it for the same
    assignment takes none.
    """

    late_days: int
    used: int
    beyond: int
    days_left: int


ON_TIME = Charge(late_days=0, used=0, beyond=0, days_left=0)


def charges(uploads: Iterable[Upload]) -> dict[SubmissionId, Charge]:
    """What each upload of one person's term is charged, in the order in which they came in."""
    used: dict[AssignmentId, int] = {}
    found: dict[SubmissionId, Charge] = {}
    for upload in sorted(uploads, key=lambda one: (one.received_at, one.submission)):
        before = used.get(upload.assignment, 0)
        left = max(0, upload.budget - sum(used.values()))
        taken = min(max(0, upload.late_days - before), left)
        used[upload.assignment] = before + taken
        found[upload.submission] = Charge(
            late_days=upload.late_days,
            used=taken,
            beyond=max(0, upload.late_days - before - taken),
            days_left=left - taken,
        )
    return found


def penalty(policy: LatePolicy, beyond: int) -> float:
    """The share of the points that so many late days beyond the term's cost, 0 to 1."""
    if policy.beyond_days != "penalise":
        return 0.0
    return min(policy.most_penalty, policy.penalty_per_day * beyond)


def penalised(score: float, share: float) -> float:
    """What is left of a score, rounded to a hundredth of a point."""
    return round(score * (1.0 - share), 2) if share else score


def days_after(due_at: datetime, days: int, time_zone: str) -> datetime:
    """The same time of day so many days later in this zone, where a day may have 23 or 25 hours."""
    local = due_at.astimezone(ZoneInfo(time_zone))
    return (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=local.tzinfo)


def ends_at(due_at: datetime | None, policy: LatePolicy) -> datetime | None:
    """When nobody can hand in any more without going beyond the term's days: the last possible end of those."""
    if due_at is None:
        return None
    return due_at + timedelta(days=policy.extension_days_per_term, minutes=policy.grace_minutes)
