"""SIGTERM and Ctrl-C: the first asks for an orderly stop, the second ends the process at once.

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
        self._reading, self._writing = os.pipe()
        self._came = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until the process is to stop; False when the time is over first. Once true, always true."""
        return bool(select.select([self._reading], [], [], timeout_s)[0])

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._came += 1
        if self._came > 1:
            os._exit(128 + number)
        os.write(self._writing, b"!")
