"""Sandboxes started ahead of need, as many as will be needed and no more.

A worker that runs on keeps `ahead` of them ready for ever; a command that grades a known number of hand-ins starts
that many in all, plus one for each that a submission killed.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from grader.domain.errors import SandboxLost
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile

READY_S = 90.0


class SandboxSupply:
    """Leases single-use sandboxes. Safe to use from several threads."""

    def __init__(self, backend: SandboxBackend, profile: SandboxProfile, *, ahead: int, expected: int | None) -> None:
        self._backend = backend
        self._profile = profile
        self._left = expected
        self._lock = threading.Lock()
        self._waiting: deque[Sandbox] = deque()
        for _ in range(ahead):
            self._start_another()

    @contextmanager
    def lease(self) -> Iterator[Sandbox]:
        """A sandbox that has started (its READY may still be on the way), killed when the block ends."""
        with self._lock:
            sandbox = self._waiting.popleft() if self._waiting else None
        if sandbox is None or not sandbox.is_alive():
            if sandbox is not None:
                sandbox.kill()
            sandbox = self._backend.start(self._profile)
        self._start_another()
        try:
            yield sandbox
        finally:
            sandbox.kill()

    def await_ready(self) -> None:
        """Wait until every waiting sandbox has said READY (its pipe is readable; nothing is parsed here)."""
        ends_at = time.monotonic() + READY_S
        for sandbox in list(self._waiting):
            poller = select.poll()
            poller.register(sandbox.read_fd, select.POLLIN)
            if not poller.poll(max(0.0, ends_at - time.monotonic()) * 1000):
                raise SandboxLost("A sandbox did not become ready in time.")

    def stop(self) -> None:
        with self._lock:
            self._left = 0
            waiting, self._waiting = list(self._waiting), deque()
        for sandbox in waiting:
            sandbox.kill()

    def _start_another(self) -> None:
        with self._lock:
            if self._left is not None:
                if self._left <= 0:
                    return
                self._left -= 1
        sandbox = self._backend.start(self._profile)
        with self._lock:
            self._waiting.append(sandbox)
