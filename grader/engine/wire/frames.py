"""One unit on the pipe: a fixed prefix, a msgpack header, raw tensor bytes.

    prefix := magic (2 bytes, b"GW") | kind (u8) | 0 (u8) | serial (u32) | header length (u32) | payload length (u64)

All integers are big-endian. The invariant: nothing is allocated for a length that was not first held against a
cap. Both sides read with this module, but only the trusted side depends on it: its peer is hostile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

PREFIX = struct.Struct(">2sBBIIQ")
MAGIC = b"GW"
# What is allocated for a length before any of its bytes arrive, and what one write offers.
CHUNK_BYTES = 1 << 20
_ZEROS = memoryview(bytes(CHUNK_BYTES))


class WireError(Exception):
    """The bytes on the pipe are not a frame of this protocol."""


class WireClosed(WireError):
    """The other side closed the pipe."""


class WireTimeout(WireError):
    """The other side did not send or take a whole frame before the deadline."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Caps in bytes on what is read."""

    header_bytes: int = 8 * 2**20
    payload_bytes: int = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    serial: int
    header: bytes
    payload: bytearray | bytes


class FramePipe:
    """Frames over a pair of file descriptors. Not safe for use by two threads at once.

    The descriptors are made non-blocking where a deadline is wanted; `deadline` is a `time.monotonic()` value
    or None for no deadline.
    """

    def __init__(self, read_fd: int, write_fd: int, limits: FrameLimits | None = None) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._limits = limits or FrameLimits()
        self._closed = False
        for fd in (read_fd, write_fd):
            os.set_blocking(fd, False)
            with contextlib.suppress(OSError):
                # Sixteen times the usual, for fewer changes of process. Refused for what is no pipe.
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)

    def fileno(self) -> int:
        return self._read_fd

    def write(
        self,
        kind: int,
        serial: int,
        header: bytes,
        buffers: Sequence[memoryview | bytes] = (),
        *,
        deadline: float | None = None,
    ) -> None:
        """Send one frame.

        Raises:
            WireClosed: the other side is gone.
            WireTimeout: it stopped reading.

        """
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        self._write_all(PREFIX.pack(MAGIC, kind, 0, serial & 0xFFFFFFFF, len(header), size) + header, deadline)
        for buffer in buffers:
            self._write_all(buffer, deadline)

    def read(self, *, deadline: float | None = None) -> Frame:
        """Receive one frame.

        Raises:
            WireError: not a frame, or larger than the caps.
            WireClosed: end of file.
            WireTimeout: the deadline passed first.

        """
        magic, kind, zero, serial, header_length, payload_length = PREFIX.unpack(
            self._read_exactly(PREFIX.size, deadline)
        )
        if magic != MAGIC or zero != 0:
            raise WireError("the bytes on the pipe do not start with a frame prefix")
        if header_length > self._limits.header_bytes:
            raise WireError(f"a header of {header_length:,} bytes is over the limit of {self._limits.header_bytes:,}")
        if payload_length > self._limits.payload_bytes:
            raise WireError(
                f"a payload of {payload_length:,} bytes is over the limit of {self._limits.payload_bytes:,}"
            )
        header = bytes(self._read_exactly(header_length, deadline))
        return Frame(kind, serial, header, self._read_exactly(payload_length, deadline))

    def has_bytes(self) -> bool:
        """Whether something lies there to be read; the end of the pipe is nothing."""
        poller = select.poll()
        poller.register(self._read_fd, select.POLLIN)
        return any(event & select.POLLIN for _, event in poller.poll(0))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for fd in {self._read_fd, self._write_fd}:
            os.close(fd)

    def _wait(self, fd: int, *, writing: bool, deadline: float | None) -> None:
        poller = select.poll()
        poller.register(fd, select.POLLOUT if writing else select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not poller.poll(None if left is None else left * 1000):
            raise WireTimeout("no whole frame before the deadline")

    def _write_all(self, data: memoryview | bytes, deadline: float | None) -> None:
        view = memoryview(data).cast("B")
        while view:
            try:
                view = view[os.write(self._write_fd, view[:CHUNK_BYTES]) :]
                if view and deadline is not None and time.monotonic() > deadline:
                    raise WireTimeout("the other side did not take a whole frame before the deadline")
            except BlockingIOError:
                self._wait(self._write_fd, writing=True, deadline=deadline)
            except (BrokenPipeError, ConnectionResetError) as error:
                raise WireClosed("the other side closed the pipe") from error

    def _read_exactly(self, size: int, deadline: float | None) -> bytearray:
        buffer = bytearray()
        filled = 0
        while filled < size:
            if filled == len(buffer):
                # Grown chunk by chunk, so that a lying length costs one of them.
                buffer += _ZEROS[: size - filled]
            with memoryview(buffer) as view:
                filled += self._read_some(view[filled:], deadline)
            if deadline is not None and time.monotonic() > deadline and filled < size:
                raise WireTimeout("no whole frame before the deadline")
        return buffer

    def _read_some(self, view: memoryview, deadline: float | None) -> int:
        while True:
            try:
                count = os.readv(self._read_fd, [view])
            except BlockingIOError:
                self._wait(self._read_fd, writing=False, deadline=deadline)
                continue
            except ConnectionResetError as error:
                raise WireClosed("the other side closed the pipe") from error
            if not count:
                raise WireClosed("the other side closed the pipe")
            return count
