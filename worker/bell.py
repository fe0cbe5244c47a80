from __future__ import annotations

import threading


class Bell:
    """Wakes threads that look for work. Rings that nobody is free to hear are kept, up to `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rings = 0
        self._changed = threading.Condition()

    def ring(self, times: int = 1) -> None:
        with self._changed:
            self._rings = min(self._most, self._rings + times)
            self._changed.notify(times)

    def wait(self, timeout_s: float) -> None:
        """Until it rings, or the time is over."""
        with self._changed:
            if self._changed.wait_for(lambda: self._rings > 0, timeout_s):
                self._rings -= 1
