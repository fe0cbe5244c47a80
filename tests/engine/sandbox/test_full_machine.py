"""The kernel kills a sandbox for want of memory that the sandbox has not used: that is the machine's fault."""

from __future__ import annotations

import os

import pytest

from grader.domain.ending import EndingReason
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.cgroups import GroupTree

pytestmark = pytest.mark.sandbox
MIB = 2**20
EATS = """
import sys
print("up", flush=True)
sys.stdin.readline()
x = bytearray(160 << 20)
x[::4096] = b"x" * len(x[::4096])
print("eaten", flush=True)
"""


def line_from(sandbox: Sandbox) -> bytes:
    """Up to the end of a line, or of the sandbox."""
    said = b""
    while not said.endswith(b"\n") and (more := os.read(sandbox.read_fd, 1)):
        said += more
    return said


def ending_when(bwrap: SandboxBackend, *, allowed: int, given: int) -> EndingReason:
    """A program eats 160 MiB where its profile allows so much, and the machine has only so much to give."""
    sandbox = bwrap.start(SandboxProfile(warm=False, program=EATS, memory_bytes=allowed))
    try:
        assert line_from(sandbox) == b"up\n"
        (group,) = [group for name, group in GroupTree().strays() if name == sandbox.name]
        names = ("memory.max",) if group.version == 2 else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        for name in names:
            path = group.directories["memory"] / name
            if path.exists():
                path.write_text(str(given))
        os.write(sandbox.write_fd, b"\n")
        line_from(sandbox)
        return sandbox.ending().reason
    finally:
        sandbox.kill()


def test_it_is_lost_when_it_never_came_near_its_own_limit(bwrap: SandboxBackend) -> None:
    assert ending_when(bwrap, allowed=512 * MIB, given=96 * MIB) is EndingReason.LOST


def test_it_is_told_when_it_did(bwrap: SandboxBackend) -> None:
    assert ending_when(bwrap, allowed=96 * MIB, given=96 * MIB) is EndingReason.OUT_OF_MEMORY
