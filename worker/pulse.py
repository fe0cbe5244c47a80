"""Whether a worker does its work: its slots come round, the database is reached, nothing is in quarantine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

# An idle slot looks every two seconds.
SILENT_S = 10.0
# A worker says every 15 s that it is here, whatever it grades.
UNREACHED_S = 40.0


class Pulse:
    """Noted by the threads that work, read by whoever asks. `clock` gives monotonic seconds."""

    def __init__(
        self,
        *,
        silent_s: float = SILENT_S,
        unreached_s: float = UNREACHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silent_s = silent_s
        self._unreached_s = unreached_s
        self._clock = clock
        self._lock = threading.Lock()
        self._reached_at = clock()
        # By slot: until when it need not be heard of.
        self._due_at: dict[Hashable, float] = {}
        self._busy: set[Hashable] = set()

    def looked(self, slot: Hashable, *, pause_s: float = 0.0) -> None:
        """A slot came round, and rests on purpose for up to `pause_s` seconds."""
        with self._lock:
            self._busy.discard(slot)
            self._due_at[slot] = self._clock() + pause_s + self._silent_s

    def grades(self, slot: Hashable, within_s: float) -> None:
        """A slot grades something that ends within so many seconds, or is stuck."""
        with self._lock:
            self._busy.add(slot)
            self._due_at[slot] = self._clock() + within_s + self._silent_s

    def left(self, slot: Hashable) -> None:
        """A slot is done for good."""
        with self._lock:
            self._busy.discard(slot)
            self._due_at.pop(slot, None)

    def reached(self) -> None:
        """The database answered."""
        with self._lock:
            self._reached_at = self._clock()

    def busy(self) -> int:
        """How many slots grade something."""
        with self._lock:
            return len(self._busy)

    def problems(self) -> list[str]:
        """A sentence for each thing that is wrong; empty while all is well."""
        now = self._clock()
        with self._lock:
            late_s = [now - due_at + self._silent_s for due_at in self._due_at.values() if now > due_at]
            unreached_s = now - self._reached_at
        said = []
        if late_s:
            said.append(f"{len(late_s)} slots have not come round for {max(late_s):.0f} s and more.")
        if unreached_s > self._unreached_s:
            said.append(f"The database was last reached {unreached_s:.0f} s ago.")
        return said
