"""From the Docker engine's one attach stream to a pipe for the frames and a capped tail for standard error.

The engine prefixes each piece with eight bytes: the stream (1 output, 2 error), three zeros, a length.
The invariant: at most one piece is held in memory; when nobody reads the pipe, nothing more is taken from the engine,
which then stops reading from the process.
"""

from __future__ import annotations

import os
import select
import struct
import threading
from collections.abc import Iterator

from grader.engine.sandbox.stderr_tail import StderrTail

PREFIX = struct.Struct(">BxxxL")
STDOUT = 1
CHUNK_BYTES = 1 << 16


class StreamSplitter:
    """Takes the stream in any portions; gives (stream, bytes) as they come, never holding more than a prefix."""

    def __init__(self) -> None:
        self._prefix = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, memoryview]]:
        view = memoryview(chunk)
        while view:
            if self._left == 0:
                wanted = PREFIX.size - len(self._prefix)
                self._prefix += view[:wanted]
                view = view[wanted:]
                if len(self._prefix) == PREFIX.size:
                    self._stream, self._left = PREFIX.unpack(self._prefix)
                    self._prefix.clear()
                continue
            piece = view[: self._left]
            self._left -= len(piece)
            view = view[len(piece) :]
            yield self._stream, piece


class Relay:
    """One thread between one attach socket and one pipe. Owns `socket_fd`; `read_fd` belongs to the caller."""

    def __init__(self, socket_fd: int, stderr: StderrTail) -> None:
        self._socket_fd = socket_fd
        self._stderr = stderr
        self.read_fd, self._pipe_fd = os.pipe2(os.O_CLOEXEC)
        self._stop_read, self._stop_write = os.pipe2(os.O_CLOEXEC)
        # The caller's copy of the socket shares this flag, so every read and write here waits by poll.
        os.set_blocking(socket_fd, False)
        os.set_blocking(self._pipe_fd, False)
        self._thread = threading.Thread(target=self._run, name="sandbox-relay", daemon=True)
        self._thread.start()

    def is_open(self) -> bool:
        """False once the engine closed the stream, which it does when the process has ended."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait until everything the process wrote has arrived."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """End the thread, even one that waits for a reader. Call once."""
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)

    def _run(self) -> None:
        splitter = StreamSplitter()
        try:
            while self._wait(self._socket_fd, select.POLLIN):
                try:
                    chunk = os.read(self._socket_fd, CHUNK_BYTES)
                except BlockingIOError:
                    continue
                if not chunk:
                    return
                for stream, piece in splitter.feed(chunk):
                    if stream != STDOUT:
                        self._stderr.add(piece)
                    elif not self._forward(piece):
                        return
        except (ConnectionResetError, BrokenPipeError):
            return  # the engine or the reader has gone: the end of the stream either way
        finally:
            os.close(self._pipe_fd)
            os.close(self._socket_fd)

    def _forward(self, piece: memoryview) -> bool:
        while piece:
            try:
                piece = piece[os.write(self._pipe_fd, piece) :]
            except BlockingIOError:
                if not self._wait(self._pipe_fd, select.POLLOUT):
                    return False
        return True

    def _wait(self, descriptor: int, event: int) -> bool:
        """Until the descriptor is ready; False when the relay is to stop."""
        poller = select.poll()
        poller.register(descriptor, event)
        poller.register(self._stop_read, 0)
        return self._stop_read not in dict(poller.poll())
