"""How much memory a tool takes at its peak: proportional shares of all processes it started, in containers or not.

The processes are our new descendants, and new ones in any container of the engine: another container that is started
meanwhile would be counted too. Pages that processes share count by their share (kernel: `smaps_rollup`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

_EVERY_S = 0.05


def peak_bytes(action: Callable[[], object]) -> int:
    """The largest sum that was seen while the action ran, without this process itself."""
    before = set(_parents())
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, sum(_proportional(pid) for pid in _started_since(before)))
            time.sleep(_EVERY_S)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        action()
    finally:
        done.set()
        watching.join()
    return most


def _started_since(before: set[int]) -> list[int]:
    parents = _parents()
    return [pid for pid in parents if pid not in before and (_is_ours(pid, parents) or _is_contained(pid))]


def _is_ours(pid: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == os.getpid():
            return True
    return False


def _is_contained(pid: int) -> bool:
    try:
        return "docker" in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _parents() -> dict[int, int]:
    """Parent by process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    return found


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
