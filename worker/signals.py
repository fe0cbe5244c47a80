"""SIGTERM and Ctrl-C: each one asks for more haste, the last ends the process at once.

Without a drain the first asks for an orderly stop and the second ends the process. With one, the first asks to finish
what is under way, the second for the orderly stop, the third ends the process.

A handler here only writes to a pipe: setting a `threading.Event` from one can wait for a lock that the interrupted
code itself holds.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class StopSignals:
    """To be made and waited for in the main thread."""

    def __init__(self) -> None:
        self._first = os.pipe()
        self._second = os.pipe()
        self._came = 0
        self._last = 2
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def expect_drain(self) -> None:
        """From now on there is one more signal before the one that ends the process."""
        self._last = 3

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until the process is to stop; False when the time is over first. Once true, always true."""
        return _has_come(self._first, timeout_s)

    def wait_for_second(self, timeout_s: float | None = None) -> bool:
        """Until it is to stop without finishing what is under way; False when the time is over first."""
        return _has_come(self._second, timeout_s)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._came += 1
        if self._came >= self._last:
            os._exit(128 + number)
        os.write((self._first if self._came == 1 else self._second)[1], b"!")


def _has_come(pipe: tuple[int, int], timeout_s: float | None) -> bool:
    return bool(select.select([pipe[0]], [], [], timeout_s)[0])
