"""The end of what a probe process writes to standard error, in bounded memory."""

from __future__ import annotations

import os
import threading

KEPT_BYTES = 8192


class StderrTail:
    """Keeps the last 8 kB. Safe for use by two threads."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._lock = threading.Lock()

    def add(self, chunk: bytes | memoryview) -> None:
        with self._lock:
            self._kept += chunk
            del self._kept[:-KEPT_BYTES]

    def text(self) -> str:
        with self._lock:
            return self._kept.decode("utf-8", "replace")

    def drain(self, descriptor: int) -> threading.Thread:
        """Read the descriptor to its end in a thread, then close it: a probe must never block on a full pipe."""

        def run() -> None:
            try:
                while chunk := os.read(descriptor, 65536):
                    self.add(chunk)
            finally:
                os.close(descriptor)

        thread = threading.Thread(target=run, name="sandbox-stderr", daemon=True)
        thread.start()
        return thread
