"""From an empty machine to one that grades, and back: sandboxes, schema, warm pool, threads."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.domain.errors import DatabaseBusy, GraderError, TransientError
from grader.domain.grading import Queue
from grader.engine.engines import Engines
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.select import choose
from grader.service import assignments, runs
from grader.service.expected import likeliest_limits
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from worker.loop import GradingLoop, Workplace
from worker.slots import Slot

log = logging.getLogger(__name__)
HEARTBEAT_S = 15.0
# Then the process and a word of chance: whose it is, so that the next worker can tell what nobody needs any more.
SPECS_PREFIX = "grader-specs-"
_ASK_AGAIN_S = 2.0
_LOOK_S = 0.2
# What is under way is killed and put back; a database that does not answer then is not waited for.
STOP_S = 4.0


def open_backend(name: str | None) -> SandboxBackend:
    """A backend that has shown that it works here, with nothing left of workers that died.

    Raises:
        NoSandbox, BadArguments: nothing can be graded here; the message says what to install.

    """
    backend = choose(name)
    strays = backend.reap()
    if strays:
        log.warning("%d sandboxes of workers that died were removed", strays)
    return backend


def reap_folders(within: Path) -> int:
    """Remove the folders of specs that workers which were killed have left there; how many."""
    count = 0
    for path in within.glob(f"{SPECS_PREFIX}*"):
        owner = path.name.removeprefix(SPECS_PREFIX).partition("-")[0]
        with suppress(OSError):
            if owner.isdigit() and not Path(f"/proc/{owner}").exists() and path.stat().st_uid == os.geteuid():
                shutil.rmtree(path)
                count += 1
    return count


def await_schema(url: str, stopped_within: Callable[[float], bool]) -> bool:
    """Wait for the database; False when it was time to stop first. Raises OldSchema."""
    while True:
        try:
            schema.require_current(url)
        except DatabaseBusy as error:
            log.warning("the database is away: %s", error)
        else:
            return True
        if stopped_within(_ASK_AGAIN_S):
            return False


def await_blobs(blobs: Blobs, database: Database, stopped_within: Callable[[float], bool]) -> bool:
    """Wait for the blob store; False when it was time to stop first. Raises BadBlobsUrl when waiting does not help.

    A service that has published a spec has a store, so an empty folder is none.
    """
    while True:
        try:
            with database.begin() as work:
                if assignments.has_blobs(work):
                    blobs.expect()
            blobs.require_ready()
        except DatabaseBusy as error:
            log.warning("the database is away: %s", error)
        except TransientError as error:
            log.warning("the blob store is away: %s", error)
        else:
            return True
        if stopped_within(_ASK_AGAIN_S):
            return False


class Shift:
    """A worker's threads while they grade, and those that help them."""

    def __init__(
        self, place: Workplace, threads: Sequence[threading.Thread], others: Sequence[threading.Thread]
    ) -> None:
        self._place = place
        self._threads = threads
        self._others = others

    def drain(self, hurried_within: Callable[[float], bool]) -> bool:
        """Claim nothing more and wait until all that is under way is finished; whether it came to that.

        It is given up after the worker's `drain_s` seconds, or when `hurried_within`, which waits for so many seconds,
        says that there is no time for it.
        """
        place = self._place
        place.leaving.set()
        place.bell.ring(place.settings.jobs)
        ends_at = time.monotonic() + place.settings.drain_s
        while any(thread.is_alive() for thread in self._threads):
            left_s = ends_at - time.monotonic()
            if left_s <= 0 or hurried_within(min(left_s, _LOOK_S)):
                return False
        return True

    def end(self) -> None:
        """Claim nothing more; what fails from now on is put back, because it is us who stop it."""
        self._place.leaving.set()
        self._place.stopping.set()
        self._place.bell.ring(self._place.settings.jobs)

    def join(self) -> None:
        """Wait for the threads, not for ever: what they still say to the database is said before it is closed."""
        ends_at = time.monotonic() + STOP_S
        for thread in (*self._threads, *self._others):
            thread.join(max(0.0, ends_at - time.monotonic()))


@contextmanager
def at_work(place: Workplace, engines: Engines, slots: Sequence[Slot]) -> Iterator[Shift]:
    """The worker's threads grade while the block lasts; at its end what is under way is killed and put back."""
    threads = [
        threading.Thread(target=GradingLoop(place, slot.queues, slot.share).run, name=f"grader-{number}", daemon=True)
        for number, slot in enumerate(slots)
    ]
    others = [
        threading.Thread(target=_be_heard_of, args=(place,), name="heartbeat", daemon=True),
        threading.Thread(target=_warm_up, args=(place, engines, slots), name="warm-up", daemon=True),
    ]
    for thread in (*threads, *others):
        thread.start()
    shift = Shift(place, threads, others)
    try:
        yield shift
    finally:
        shift.end()
        engines.stop()
        shift.join()


def _be_heard_of(place: Workplace) -> None:
    """Every few seconds, and at once when the worker leaves, so that nobody counts on its slots any more."""
    while True:
        leaves, stops = place.leaving.is_set(), place.stopping.is_set()
        _say_that_it_is_here(place, leaves=leaves)
        if stops:
            return
        (place.stopping if leaves else place.leaving).wait(HEARTBEAT_S)


def _say_that_it_is_here(place: Workplace, *, leaves: bool) -> None:
    settings = place.settings
    try:
        with place.database.begin() as work:
            runs.heard_of(
                work, worker=settings.name, queues=settings.queues, slots=settings.jobs, draining=leaves
            )  # fmt: skip
        place.watch.pulse.reached()
    except DatabaseBusy as error:
        log.warning("the database is away: %s", error)


def _warm_up(place: Workplace, engines: Engines, slots: Sequence[Slot]) -> None:
    """Sandboxes for the assignment that is handed in now, so that the first student need not wait for torch."""
    shares = [slot.share for slot in slots if slot.share is not None]
    try:
        with place.database.begin() as work:
            limits, trained = likeliest_limits(work), likeliest_limits(work, queue=Queue.GPU)
        if limits is not None and len(shares) < len(slots):
            engines.await_ready(limits)
            log.info("sandboxes are warm")
        if trained is not None:
            for share in shares:
                engines.warm(share, trained)
                log.info("a sandbox on GPU %s is warm", share.gpu.index)
    except GraderError as error:
        # The first grading meets the same, and says it where it counts.
        log.warning("no sandbox is warm yet: %s", error)
