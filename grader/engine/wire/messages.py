"""The closed table of messages. Anything else on the pipe is a protocol violation.

The harness asks, the probe answers: one request is under way at a time, and a reply carries its request's serial.
Only `FIT` is answered by several frames: `EVENT`s, each of which the harness acknowledges with `GO_ON` or `STOP`,
then the final reply. `docs/protocol.md` describes every body.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from grader.engine.wire.frames import Frame, FramePipe, WireError
from grader.engine.wire.values import ValueLimits, decode, encode

PROTOCOL_VERSION = 1


class Kind(IntEnum):
    """Message kinds. The numbers are frozen: a test holds them as a literal table."""

    # harness -> probe
    LOAD = 1
    RESOLVE = 2
    GET = 3
    SET = 4
    CALL = 5
    VJP = 6
    DESCRIBE = 7
    STATE_DICT = 8
    LOAD_STATE_DICT = 9
    TRACE = 10
    FIT = 11
    PREDICT = 12
    REPLAY = 13
    MATCH_PARAMETERS = 14
    SCRIPT = 15
    DOCUMENT = 16
    ANSWERS = 17
    CELL = 18
    SUPPORT = 19
    RELEASE = 20
    GO_ON = 32
    STOP = 33
    # probe -> harness
    READY = 64
    OK = 65
    RAISED = 66
    REFUSED = 67
    EVENT = 68


REQUESTS = frozenset(kind for kind in Kind if kind < Kind.GO_ON)
REPLIES = frozenset(kind for kind in Kind if kind >= Kind.READY)


class Message:
    """A decoded frame: its kind, its serial and its body, a dict with text keys."""

    __slots__ = ("body", "kind", "serial")

    def __init__(self, kind: Kind, serial: int, body: dict[str, Any]) -> None:
        self.kind = kind
        self.serial = serial
        self.body = body

    def __repr__(self) -> str:
        return f"Message({self.kind.name}, {self.serial}, {sorted(self.body)})"


def send(pipe: FramePipe, kind: Kind, serial: int, body: dict[str, Any], *, deadline: float | None = None) -> None:
    """Encode and write one message.

    Raises:
        Unsendable: the body holds something that does not travel.
        WireClosed, WireTimeout: see `FramePipe.write`.

    """
    header, buffers = encode(body)
    pipe.write(int(kind), serial, header, buffers, deadline=deadline)


def receive(pipe: FramePipe, *, deadline: float | None = None, limits: ValueLimits | None = None) -> Message:
    """Read and decode one message.

    Raises:
        WireError: anything that is not a message of this protocol.

    """
    return parse(pipe.read(deadline=deadline), limits=limits)


def parse(frame: Frame, *, limits: ValueLimits | None = None) -> Message:
    """The message in a frame, with a body that is a dict keyed by text."""
    try:
        kind = Kind(frame.kind)
    except ValueError as error:
        raise WireError(f"there is no message of kind {frame.kind}") from error
    body = decode(frame.header, frame.payload, limits=limits)
    if type(body) is not dict or any(type(key) is not str for key in body):
        raise WireError("a message's body is not a dictionary with text keys")
    return Message(kind, frame.serial, body)
