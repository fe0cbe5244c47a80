"""Between the worker and its harness: both trusted, one socket, small messages, descriptors passed along."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgpack

LENGTH = struct.Struct(">I")


class Word(StrEnum):
    """Every kind of message on the control socket."""

    FORK = "fork"  # worker to the fork server: a harness on this socket, its stderr in this file
    END = "end"  # worker to the fork server: kill that harness and let go of it
    ENDED = "ended"  # fork server: done
    HELLO = "hello"  # harness: waiting for a job
    JOB = "job"  # worker: what to judge
    NEED = "need"  # harness: a fresh sandbox, please
    SANDBOX = "sandbox"  # worker: here are its descriptors (read, write)
    LOST = "lost"  # harness: stop that sandbox and say why it stopped
    ENDING = "ending"  # worker: that is why
    PLAN = "plan"  # harness: every check the spec holds
    STAGE = "stage"  # harness: the first check of a stage is about to run
    STARTED = "started"  # harness: a check begins
    RESULT = "result"  # harness: a check's result
    DONE = "done"  # harness: all checks have results
    PROBLEM = "problem"  # either: our fault, no score


@dataclass(frozen=True, slots=True)
class Note:
    """One message: its word, its fields, and the descriptors that came with it."""

    word: Word
    fields: dict[str, Any] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class ControlClosed(ConnectionError):
    """The other side of the control socket is gone, or out of its mind: what it sent is no note."""


class Control:
    """Notes over a connected stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, word: Word, descriptors: tuple[int, ...] = (), **fields: Any) -> None:
        """Send a note; descriptors are duplicated into the other process.

        Raises:
            ControlClosed: the other side is gone.

        """
        packed: bytes = msgpack.packb({"word": str(word), "fields": fields}, use_bin_type=True)
        prefix = LENGTH.pack(len(packed))
        try:
            if descriptors:
                socket.send_fds(self._socket, [prefix], list(descriptors))
            else:
                self._socket.sendall(prefix)
            self._socket.sendall(packed)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ControlClosed("the other process is gone") from error

    def receive(self, timeout_s: float | None = None) -> Note:
        """The next note.

        Raises:
            ControlClosed: end of file, or bytes that are no note.
            TimeoutError: nothing came in time.

        """
        self._socket.settimeout(timeout_s)
        try:
            prefix, descriptors, _, _ = socket.recv_fds(self._socket, LENGTH.size, 2)
            if not prefix:
                raise ControlClosed("the other process is gone")
            prefix += self._exactly(LENGTH.size - len(prefix))
            packed = self._exactly(LENGTH.unpack(prefix)[0])
        except (ConnectionResetError, BrokenPipeError) as error:
            raise ControlClosed("the other process is gone") from error
        word, fields = _read(packed)
        return Note(word, fields, tuple(descriptors))

    def is_shut(self) -> bool:
        """Whether the other side is gone, whatever of its words is still unread."""
        looking = select.poll()
        looking.register(self._socket, 0)
        return bool(looking.poll(0))

    def shut(self) -> None:
        """Whoever receives, on either side and in any thread, hears that it is over. Idempotent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            chunk = self._socket.recv(min(size - len(received), 1 << 20))
            if not chunk:
                raise ControlClosed("the other process is gone")
            received += chunk
        return bytes(received)


def _read(packed: bytes) -> tuple[Word, dict[str, Any]]:
    try:
        unpacked = msgpack.unpackb(packed, raw=False, strict_map_key=False, max_bin_len=len(packed))
        word, fields = Word(unpacked["word"]), unpacked["fields"]
    except (ValueError, TypeError, KeyError, msgpack.exceptions.UnpackException) as error:
        raise ControlClosed("the other process sent what is no note") from error
    if type(fields) is not dict or any(type(name) is not str for name in fields):
        raise ControlClosed("the other process sent what is no note")
    return word, fields
