"""Notices: what happened, told to webhooks of the course and by e-mail. Pure values and the rules of trying again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from grader.domain.ids import CourseId, PersonId


class NoticeKind(StrEnum):
    """What a notice is about; the word is the `type` that webhooks read."""

    GRADED = "submission.graded"
    REGRADE_ANSWERED = "regrade.answered"
    ITEMS_RELEASED = "items.released"
    DUE_SOON = "assignment.due_soon"
    TEST = "webhook.test"
    SCORE_CHANGED = "score.changed"


# What comes by e-mail, and may be refused by whoever it comes to.
MAILED = (NoticeKind.GRADED, NoticeKind.REGRADE_ANSWERED, NoticeKind.ITEMS_RELEASED, NoticeKind.DUE_SOON)


class Channel(StrEnum):
    WEBHOOK = "webhook"
    EMAIL = "email"
    LTI = "lti"


class DeliveryState(StrEnum):
    """`dropped`: nobody needs it any more, such as a reminder to somebody who has handed in meanwhile."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"


# A receiver that is away for a weekend misses nothing; docs/notices.md says so.
GIVE_UP_AFTER = timedelta(days=3)
# A webhook that has failed for so long, without one delivery between, is disabled.
DISABLE_AFTER = timedelta(days=5)
# The log and what it is of are kept so long; a reminder is not sent twice while its row is there.
KEPT = timedelta(days=90)
_PAUSES_S = (10.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)


def pause_s(attempts: int, luck: float) -> float:
    """Seconds to wait after so many attempts (from 1); `luck` from 0 to 1 spreads them out."""
    return _PAUSES_S[min(max(attempts, 1), len(_PAUSES_S)) - 1] * (0.9 + 0.2 * luck)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address of a course that is told. `secret` is None but where it is signed with or has just been made."""

    id: int
    course: CourseId
    url: str
    created_at: datetime
    created_by: str | None
    failing_since: datetime | None
    disabled_at: datetime | None
    problem: str
    last_delivered_at: datetime | None
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A delivery that is to be tried now, and everything it says.

    `data` is what a webhook's body holds: ids and a state, and nothing of any check. `person` and `email` are of an
    e-mail, `webhook`, `url` and `secret` of a webhook.
    """

    id: UUID
    notice: UUID
    kind: NoticeKind
    channel: Channel
    attempt: int
    until: datetime
    happened_at: datetime
    course_title: str
    time_zone: str
    assignment_title: str
    due_at: datetime | None
    received_at: datetime | None
    data: dict[str, Any] = field(default_factory=dict)
    webhook: int | None = None
    url: str = ""
    secret: str = ""
    person: PersonId | None = None
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended: `problem` is empty when it was delivered, else a sentence for staff.

    `is_final` says that trying again is no use, `is_gone` that the receiver wants nothing more at all.
    """

    problem: str = ""
    is_final: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A line of the log: what was told to whom, and how that went."""

    id: str
    notice: str
    kind: NoticeKind
    channel: Channel
    state: DeliveryState
    attempts: int
    problem: str
    created_at: datetime
    ended_at: datetime | None
    next_at: datetime | None
    assignment: str | None
    submission: str | None
    webhook: int | None
    person: str | None
