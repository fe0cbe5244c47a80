"""A backend of pipes, for the pool's tests: what it does at each start is told beforehand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import GraderError
from grader.engine.sandbox.base import Readiness, SandboxProfile


class FakeSandbox:
    """Ready when `say_ready` is called; dead when `die` or `kill` is."""

    def __init__(self, number: int) -> None:
        self.name = f"fake-{number}"
        self.read_fd, self._probe_fd = os.pipe()
        self.write_fd = os.dup(self._probe_fd)
        self.kills = 0
        self.foreground = False
        self._alive = True
        self._lock = threading.Lock()

    def say_ready(self) -> None:
        os.write(self._probe_fd, b"READY")

    def die(self) -> None:
        """The pipe closes, as when the process ends."""
        with self._lock:
            if self._alive:
                self._alive = False
                os.close(self._probe_fd)
                os.close(self.write_fd)

    def to_foreground(self) -> None:
        self.foreground = True

    def is_alive(self) -> bool:
        return self._alive

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        self.die()
        if self.kills == 0:
            os.close(self.read_fd)
        self.kills += 1

    def ending(self) -> Ending:
        return Ending(reason=EndingReason.EXITED, exit_code=1)

    def stderr(self) -> str:
        return "Traceback\nImportError: no torch"


class FakeBackend:
    """`behave` is called with each new sandbox, or raises."""

    name = "fake"

    def __init__(self, behave: Callable[[FakeSandbox], None]) -> None:
        self.behave = behave
        self.started: list[FakeSandbox] = []

    def check(self) -> Readiness:
        return Readiness(backend="fake", usable=True)

    def start(self, profile: SandboxProfile) -> FakeSandbox:
        sandbox = FakeSandbox(len(self.started))
        self.started.append(sandbox)
        try:
            self.behave(sandbox)
        except GraderError:
            sandbox.kill()
            raise
        return sandbox

    def reap(self) -> int:
        return 0
