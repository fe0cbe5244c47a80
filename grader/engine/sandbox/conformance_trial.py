"""How a behaviour is tried: a hostile little program in a sandbox, judged from the host."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.domain.ending import Ending, EndingReason
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile

SMALL = SandboxProfile(
    memory_bytes=256 * 2**20, scratch_bytes=16 * 2**20, shm_bytes=8 * 2**20, processes=24, file_bytes=8 * 2**20,
    cpu_s=20, warm=False,
)  # fmt: skip
# Generous for a loaded machine; a program that is expected to end does so in a tenth of it.
PROGRAM_S = 30.0
OUTPUT_BYTES = 1 << 20


class Nonconforming(Exception):
    """A sandbox let something through, or kept back what a probe needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One thing every backend must show. `quick` ones are the subset `grader doctor` tries."""

    name: str
    promise: str
    judge: Callable[[SandboxBackend], None]
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a program wrote and how it ended."""

    output: bytes
    ending: Ending
    stderr: str

    def told(self) -> Any:
        """The program's own report, as JSON; it says what it was able to do."""
        try:
            return json.loads(self.output)
        except ValueError as error:
            raise Nonconforming(f"the program gave no report ({self.ending.reason}; {self.stderr[-300:]!r})") from error


class Trial:
    """A sandbox running a program whose command line holds the marker."""

    def __init__(self, sandbox: Sandbox, marker: str) -> None:
        self._sandbox = sandbox
        self.marker = marker
        self.name, self.read_fd, self.write_fd = sandbox.name, sandbox.read_fd, sandbox.write_fd
        self.is_alive, self.kill, self.to_foreground = sandbox.is_alive, sandbox.kill, sandbox.to_foreground
        self.ending, self.stderr = sandbox.ending, sandbox.stderr


def require(condition: object, message: str) -> None:
    if not condition:
        raise Nonconforming(message)


@contextlib.contextmanager
def started(backend: SandboxBackend, program: str, profile: SandboxProfile = SMALL) -> Iterator[Trial]:
    """A sandbox running the program; afterwards it is killed, and no process of it may be left on this machine."""
    marker = f"conformance-{secrets.token_hex(8)}"
    sandbox = backend.start(replace(profile, program=f"# {marker}\n{program}"))
    try:
        yield Trial(sandbox, marker)
    finally:
        sandbox.kill()
    left = _survivors(marker)
    require(not left, f"processes {left} were left running after kill")


def outcome(
    backend: SandboxBackend, program: str, profile: SandboxProfile = SMALL, *, seconds: float = PROGRAM_S
) -> Outcome:
    """Run the program to its end, or kill it as timed out."""
    with started(backend, program, profile) as sandbox:
        output = read_until_end(sandbox, time.monotonic() + seconds)
        if output is None:
            sandbox.kill(EndingReason.TIMED_OUT)
        return Outcome(output=output or b"", ending=sandbox.ending(), stderr=sandbox.stderr())


def read_until_end(sandbox: Sandbox, deadline: float, most: int = OUTPUT_BYTES) -> bytes | None:
    """Everything up to the end of the stream; None if it did not end in time."""
    received = bytearray()
    while wait_readable(sandbox, deadline):
        chunk = os.read(sandbox.read_fd, 1 << 16)
        if not chunk:
            return bytes(received)
        received += chunk
        require(len(received) <= most, f"more than {most} bytes came back")
    return None


def wait_readable(sandbox: Sandbox, deadline: float) -> bool:
    poller = select.poll()
    poller.register(sandbox.read_fd, select.POLLIN)
    return bool(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))


def read_line(sandbox: Sandbox, seconds: float = PROGRAM_S) -> str:
    """The first thing a program says, so that the host knows where it is."""
    require(wait_readable(sandbox, time.monotonic() + seconds), "the program said nothing in time")
    return os.read(sandbox.read_fd, 4096).decode("utf-8", "replace").strip()


def processes_with(marker: str) -> list[int]:
    """Processes of this machine whose command line holds the marker."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _mentions(entry, marker)]


def _survivors(marker: str) -> list[int]:
    """What is left after half a second: the kernel needs a moment to take down a namespace."""
    deadline = time.monotonic() + 0.5
    while (found := processes_with(marker)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def real_identity(pid: int) -> list[str]:
    """The user and group numbers of a process as this machine sees them; none once it has gone."""
    status = status_of(pid)
    return [number for name in ("Uid", "Gid") for number in status.get(name, "").split()]


def status_of(pid: int) -> dict[str, str]:
    """What this machine's kernel says of a process; empty once it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _mentions(process: Path, marker: str) -> bool:
    try:
        return marker.encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False  # it ended while we looked
