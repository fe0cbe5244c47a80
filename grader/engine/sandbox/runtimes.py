"""Which runtime containers get: gVisor's where the engine offers it and it shows that it works, else the engine's own.

The invariant: gVisor is never given up in silence, and a runtime that was asked for by name is never replaced.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.domain.errors import GraderError
from grader.engine.sandbox.base import Sandbox, SandboxProfile
from grader.engine.sandbox.container_terms import GVISOR

# gVisor's KVM platform hangs inside some virtual machines; a start under load takes a few seconds.
TRY_S = 30.0
FILTERED, OPEN = "filtered", "open"
_TRY = """
import socket, threading
thread = threading.Thread(target=print, args=("threads",))
thread.start()
thread.join()
try:
    socket.socket()
    print("open")
except PermissionError:
    print("filtered")
"""
_SMALL = SandboxProfile(
    memory_bytes=256 * 2**20, scratch_bytes=16 * 2**20, shm_bytes=8 * 2**20, processes=24, cpu_s=20, warm=False,
    program=_TRY,
)  # fmt: skip
HOW_TO_GET = "docs/sandbox.md says how to get gVisor"
REGISTER = "register runsc with --network=none --oci-seccomp (docs/sandbox.md), or set GRADER_DOCKER_RUNTIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """`runtime` None is the engine's own. `warning` is what whoever runs the machine should hear, with what to do."""

    runtime: str | None
    why: str
    is_open: bool = False
    warning: str = ""


def choose_runtime(
    demanded: str | None, offered: bool, start: Callable[[str, SandboxProfile], Sandbox]
) -> RuntimeChoice:
    """The choice of an engine that offers gVisor or not; `start` starts a sandbox under a runtime.

    Raises GraderError only where no sandbox can be started at all.
    """
    if demanded is not None and demanded != GVISOR:
        return RuntimeChoice(runtime=demanded, why="GRADER_DOCKER_RUNTIME says so")
    if not offered:
        return RuntimeChoice(runtime=demanded, why=f"this engine offers no gVisor; {HOW_TO_GET}")
    told = _tried(start)
    if demanded is not None:
        warning = "" if told == FILTERED else f"GRADER_DOCKER_RUNTIME is {GVISOR}, but {_complaint(told)}; {REGISTER}"
        why = "GRADER_DOCKER_RUNTIME says so"
        return RuntimeChoice(runtime=demanded, why=why, is_open=told == OPEN, warning=warning)
    if told == FILTERED:
        return RuntimeChoice(runtime=GVISOR, why="gVisor is offered and works; GRADER_DOCKER_RUNTIME=runc turns it off")
    why = f"gVisor ({GVISOR}) is offered, but {_complaint(told)}"
    return RuntimeChoice(runtime=None, why=why, warning=f"{why}: sandboxes share the host's kernel; {REGISTER}")


def _complaint(told: str) -> str:
    if told == OPEN:
        return "it is registered without --oci-seccomp, so that our list of system calls does not hold in it"
    return f"it does not work here ({told})"


def _tried(start: Callable[[str, SandboxProfile], Sandbox]) -> str:
    """FILTERED, OPEN, or what went wrong."""
    try:
        sandbox = start(GVISOR, _SMALL)
    except GraderError as error:
        return str(error)
    try:
        words = _all_output(sandbox.read_fd).split()
        if words[:1] == ["threads"] and words[1:] in ([FILTERED], [OPEN]):
            return words[1]
        said = sandbox.stderr()[-200:].strip() or "it said nothing"
        return f"a small program did not end well within {TRY_S:.0f} s; {said}"
    finally:
        sandbox.kill()


def _all_output(read_fd: int) -> str:
    received = bytearray()
    deadline = time.monotonic() + TRY_S
    poller = select.poll()
    poller.register(read_fd, select.POLLIN)
    while len(received) < 4096 and poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
        chunk = os.read(read_fd, 4096)
        if not chunk:
            break
        received += chunk
    return received.decode("utf-8", "replace")


def takes_gpus(told: dict[str, Any]) -> bool:
    """Whether the engine's gVisor is registered to hand GPUs on. `told` is what the engine says of itself."""
    arguments = (told.get("Runtimes", {}).get(GVISOR) or {}).get("runtimeArgs") or []
    return any(str(argument).lstrip("-").startswith("nvproxy") for argument in arguments)
