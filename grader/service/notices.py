"""Notices: what happened is written into the outbox in the transaction in which it does, and delivered later.

The invariant: a notice is there exactly if what it tells of is; it is delivered at least once, under an id that stays
the same. Nothing here connects to anybody: that is the sweep's (`worker.postman`), between two transactions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from grader.domain.course import Course, Reader, Scope
from grader.domain.errors import BadRequest
from grader.domain.ids import AssignmentId, CourseId, PersonId
from grader.domain.notices import (
    DISABLE_AFTER,
    GIVE_UP_AFTER,
    KEPT,
    MAILED,
    Channel,
    Delivery,
    DeliveryState,
    NoticeKind,
    Outcome,
    Parcel,
    pause_s,
)
from grader.kit.text import one_line
from grader.service import audit
from grader.storage.database import Work
from grader.storage.repositories import notices, webhooks

# Whoever takes deliveries along and falls silent has them taken away after this; longer than any attempt.
LEASE = timedelta(seconds=120)
_AT_ONCE = 24
_EACH = 3
_EXPANDED_AT_ONCE = 500
_LONGEST_LOG = 200
_LONGEST_WORD = 100
_RECENTLY = timedelta(days=7)
# A webhook that fails is left alone for a quarter of the time that it has failed, and for no longer than this.
_LONGEST_REST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a look at the outbox found: parcels to try, and whether there may be more at once."""

    parcels: tuple[Parcel, ...]
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Deliveries that were given up within a week, and webhooks that are disabled."""

    given_up: int
    disabled: int


def tell(
    work: Work,
    kind: NoticeKind,
    *,
    course: CourseId,
    assignment: AssignmentId | None = None,
    submission: str | None = None,
    person: PersonId | None = None,
    mails: bool = True,
    about: Mapping[str, str | int] | None = None,
) -> None:
    """Write into the outbox that this happened. To be called in the transaction in which it does.

    Webhooks of the course read its kind, its time, the ids of course, assignment and submission, and `about`: more ids,
    and a word of state such as {"regrade": 12, "state": "granted"}; never a message, a score or a check. Unless `mails`
    is false, an e-mail goes to `person`, or without one to everybody whose work the submission is.
    """
    if not mails and not notices.has_receivers(work, course):
        return
    said = {name: word if isinstance(word, int) else one_line(word, limit=_LONGEST_WORD)
            for name, word in (about or {}).items()}  # fmt: skip
    notices.add(
        work, kind, course=course, assignment=assignment, submission=None if submission is None else UUID(submission),
        person=person, mails=mails and kind in MAILED, about=said,
    )  # fmt: skip


def tell_released(work: Work, assignment: AssignmentId) -> None:
    """For everybody who was graded by persons: it may be read now. To be called in the transaction of the release."""
    notices.add_released(work, assignment)


def look(work: Work, *, with_mail: bool, with_scores: bool = False, due_soon: timedelta | None = None) -> Round:
    """Hand new notices out, remind of what is due within `due_soon`, and take along what is to be tried now.

    Without mail none is made, and those that wait go on waiting until their time is over; so do scores for learning
    platforms (`lti.scores` puts them there) where this service sends none.
    """
    if with_mail and due_soon is not None:
        notices.add_due_soon(work, due_soon)
    handed = notices.expand(work, give_up=GIVE_UP_AFTER, with_mail=with_mail, most=_EXPANDED_AT_ONCE)
    notices.give_up_late(work)
    channels = [Channel.WEBHOOK]
    channels += [Channel.EMAIL] * with_mail + [Channel.LTI] * with_scores
    claimed = notices.claim(work, channels, lease=LEASE, most=_AT_ONCE, each=_EACH, mails=_AT_ONCE)
    parcels = []
    for one in claimed:
        if one.is_moot:
            notices.end(work, one.parcel.id, DeliveryState.DROPPED, "Nobody needed it any more.")
        elif one.is_over:
            notices.end(work, one.parcel.id, DeliveryState.GIVEN_UP, "Its time was over before it could be tried.")
        else:
            parcels.append(one.parcel)
    return Round(parcels=tuple(parcels), has_more=handed == _EXPANDED_AT_ONCE or bool(claimed))


def record(work: Work, outcomes: Sequence[tuple[Parcel, Outcome]]) -> None:
    """Keep how attempts ended. A webhook that has failed for long, or says that it is gone, is disabled with a mark."""
    webhooks.lock(work, {parcel.webhook for parcel, _ in outcomes if parcel.webhook is not None})
    for parcel, outcome in sorted(outcomes, key=lambda one: one[0].id):
        if not outcome.problem:
            notices.end(work, parcel.id, DeliveryState.DELIVERED)
            if parcel.webhook is not None:
                webhooks.note_delivered(work, parcel.webhook)
            continue
        problem = one_line(outcome.problem, limit=300)
        if outcome.is_final:
            notices.end(work, parcel.id, DeliveryState.GIVEN_UP, problem)
        else:
            pause = timedelta(seconds=pause_s(parcel.attempt, random.random()))  # noqa: S311  # spreads, hides nothing
            notices.try_again(work, parcel.id, attempt=parcel.attempt, pause=pause, problem=problem)
        if parcel.webhook is not None:
            _note_failure(work, parcel, outcome, problem)


def _note_failure(work: Work, parcel: Parcel, outcome: Outcome, problem: str) -> None:
    """What else waits for the webhook waits, too: it would only fail, and keep others from being told."""
    assert parcel.webhook is not None
    failing = webhooks.note_failed(work, parcel.webhook)
    is_long = failing.since >= DISABLE_AFTER
    if failing.is_disabled or not (is_long or outcome.is_gone):
        pause = max(failing.since / 4, timedelta(seconds=pause_s(1, 1.0)))
        notices.postpone_all_of(work, parcel.webhook, min(pause, _LONGEST_REST))
        return
    why = f"Every delivery has failed for {DISABLE_AFTER.days} days; the last: {problem}" if is_long else problem
    webhooks.disable(work, parcel.webhook, why)
    notices.give_up_all_of(work, parcel.webhook, "The webhook was disabled.")
    audit.note(work, None, "disable webhook", f"webhook:{parcel.webhook}", why)


def forget_old(work: Work) -> int:
    """Let the log go that is older than it is kept; how many notices."""
    return notices.forget(work, KEPT)


def log(
    work: Work, reader: Reader, course: Course, *, state: str = "", webhook: int | None = None, limit: int = 50
) -> list[Delivery]:
    """What was told to whom, newest first. Staff with scope read.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: there is no such state.

    """
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    if state not in ("", *DeliveryState):
        raise BadRequest("A delivery's state is waiting, delivered, given_up or dropped.")
    return notices.log_of(work, course.id, state=state, webhook=webhook, limit=min(limit, _LONGEST_LOG))


def trouble(work: Work, reader: Reader, course: Course) -> Trouble:
    """What staff should look at. Staff with scope read. Raises NeedsRole, NeedsScope."""
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    disabled = sum(one.disabled_at is not None for one in webhooks.listed(work, course.id))
    return Trouble(given_up=notices.given_up(work, course.id, _RECENTLY), disabled=disabled)


def mail_choices(work: Work, reader: Reader) -> dict[NoticeKind, bool]:
    """Which e-mails the reader gets."""
    refused = notices.refusals(work, reader.id)
    return {kind: kind not in refused for kind in MAILED}


def choose_mail(work: Work, reader: Reader, choices: Mapping[NoticeKind, bool]) -> None:
    """Change which e-mails the reader gets; what is not among the choices stays. Audited."""
    changed = [kind for kind, now in mail_choices(work, reader).items() if choices.get(kind, now) is not now]
    for kind in changed:
        (notices.accept if choices[kind] else notices.refuse)(work, reader.id, kind)
    if changed:
        said = ", ".join(f"{kind.value} {'on' if choices[kind] else 'off'}" for kind in changed)
        audit.note(work, reader, "choose e-mail", f"person:{reader.id}", said)
