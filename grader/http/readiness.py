"""Whether this server can take uploads, asked within a bound: what hangs counts as not there.

The invariant: an answer takes two seconds at most, and needs no thread of those that serve requests, which may all wait
for the very database that is asked about. Each part is asked by one thread of its own at a time, however many want to
know, and what it said is good for a second.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from grader.domain.errors import DatabaseBusy
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.broker import broker_answers

log = logging.getLogger(__name__)
Value = TypeVar("Value")
WITHIN_S = 2.0
KEPT_S = 1.0


class Probe(Generic[Value]):
    """Asks something that may hang, or fail in any way: then the answer is `otherwise`. One is good for `kept_s`."""

    def __init__(self, name: str, ask: Callable[[], Value], otherwise: Value, *, kept_s: float = KEPT_S) -> None:
        self._name = name
        self._kept_s = kept_s
        self._ask = ask
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._asked: Future[Value] | None = None
        self._asked_at = 0.0
        self._said_at = 0.0

    async def answer(self) -> Value:
        """Within `WITHIN_S` seconds, of which somebody who asked before may have waited some."""
        asked, left_s = self._under_way()
        if not asked.done():
            await asyncio.wait({asyncio.wrap_future(asked)}, timeout=left_s)
        return asked.result() if asked.done() else self._otherwise

    def _under_way(self) -> tuple[Future[Value], float]:
        with self._lock:
            now = time.monotonic()
            if self._asked is None or (self._asked.done() and now - self._said_at >= self._kept_s):
                self._asked, self._asked_at = Future(), now
                # Of nobody's pool: it may hang until the other side is back.
                threading.Thread(
                    target=self._look, args=(self._asked,), name=f"probe-{self._name}", daemon=True
                ).start()
            return self._asked, max(0.0, self._asked_at + WITHIN_S - now)

    def _look(self, asked: Future[Value]) -> None:
        try:
            found = self._ask()
        except Exception as error:
            # A client library of an object store raises what it likes; all of it means no.
            log.warning("the %s cannot be asked: %s", self._name, type(error).__name__)
            found = self._otherwise
        with self._lock:
            self._said_at = time.monotonic()
        asked.set_result(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What uploads need, and the broker, without which grading only starts later."""

    database: bool
    schema_is_current: bool
    blobs: bool
    broker: bool

    @property
    def suffice(self) -> bool:
        return self.database and self.schema_is_current and self.blobs


class Readiness:
    """One for a server process."""

    def __init__(self, *, database_url: str, blobs: Blobs, broker_url: str) -> None:
        self._database = Probe("database", lambda: _database(database_url), (False, False))
        self._blobs = Probe("blob store", blobs.is_ready, otherwise=False)
        self._broker = Probe("broker", lambda: broker_answers(broker_url), otherwise=False)
        self._before: Mapping[str, bool] = {}

    async def parts(self) -> Parts:
        """All parts side by side."""
        (database, is_current), blobs, broker = await asyncio.gather(
            self._database.answer(), self._blobs.answer(), self._broker.answer()
        )
        parts = Parts(database=database, schema_is_current=is_current, blobs=blobs, broker=broker)
        self._say_what_changed({"database": database, "schema": is_current, "blob store": blobs, "broker": broker})
        return parts

    def _say_what_changed(self, now: Mapping[str, bool]) -> None:
        for name, works in now.items():
            if self._before.get(name, True) != works:
                log.log(logging.INFO if works else logging.WARNING, "%s: %s", name, "ready" if works else "not ready")
        self._before = now


def _database(url: str) -> tuple[bool, bool]:
    """Whether it answers, and has a schema that this code can work with; over a connection of its own.

    Not one of the pool: that all of those are in use is load, and no reason to send everybody away.
    """
    try:
        return True, schema.is_usable(url)
    except DatabaseBusy:
        return False, False
