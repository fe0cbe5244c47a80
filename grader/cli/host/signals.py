"""Ctrl-C and its like, for a command that starts much and must take it all down again.

The invariant: what was begun is undone whenever the signal comes. While things are being started, a signal interrupts
the starting (the blocks around it clean up); once they run, and while they are being stopped, it only asks to stop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """`asked` is set by the first signal."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._is_starting = True

    def everything_runs(self) -> None:
        """From now on a signal only sets `asked`."""
        self._is_starting = False

    def heard(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        is_first = not self.asked.is_set()
        self.asked.set()
        if is_first and self._is_starting:
            raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Hear SIGINT, SIGTERM and SIGHUP for the length of the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop.heard) for number in _ASKING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
