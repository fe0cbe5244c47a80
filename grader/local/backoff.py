"""How long to wait before a crashed service is started again: 1, 2, 4 ... 30 seconds."""

from __future__ import annotations

FIRST_S = 1.0
LONGEST_S = 30.0
# What lived this long has recovered; its next crash is a first one again.
STEADY_S = 60.0


class Backoff:
    """The waits of one service. Times are monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._wait_s = 0.0
        self._until = 0.0

    def begin(self, now: float) -> float:
        """It crashed, or is being started again: the seconds until `is_over`, each time twice as many."""
        steady = now > self._until + STEADY_S
        self._wait_s = FIRST_S if steady or not self._wait_s else min(self._wait_s * 2, LONGEST_S)
        self._until = now + self._wait_s
        return self._wait_s

    def is_over(self, now: float) -> bool:
        return now >= self._until
