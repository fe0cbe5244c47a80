from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger(__name__)
# After so many faults of ours in a row this machine pauses, so that it does not use up every run's tries.
FAULTS_BEFORE_PAUSE = 3
PAUSE_S = 60.0


class Quarantine:
    """Keeps a machine on which nothing works from failing run after run. Shared by a worker's slots.

    After a pause one more fault is enough for the next one; a grading that works starts the count anew.
    """

    def __init__(self, *, faults: int = FAULTS_BEFORE_PAUSE, pause_s: float = PAUSE_S) -> None:
        self._most = faults
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._until = 0.0

    def note_success(self) -> None:
        with self._lock:
            self._in_a_row = 0

    def note_fault(self, problem: str) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row < self._most:
                return
            self._until = time.monotonic() + self._pause_s
        log.error(
            "%d gradings in a row failed on this machine (the last: %s); it claims nothing for %g s. "
            "Run `grader doctor` here.", self._in_a_row, problem, self._pause_s,
        )  # fmt: skip

    def left_s(self) -> float:
        """Seconds until something may be claimed again; 0 when that is now."""
        with self._lock:
            return max(0.0, self._until - time.monotonic())
