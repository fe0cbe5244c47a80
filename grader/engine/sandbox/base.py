"""The seam between the grader and whatever isolates a probe.

The invariant: a sandbox holds one probe, is used for one submission, and is killed afterwards, whatever happened.
Why it ended is read from the host (engine state, cgroup), never from what the process inside says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from grader.domain.ending import Ending, EndingReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxProfile:
    """What one sandbox may use, in bytes, seconds and counts.

    `warm` makes the probe load the optimiser's modules and run one forward and backward before it says READY;
    `background` starts it with next to no share of a busy processor, until `to_foreground`;
    `gpu` names a device the sandbox may see (its UUID), None for none; `gpu_share` is how much of its memory torch
    may use there, between 0 and 1: a limit for honest code, which student code can undo.
    `program` is Python source to run in place of the probe: the reader of fingerprints, and the conformance suite's
    hostile little programs.
    """

    memory_bytes: int = 2 * 2**30
    scratch_bytes: int = 256 * 2**20
    shm_bytes: int = 64 * 2**20
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 512 * 2**20
    cpu_s: int = 900
    cpus: float = 1.0
    threads: int = 1
    warm: bool = True
    background: bool = False
    gpu: str | None = None
    gpu_share: float = 1.0
    program: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a backend can be used here. Each problem comes with what to do about it."""

    backend: str
    usable: bool
    facts: dict[str, str] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()


class Sandbox(Protocol):
    """One started probe.

    `read_fd` carries the probe's frames to us, `write_fd` ours to it; both belong to the sandbox and are closed by
    `kill`. Whoever gets a descriptor by `os.dup` or SCM_RIGHTS closes its own copy.
    """

    @property
    def name(self) -> str: ...
    @property
    def read_fd(self) -> int: ...
    @property
    def write_fd(self) -> int: ...

    def is_alive(self) -> bool: ...

    def to_foreground(self) -> None:
        """Give it its full share of the processor, if it was started in the background; harmless otherwise."""
        ...

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        """Stop everything inside at once. Idempotent. The reason is used unless the host knows a better one."""
        ...

    def ending(self) -> Ending:
        """Why it stopped; waits up to two seconds for the end of a process that is dying, then kills it."""
        ...

    def stderr(self) -> str:
        """The last 8 kB of what the probe process itself wrote to standard error (for staff)."""
        ...


class SandboxBackend(Protocol):
    """A way to make sandboxes."""

    @property
    def name(self) -> str: ...

    def check(self) -> Readiness:
        """Cheap: says whether it can be used here, and what is missing."""
        ...

    def start(self, profile: SandboxProfile) -> Sandbox:
        """Start a probe and return at once, before it is ready.

        Raises:
            NoSandbox: the backend cannot be used here.
            SandboxLost: the engine failed to start it; trying again may work.

        """
        ...

    def reap(self) -> int:
        """Remove what dead workers left behind; the number of sandboxes removed."""
        ...
