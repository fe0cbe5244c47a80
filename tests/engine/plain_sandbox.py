"""Plain processes in place of sandboxes. Only tests may do that: the product has no such backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grader.domain.ending import Ending, EndingReason
from grader.engine.sandbox.base import Readiness, SandboxProfile
from tests.engine.plain_probe import PlainProcess


class PlainSandbox:
    """The sandbox protocol around an unprotected probe."""

    name = "plain"

    def __init__(self, scratch: Path, prepare: Callable[[], None] | None = None) -> None:
        self._process = PlainProcess(scratch, prepare)
        self.read_fd, self.write_fd = self._process.read_fd, self._process.write_fd
        self._reason: EndingReason | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def to_foreground(self) -> None:
        """It never was anywhere else."""

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        self._reason = self._reason or reason
        self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.close()

    def ending(self) -> Ending:
        status = self._process.wait(60)
        reason = self._reason or EndingReason.EXITED
        return Ending(reason=reason, exit_code=status, peak_bytes=1000, cpu_s=0.25)

    def stderr(self) -> str:
        return ""


class PlainBackend:
    """Starts plain sandboxes and remembers them, and under which profile."""

    name = "plain"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.started: list[PlainSandbox] = []
        self.profiles: list[SandboxProfile] = []

    def check(self) -> Readiness:
        return Readiness(backend=self.name, usable=True)

    def start(self, profile: SandboxProfile) -> PlainSandbox:
        sandbox = PlainSandbox(self._scratch)
        self.started.append(sandbox)
        self.profiles.append(profile)
        return sandbox

    def reap(self) -> int:
        return 0

    def close(self) -> None:
        for sandbox in self.started:
            sandbox.close()
