"""Sheets for graders, made by a slot that has nothing to grade; one slot of a worker at a time.

Grading goes first: nothing is begun while a stage can be claimed, and what is under way is let go of when one has to
wait for it. A worker that dies loses nothing: its lease runs out, and another makes them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from grader.domain.errors import DatabaseBusy, GraderError, NoSandbox, StorageFull
from grader.domain.grading import Queue
from grader.domain.sheets import Sheets
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sheets import MAKING, make, require_maker
from grader.kit.logs import about
from grader.service import sheets
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.objects import BlobsAway
from grader.storage.repositories.sheets import Wanted

log = logging.getLogger(__name__)
# A stage that waits for so long finds no free slot; asked as often while sheets are made.
_PATIENCE_S = 3.0
# Sandboxes that cannot make sheets are asked again after an hour: the image may have been built anew.
_REST_S = 3600.0


class MakesSheets(Protocol):
    """What the loop needs of `SheetMaker`."""

    def make_next(
        self, queues: Sequence[Queue], leaving: threading.Event, begins: Callable[[], None] = ...
    ) -> bool: ...


class SheetMaker:
    """Makes what is wanted. One for a worker, shared by its slots."""

    def __init__(
        self, database: Database, blobs: Blobs, backend: SandboxBackend, *, worker: str,
        ended: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._database = database
        self._blobs = blobs
        self._backend = backend
        self._worker = worker
        self._ended = ended
        self._one_at_a_time = threading.Lock()
        self._is_able = False
        self._rests_until = 0.0

    def make_next(
        self, queues: Sequence[Queue], leaving: threading.Event, begins: Callable[[], None] = lambda: None
    ) -> bool:
        """Make what was wanted first, unless another slot does; False when there is nothing to do.

        `queues` are what is graded instead as soon as something waits in them; `leaving` says that it is time to stop.
        `begins` is told once there is something. Raises DatabaseBusy.
        """
        if time.monotonic() < self._rests_until or not self._one_at_a_time.acquire(blocking=False):
            return False
        try:
            with self._database.begin() as work:
                wanted = sheets.claim(work, worker=self._worker)
            if wanted is None:
                return False
            begins()
            with about(submission=str(wanted.submission)):
                self._see_through(wanted, _Patience(self._database, queues, leaving))
            return True
        finally:
            self._one_at_a_time.release()

    def _see_through(self, wanted: Wanted, goes_on: Callable[[], bool]) -> None:
        began = time.monotonic()
        try:
            made = self._made(wanted, goes_on)
            if made is not None:
                sheets.keep(self._database, self._blobs, wanted, made, MAKING)
                self._ended("failed" if made.problem else "made")
                log.info("sheets: %s after %.2f s", made.problem or len(made.sheets), time.monotonic() - began)
                return
        except DatabaseBusy:
            raise
        except NoSandbox as error:
            log.warning("no sheets are made here: %s", error)
            self._rests_until = time.monotonic() + _REST_S
        except (BlobsAway, StorageFull) as error:
            log.warning("sheets wait: %s", error)
            self._rests_until = time.monotonic() + _PATIENCE_S
        except Exception as error:
            # The same edge as a grading's: a fault of ours costs a try.
            if not isinstance(error, GraderError):
                log.exception("making sheets ended in a fault of ours")
            with self._database.begin() as work:
                sheets.give_up(work, wanted, f"{type(error).__name__}: {error}")
            self._ended("fault")
            return
        with self._database.begin() as work:
            sheets.put_back(work, wanted)
        self._ended("put-back")

    def _made(self, wanted: Wanted, goes_on: Callable[[], bool]) -> Sheets | None:
        if not self._is_able:
            require_maker(self._backend)
            self._is_able = True
        limits, rules = wanted.definition.limits, wanted.definition.files
        content = self._blobs.get(wanted.sha256)
        return make(self._backend, wanted.file, content, limits=limits, rules=rules, goes_on=goes_on)


class _Patience:
    """Says whether to go on: not when this worker stops, nor while somebody waits to be graded."""

    def __init__(self, database: Database, queues: Sequence[Queue], leaving: threading.Event) -> None:
        self._database = database
        self._queues = queues
        self._leaving = leaving
        self._asked_at = time.monotonic()

    def __call__(self) -> bool:
        if self._leaving.is_set():
            return False
        if time.monotonic() - self._asked_at < _PATIENCE_S:
            return True
        self._asked_at = time.monotonic()
        with self._database.begin() as work:
            return not sheets.keeps_waiting(work, self._queues, over_s=_PATIENCE_S)
