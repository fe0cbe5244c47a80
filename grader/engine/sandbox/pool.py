"""Sandboxes started ahead, so that a submission does not wait for `import torch`.

The invariant: a sandbox leaves the pool once and is killed when its lease ends; nothing is ever put back.
Accepted gap: a pool hides latency for its first sandboxes only. A burst runs at the speed of the refill.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from grader.domain.errors import GraderError, NoSandbox, SandboxLost
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
# A waiting lease is told of a failure that may pass only when it did not pass.
FAILURES_TO_GIVE_UP = 3
# The warm-up takes 2 to 3 s on a quiet core; a loaded machine is several times slower.
READY_WITHIN_S = 120.0
# A pool in the background leaves the machine to a run that has just begun: most are over by then, and an engine's own
# work for the next container (a third of a second of processor time) cannot be put in the background.
QUIET_S = 1.0


class PoolStatistics(NamedTuple):
    ready: int
    starting: int
    leased: int


@dataclass(slots=True, eq=False)
class _Starting:
    sandbox: Sandbox
    since: float
    is_hurried: bool = False


class WarmPool:
    """Keeps `size` sandboxes of one profile ready. Safe for use by several threads.

    Where they are the `only` ones their place has room for (a GPU), those that are leased count too: the next one
    starts when one has ended and `after_use`, called in the thread of the lease, has come back. The lease raises what
    that raises.

    `expected` is how many leases will come, where that is known: no more sandboxes are started ahead than that, and
    only a waiting lease (after a submission killed its sandbox) starts another.

    A sandbox is ready when bytes can be read from it: its READY frame has arrived, and is left to the lessee.
    """

    def __init__(
        self,
        backend: SandboxBackend,
        profile: SandboxProfile,
        size: int,
        *,
        expected: int | None = None,
        ready_within_s: float = READY_WITHIN_S,
        only: bool = False,
        after_use: Callable[[], None] | None = None,
    ) -> None:
        self._backend = backend
        self._profile = profile
        self._size = size
        self._still_expected = expected
        self._ready_within_s = ready_within_s
        self._only = only
        self._after_use = after_use
        self._changed = threading.Condition()
        self._ready: deque[Sandbox] = deque()
        self._starting: list[_Starting] = []
        self._leased: dict[int, Sandbox] = {}
        self._waiting = 0
        self._stopped = False
        self._closed = False
        self._failures = 0
        self._failure: GraderError | None = None
        self._next_start = 0.0
        self._quiet_until = 0.0
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._refill, name="sandbox-pool", daemon=True)
        self._thread.start()

    @property
    def statistics(self) -> PoolStatistics:
        with self._changed:
            return PoolStatistics(len(self._ready), len(self._starting), len(self._leased))

    def await_ready(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Wait until `size` sandboxes are ready.

        Raises:
            NoSandbox, SandboxLost: they were not in time, or cannot be started.

        """
        ends_at = time.monotonic() + timeout_s
        with self._changed:
            failures_before = self._failures
            while len(self._ready) < self._size:
                if self._stopped:
                    raise SandboxLost("the pool of sandboxes has been stopped")
                self._raise_failure(failures_before)
                if not self._changed.wait(max(0.0, ends_at - time.monotonic())):
                    raise SandboxLost(f"the sandboxes were not ready within {timeout_s:g} s")

    @contextmanager
    def lease(self, timeout_s: float | None = None) -> Iterator[Sandbox]:
        """A ready sandbox, killed when the block is left.

        Raises:
            NoSandbox: the backend cannot be used here.
            SandboxLost: sandboxes fail to start, or none was ready in time.

        """
        sandbox = self._take(timeout_s)
        sandbox.to_foreground()
        try:
            yield sandbox
        finally:
            sandbox.kill()
            try:
                if self._after_use is not None:
                    self._after_use()
            finally:
                with self._changed:
                    self._leased.pop(id(sandbox), None)
                    self._wake()

    def stop(self) -> None:
        """Kill every sandbox, leased ones too. Idempotent; a waiting lease raises SandboxLost."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._wake()
        self._thread.join()
        with self._changed:
            doomed = [*self._ready, *(item.sandbox for item in self._starting), *self._leased.values()]
            self._ready.clear()
            self._starting.clear()
        for sandbox in doomed:
            sandbox.kill()
        with self._changed:
            if not self._closed:
                self._closed = True
                os.close(self._wake_read)
                os.close(self._wake_write)

    def _take(self, timeout_s: float | None) -> Sandbox:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            failures_before = self._failures
            self._waiting += 1
            self._wake()
            try:
                while True:
                    if self._stopped:
                        raise SandboxLost("the pool of sandboxes has been stopped")
                    while self._ready:
                        sandbox = self._ready.popleft()
                        if sandbox.is_alive():
                            self._leased[id(sandbox)] = sandbox
                            if self._profile.background:
                                self._quiet_until = time.monotonic() + QUIET_S
                            return sandbox
                        sandbox.kill()
                        self._wake()
                    self._raise_failure(failures_before)
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        raise SandboxLost(
                            f"no sandbox became ready within {timeout_s:g} s; try again, or look for load"
                        )
                    self._changed.wait(left)
            finally:
                self._waiting -= 1
                self._wake()

    def _raise_failure(self, failures_before: int) -> None:
        """Speak up where waiting longer has no point."""
        if self._failure is None:
            return
        hopeless = isinstance(self._failure, NoSandbox)
        if hopeless or (self._failures - failures_before) >= FAILURES_TO_GIVE_UP:
            raise type(self._failure)(str(self._failure)) from self._failure

    def _wake(self) -> None:
        with self._changed:
            if self._closed:
                return  # the descriptor's number may stand for another file by now
            with contextlib.suppress(BlockingIOError):  # full: the thread is awake already
                os.write(self._wake_write, b"w")

    def _refill(self) -> None:
        while not self._stopped:
            try:
                self._start_missing()
                self._hurry()
                self._watch()
            except Exception as error:  # a thread's edge: a lease must hear of it instead of waiting for ever
                self._fail(SandboxLost(f"the pool failed to start a sandbox ({type(error).__name__}: {error})"))

    def _start_missing(self) -> None:
        with self._changed:
            missing = self._missing()
        while missing > 0 and not self._stopped and time.monotonic() >= self._next_start:
            try:
                sandbox = self._backend.start(self._profile)
            except (NoSandbox, SandboxLost) as error:
                self._fail(error)
                return
            with self._changed:
                self._starting.append(_Starting(sandbox, time.monotonic()))
                if self._still_expected:
                    self._still_expected -= 1
            missing -= 1

    def _hurry(self) -> None:
        """What somebody waits for gets its full share now: in the background of a busy machine it would starve."""
        with self._changed:
            awaited = [item for item in self._starting[: self._waiting] if not item.is_hurried]
        for item in awaited:
            item.sandbox.to_foreground()
            item.is_hurried = True

    def _missing(self) -> int:
        """How many to start now; called with the lock held."""
        under_way = len(self._ready) + len(self._starting) + (len(self._leased) if self._only else 0)
        ahead = self._size - under_way
        if self._still_expected is not None:
            ahead = min(ahead, self._still_expected)
        if time.monotonic() < self._quiet_until:
            ahead = 0
        return max(ahead, self._waiting - under_way)

    def _watch(self) -> None:
        """Wait until a starting sandbox speaks or ends, a ready one ends, or somebody wants something."""
        with self._changed:
            starting, ready = list(self._starting), list(self._ready)
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        for item in starting:
            poller.register(item.sandbox.read_fd, select.POLLIN)
        for sandbox in ready:
            # Readable since it said READY: only its end is news.
            poller.register(sandbox.read_fd, 0)
        events = dict(poller.poll(self._patience_s() * 1000))
        if self._wake_read in events:
            os.read(self._wake_read, 4096)
        now = time.monotonic()
        for item in starting:
            seen = events.get(item.sandbox.read_fd, 0)
            if seen & select.POLLIN:
                self._promote(item)
            elif seen or now - item.since > self._ready_within_s:
                self._discard(item, ended=bool(seen))
        for sandbox in ready:
            if sandbox.read_fd in events:
                self._drop_dead(sandbox)

    def _patience_s(self) -> float:
        with self._changed:
            wanted = self._missing() > 0
        pause = self._next_start - time.monotonic()
        if wanted:
            return max(0.0, min(pause, 1.0))
        quiet = self._quiet_until - time.monotonic()
        return min(quiet, 1.0) if quiet > 0 else 1.0

    def _promote(self, item: _Starting) -> None:
        with self._changed:
            self._starting.remove(item)
            self._ready.append(item.sandbox)
            self._failures, self._failure = 0, None
            self._changed.notify_all()

    def _discard(self, item: _Starting, *, ended: bool) -> None:
        with self._changed:
            self._starting.remove(item)
        reason = item.sandbox.ending().reason if ended else "it was not ready in time"
        item.sandbox.kill()
        said = item.sandbox.stderr().strip().splitlines()
        told = f": {said[-1]}" if said else ""
        self._fail(SandboxLost(f"a sandbox ended before it was ready ({reason}{told}); `grader doctor` tests them"))

    def _drop_dead(self, sandbox: Sandbox) -> None:
        with self._changed:
            if sandbox not in self._ready:
                return
            self._ready.remove(sandbox)
        sandbox.kill()

    def _fail(self, error: GraderError) -> None:
        with self._changed:
            self._failures += 1
            self._failure = error
            pause = FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10)
            self._next_start = time.monotonic() + min(pause, LONGEST_PAUSE_S)
            self._changed.notify_all()
