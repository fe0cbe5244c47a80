"""Deals faults out of a shuffled deck, several at once, and keeps a log of them."""

from __future__ import annotations

import random
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace

from tests.faults.storm.kinds import KINDS, Kind, Storm, settle

AT_ONCE = 4
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Struck:
    """One fault: when it began and ended, in seconds of the monotonic clock."""

    number: int
    kind: str
    target: str
    began: float
    ended: float = 0.0


class Injector:
    """`total` faults within about `seconds`, in an order that the seed decides."""

    def __init__(self, storm: Storm, *, total: int, seconds: float, only: tuple[str, ...] = ()) -> None:
        self.struck: list[Struck] = []
        self.problems: list[str] = []
        self._storm = storm
        self._total = total
        self._seconds = seconds
        # Of a few kinds, each as often as the others.
        self._kinds = [replace(kind, share=1) for kind in KINDS if kind.name in only] or KINDS
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(AT_ONCE)
        self._threads: list[threading.Thread] = []
        self._began = time.monotonic()

    def run(self) -> None:
        """Returns when all are over and mended."""
        self._began = time.monotonic()
        chance, deck = self._storm.chance, []
        for number in range(1, self._total + 1):
            due = self._began + self._seconds * number / self._total
            time.sleep(max(0.0, due - time.monotonic() + chance.uniform(-0.3, 0.3)))
            self._room.acquire()
            if not any(self._may(kind) for kind in deck):
                deck += self._shuffled()
            chosen = next(kind for kind in deck if self._may(kind))
            deck.remove(chosen)
            if chosen.needs:
                self._busy.add(chosen.needs)
            storm = Storm(self._storm.site, self._storm.stream, random.Random(chance.random()), self._storm.over)
            thread = threading.Thread(target=self._strike, args=(number, chosen, storm), daemon=True)
            self._threads.append(thread)
            thread.start()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            if thread.is_alive():
                self.problems.append("a fault did not come to its end")
        self._storm.over.set()
        settle(self._storm)

    def _shuffled(self) -> list[Kind]:
        deck = [kind for kind in self._kinds for _ in range(kind.share)]
        self._storm.chance.shuffle(deck)
        return deck

    def _may(self, kind: Kind) -> bool:
        return not kind.needs or kind.needs not in self._busy

    def _strike(self, number: int, kind: Kind, storm: Storm) -> None:
        struck = Struck(number, kind.name, "", time.monotonic())
        try:
            for target in kind.do(storm):
                struck.target, struck.began = target, time.monotonic()
                self._say(struck)
                with self._lock:
                    self.struck.append(struck)
        except Exception:
            # A thread's edge: a fault that cannot be done or undone is a fault of the storm's.
            self.problems.append(f"{kind.name}: {traceback.format_exc()}")
        finally:
            struck.ended = time.monotonic()
            self._busy.discard(kind.needs)
            self._room.release()

    def _say(self, struck: Struck) -> None:
        sys.stdout.write(f"{struck.began - self._began:7.1f} s  {struck.number:3d}  {struck.kind}: {struck.target}\n")
        sys.stdout.flush()
