"""A sandbox that is a process of this machine in a control group of its own: how it is killed and judged.

The invariants: the group is read before it is removed, and why a sandbox ended is told by the group and by whoever
waited for the process, never by the process.
"""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

from grader.domain.ending import Ending, EndingReason
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.cgroups import Group, GroupFacts, GroupLimits, GroupTree
from grader.engine.sandbox.endings import HostFacts, classify
from grader.engine.sandbox.stderr_tail import StderrTail

DYING_S = 2.0
# A charge that is refused is not in the high-water mark; the largest (a huge page) is 2 MiB of at least 64.
_NEARLY = 0.9


class HeldSandbox(ABC):
    """What bwrap's and the fork server's sandboxes have in common.

    Takes over the three descriptors: our ends of the process's pipes.
    """

    def __init__(
        self, name: str, group: Group, profile: SandboxProfile, *, write_fd: int, read_fd: int, error_fd: int
    ) -> None:
        self._name = name
        self._group = group
        self._profile = profile
        self._lock = threading.RLock()
        self._killed_for: EndingReason | None = None
        self._ending: Ending | None = None
        self._started = time.monotonic()
        self._stderr = StderrTail()
        self._write_fd = write_fd
        self._read_fd = read_fd
        self._drain = self._stderr.drain(error_fd)
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def read_fd(self) -> int:
        return self._read_fd

    @property
    def write_fd(self) -> int:
        return self._write_fd

    @abstractmethod
    def is_alive(self) -> bool: ...

    @abstractmethod
    def _stop(self) -> None:
        """Send the process that holds the others its end; it need not be over when this returns."""

    @abstractmethod
    def _wait(self, seconds: float) -> bool:
        """Wait until it has ended; False if it has not in time."""

    @abstractmethod
    def _exit_code(self) -> int | None:
        """Once it has ended: its status, negative for a signal; None where nobody could tell."""

    def to_foreground(self) -> None:
        if self._profile.background:
            self._group.weigh(background=False)

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        with self._lock:
            self._end(reason)
            if not self._closed:
                self._closed = True
                os.close(self._read_fd)
                os.close(self._write_fd)

    def ending(self) -> Ending:
        with self._lock:
            if self._ending is None:
                self._wait(DYING_S)
            return self._end(EndingReason.KILLED)

    def stderr(self) -> str:
        if not self.is_alive():
            self._drain.join(0.5)
        return self._stderr.text()

    def _end(self, reason: EndingReason) -> Ending:
        if self._ending is not None:
            return self._ending
        if self.is_alive():
            self._killed_for = reason
            self._stop()
        # What is number 1 inside takes its namespace along; the group catches what was not there yet.
        all_dead = self._group.kill()
        self._wait(DYING_S)
        self._ending = classify(self._facts(self._group.facts(), lost=not all_dead))
        self._group.remove()
        self._released()
        return self._ending

    @abstractmethod
    def _released(self) -> None:
        """Called once, when it has ended and its group is gone."""

    def _facts(self, counted: GroupFacts, *, lost: bool) -> HostFacts:
        if counted.oom_kills and not reached(counted.peak_bytes, self._profile.memory_bytes):
            # The kernel counts its kills for want of the machine's memory too, and those are not the code's doing.
            counted, lost = replace(counted, oom_kills=0), True
        return HostFacts(
            exit_code=self._exit_code(),
            oom_kills=counted.oom_kills,
            killed_for=self._killed_for,
            lost=lost,
            cpu_s=counted.cpu_s,
            wall_s=time.monotonic() - self._started,
            peak_bytes=counted.peak_bytes,
            refused_tasks=counted.refused_tasks,
            cpu_limit_s=self._profile.cpu_s,
            memory_limit_bytes=self._profile.memory_bytes,
            file_limit_bytes=self._profile.file_bytes,
        )


def reached(peak_bytes: int | None, limit_bytes: int) -> bool:
    """Whether a group has come to its limit, as far as its high-water mark tells; without one it is believed."""
    return peak_bytes is None or peak_bytes >= _NEARLY * limit_bytes


def limits_of(profile: SandboxProfile, extra_tasks: int) -> GroupLimits:
    """The group's limits for a profile, and for so many tasks of ours beside its processes."""
    return GroupLimits(
        memory_bytes=profile.memory_bytes,
        tasks=profile.processes + extra_tasks,
        cpus=profile.cpus,
        background=profile.background,
    )


def group_name(uid: int, token: str) -> str:
    """The name of a new group, by which `reap_groups` knows whose it is."""
    return f"w{os.getpid()}-{uid}-{token}"


def reap_groups(groups: GroupTree) -> int:
    """Remove the groups of workers whose process is gone, and kill what still runs in them; the number removed."""
    count = 0
    for name, group in groups.strays():
        owner = name.split("-")[0].removeprefix("w")
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            group.kill()
            count += group.remove()
    return count
