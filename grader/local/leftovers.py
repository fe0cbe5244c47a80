"""What a crash can leave in a data folder: a server whose leash was killed, or the pid file of one that is gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from grader.local.faults import AlreadyRunning

ENDING_S = 60.0
LOOK_S = 0.02


def end_leftover(data: Path, pid_file: str, stop_signal: signal.Signals) -> None:
    """Stops the server that still works in `data`, waits, and removes its pid file. Call it under the folder's lock.

    A server alone would refuse to start when a process that has nothing to do with it got the number in a stale pid
    file (after a reboot that is likely). A server's working folder is its data folder: that tells it from a stranger.
    Raises `AlreadyRunning` if it does not end.
    """
    path = data / pid_file
    pid = _first_number(path)
    if pid is not None and works_in(pid, data):
        os.kill(pid, stop_signal)
        until = time.monotonic() + ENDING_S
        while works_in(pid, data):
            if time.monotonic() > until:
                raise AlreadyRunning(f"A server of an earlier run is still at work in {data}; end process {pid} first.")
            time.sleep(LOOK_S)
    path.unlink(missing_ok=True)


def works_in(pid: int, folder: Path) -> bool:
    """Whether this process lives and has `folder` as its working folder."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
