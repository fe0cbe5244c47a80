"""Whose a container is: told by its labels, so that what a dead worker left is known from what a living one uses.

A process number alone says little: in containers every worker is number 1, and numbers come back. So the labels name
the boot of the machine, the number's namespace and the process's start, too. Accepted gap: a worker in another
namespace cannot be looked at; what it left is judged by the container's own state and age.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from grader.engine.sandbox.container_terms import (
    BOOT_LABEL,
    HOST_LABEL,
    LABEL,
    NAMESPACE_LABEL,
    STARTED_LABEL,
    WORKER_LABEL,
)

# In /proc/PID/stat, counted from behind the name, which may hold spaces and brackets: field 22 of the manual.
_START_FIELD = 19


def owner_labels() -> dict[str, str]:
    """Labels that say that a container belongs to this process."""
    return {
        LABEL: "1",
        WORKER_LABEL: str(os.getpid()),
        STARTED_LABEL: _started("self") or "",
        BOOT_LABEL: _boot(),
        NAMESPACE_LABEL: _namespace(),
        HOST_LABEL: socket.gethostname(),
    }


def is_dead(labels: Mapping[str, str]) -> bool | None:
    """Whether the process that those labels name has ended; None where that cannot be seen from here."""
    if labels.get(BOOT_LABEL) != _boot() or labels.get(NAMESPACE_LABEL) != _namespace():
        return None
    started = _started(labels.get(WORKER_LABEL, ""))
    return started is None or started != labels.get(STARTED_LABEL)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _namespace() -> str:
    """The number of this process's namespace of process numbers."""
    return str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:[").removesuffix("]")


def _started(process: str) -> str | None:
    """When a process started, in clock ticks since the boot; None where there is none of that number."""
    try:
        text = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(") ")[2].split()[_START_FIELD]
