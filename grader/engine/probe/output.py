"""What the student's code prints, captured under a cap: by Python, by C code and by subprocesses.

The invariant: a print never reaches the protocol, never blocks for long and never fills memory or scratch. Python's own
prints go straight into a capped buffer; descriptors 1 and 2 are a pipe that a daemon thread drains into the same one.
Gap: what a forked child of Python prints through its copy of `sys.stdout` is lost with the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import os
import select
import sys
import threading
from typing import Any

HEAD_BYTES = 48 * 2**10
TAIL_BYTES = 16 * 2**10
PIPE_BYTES = 2**20
# Above what `open_files` of a sandbox leaves for the student's own use.
PRIVATE_FD = 200


class CappedBuffer:
    """The beginning and the end of a stream of bytes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._count = 0

    def add(self, data: bytes | bytearray | memoryview) -> None:
        with self.lock:
            view = memoryview(data).cast("B")
            self._count += len(view)
            room = HEAD_BYTES - len(self._head)
            if room > 0:
                self._head += view[:room]
                view = view[room:]
            self._tail += view[-TAIL_BYTES:] if len(view) > TAIL_BYTES else view
            # Trimmed now and then, not at every byte.
            if len(self._tail) > 4 * TAIL_BYTES:
                del self._tail[:-TAIL_BYTES]

    def take(self) -> str:
        """What came since the last call, with a note where the middle was left out."""
        with self.lock:
            tail = self._tail[-TAIL_BYTES:]
            missing = self._count - len(self._head) - len(tail)
            head = self._head.decode("utf-8", "replace") if missing else (self._head + tail).decode("utf-8", "replace")
            self._clear()
        if not missing:
            return head
        return f"{head}\n[... {missing:,} bytes left out ...]\n{tail.decode('utf-8', 'replace')}"


class _Sink(io.RawIOBase):
    """The bottom of `sys.stdout`: looks like the descriptor, writes into the buffer."""

    def __init__(self, buffer: CappedBuffer, fd: int) -> None:
        self._buffer = buffer
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Any) -> int:
        self._buffer.add(data)
        return len(data)


class _Stream(io.TextIOWrapper):
    """A text stream that student code cannot close for the prints that follow."""

    def close(self) -> None:
        self.flush()


class Output:
    """Captures from `start` on; `take` gives what was printed since."""

    def __init__(self) -> None:
        self._buffer = CappedBuffer()
        self._streams: list[_Stream] = []
        self._read_fd = -1
        self._drain_lock = threading.Lock()
        # C code holds its prints back in a buffer of its own.
        self._libc = ctypes.CDLL(None)

    def start(self) -> None:
        """Point descriptors 1 and 2 and both text streams here. The protocol must have left them before."""
        read_fd, write_fd = os.pipe()
        self._read_fd = fcntl.fcntl(read_fd, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD)
        os.close(read_fd)
        os.set_blocking(self._read_fd, False)
        with contextlib.suppress(OSError):
            # Room for what C code prints while it keeps the thread below from running.
            fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.dup2(write_fd, 1)
        os.dup2(write_fd, 2)
        if write_fd not in (1, 2):
            os.close(write_fd)
        # Both over one buffer, so that prints and errors stay in order.
        below = io.BufferedWriter(_Sink(self._buffer, 1), 2**16)
        self._streams = [
            _Stream(below, encoding="utf-8", errors="backslashreplace", write_through=True) for _ in range(2)
        ]
        sys.stdout, sys.stderr = self._streams
        sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc]
        threading.Thread(target=self._drain_forever, name="output", daemon=True).start()

    def take(self) -> str:
        """What was printed since the last call; at most 64 KB and a note."""
        if self._streams:
            # Code that put its own streams in their place and left them there prints for itself only once.
            sys.stdout, sys.stderr = self._streams
        for stream in self._streams:
            try:
                stream.flush()
            except (ValueError, OSError):
                # Detached by student code: what it holds back stays with it.
                continue
        self._libc.fflush(None)
        self._drain()
        return self._buffer.take()

    def _drain_forever(self) -> None:
        poller = select.poll()
        poller.register(self._read_fd, select.POLLIN)
        while True:
            poller.poll()
            if not self._drain():
                return

    def _drain(self) -> bool:
        """Empty the pipe; False when nobody can write to it any more."""
        with self._drain_lock:
            # A writer that never stops must not keep a reply from leaving.
            for _ in range(64):
                try:
                    data = os.read(self._read_fd, PIPE_BYTES)
                except BlockingIOError:
                    return True
                except OSError:
                    return False
                if not data:
                    return False
                self._buffer.add(data)
            return True
