"""The part of the sweep that delivers notices, in a thread of its own: a receiver that is slow delays no repair.

Parcels are taken along under a lease in one transaction, tried while none is open, and what came of them is kept in
another. Whoever dies in between has them tried again: at least once, under the same id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol, Self

from grader.domain.errors import DatabaseBusy
from grader.domain.notices import Channel, Outcome, Parcel
from grader.service import notices
from grader.storage.database import Database

log = logging.getLogger(__name__)

_AT_THE_SAME_TIME = 8
_FORGET_EVERY_S = 3600.0
# Looking through everybody who has not handed in is more than the rest together, and a minute is no matter.
_REMIND_EVERY_S = 60.0
_LONGEST_PAUSE_S = 30.0
# Scores are compared, not announced: so a due date that passes is seen like a grading that ends.
_SCORES_EVERY_S = 10.0


class CallsWebhooks(Protocol):
    def send(self, parcel: Parcel) -> Outcome: ...


class SendsMail(Protocol):
    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]: ...


class SendsScores(Protocol):
    def look(self) -> None: ...

    def send(self, parcel: Parcel) -> Outcome: ...


class Postman:
    """Delivers what is in the outbox. Several at once, of any processes, do no harm.

    Args:
        database: the service's.
        webhooks: calls one address.
        mail: sends letters; None where no mail server is configured.
        scores: tells learning platforms; None where this service has no keys for them.
        scores_every_s: pause between two looks for scores that have changed.
        due_soon: how long before the due date students are reminded; None for never.
        ended: told of each attempt's channel and whether it was delivered.

    """

    def __init__(
        self,
        database: Database,
        webhooks: CallsWebhooks,
        mail: SendsMail | None = None,
        *,
        scores: SendsScores | None = None,
        scores_every_s: float = _SCORES_EVERY_S,
        due_soon: timedelta | None = None,
        ended: Callable[[Channel, bool], None] = lambda _channel, _delivered: None,
    ) -> None:
        self._database = database
        self._webhooks = webhooks
        self._mail = mail
        self._scores = scores
        self._scores_every_s = scores_every_s
        self._scores_at = 0.0
        self._due_soon = due_soon
        self._ended = ended
        self._forget_at = 0.0
        self._remind_at = 0.0
        self._senders = ThreadPoolExecutor(_AT_THE_SAME_TIME, thread_name_prefix="postman")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is under way ends within its own limits; the lease gives it to the next who looks.
        self._senders.shutdown(wait=False, cancel_futures=True)

    def go_round(self) -> bool:
        """Look once and deliver what is due; whether there may be more at once. Raises DatabaseBusy."""
        due_soon = None
        if time.monotonic() >= self._remind_at:
            due_soon = self._due_soon
            self._remind_at = time.monotonic() + _REMIND_EVERY_S
        if self._scores is not None and time.monotonic() >= self._scores_at:
            self._scores.look()
            self._scores_at = time.monotonic() + self._scores_every_s
        with self._database.begin() as work:
            found = notices.look(
                work, with_mail=self._mail is not None, with_scores=self._scores is not None, due_soon=due_soon
            )
            if time.monotonic() >= self._forget_at:
                notices.forget_old(work)
                self._forget_at = time.monotonic() + _FORGET_EVERY_S
        outcomes = self._deliver(found.parcels)
        if outcomes:
            with self._database.begin() as work:
                notices.record(work, outcomes)
        for parcel, outcome in outcomes:
            self._ended(parcel.channel, not outcome.problem)
            if outcome.problem:
                about = {"notice": str(parcel.notice), "delivery": str(parcel.id)}
                log.warning("a %s was not delivered, try %d", parcel.channel.value, parcel.attempt, extra=about)
        return found.has_more

    def go_rounds(self, every_s: float, stopped_within: Callable[[float], bool]) -> None:
        """Until it is time to stop, which `stopped_within` says after so many seconds."""
        pause_s = every_s
        while True:
            try:
                more = self.go_round()
                pause_s = 0.0 if more else every_s
            except DatabaseBusy:
                # The sweep itself says so in the log.
                pause_s = min(_LONGEST_PAUSE_S, max(every_s, 2 * pause_s))
            except Exception:
                # The thread's edge: what was taken along is tried again when its lease is over.
                log.exception("a round of deliveries ended in a fault of ours")
                pause_s = _LONGEST_PAUSE_S
            if stopped_within(pause_s):
                return

    def start(self, every_s: float, stopped_within: Callable[[float], bool]) -> threading.Thread:
        thread = threading.Thread(target=self.go_rounds, args=(every_s, stopped_within), name="postman", daemon=True)
        thread.start()
        return thread

    def _deliver(self, parcels: Sequence[Parcel]) -> list[tuple[Parcel, Outcome]]:
        letters = [parcel for parcel in parcels if parcel.channel is Channel.EMAIL]
        calls = [parcel for parcel in parcels if parcel.channel is Channel.WEBHOOK]
        told = [parcel for parcel in parcels if parcel.channel is Channel.LTI]
        posted = self._senders.submit(self._mail.send, letters) if self._mail is not None and letters else None
        called = list(zip(calls, self._senders.map(self._webhooks.send, calls), strict=True))
        # Letters that there was no time for wait until their lease is over.
        mailed = [] if posted is None else list(zip(letters, posted.result(), strict=False))
        if self._scores is not None:
            called += list(zip(told, self._senders.map(self._scores.send, told), strict=True))
        return called + mailed
