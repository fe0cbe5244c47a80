"""The probe's loop: one request, one handler, one reply.

The invariant: whatever a handler or the student's code does, the loop answers and goes on; only the end of the pipe
or bytes that are not this protocol end it. An exception is RAISED when student code threw it, REFUSED when the request
asked for what is not there.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import torch

from grader.engine.probe import attributes, calls, delegation, describe, fit, parameters, trace
from grader.engine.probe.handles import clean, is_a, qualified_name
from grader.engine.probe.output import Output
from grader.engine.probe.refusal import UNSENDABLE, Refused
from grader.engine.probe.room import Room, StudentCode, nobody_listens
from grader.engine.wire.frames import FramePipe, WireError
from grader.engine.wire.messages import PROTOCOL_VERSION, Kind, Message, receive, send
from grader.engine.wire.values import Unsendable, ValueLimits

Handler = Callable[[Room, dict[str, Any]], dict[str, Any]]
HANDLERS: dict[Kind, Handler] = {
    Kind.LOAD: delegation.load,
    Kind.RESOLVE: attributes.resolve,
    Kind.GET: attributes.get,
    Kind.SET: attributes.set_attribute,
    Kind.CALL: calls.call,
    Kind.VJP: calls.vjp,
    Kind.DESCRIBE: describe.describe,
    Kind.STATE_DICT: attributes.state_dict,
    Kind.LOAD_STATE_DICT: attributes.load_state_dict,
    Kind.TRACE: trace.trace,
    Kind.FIT: fit.fit,
    Kind.PREDICT: fit.predict,
    Kind.REPLAY: delegation.replay,
    Kind.MATCH_PARAMETERS: parameters.match_parameters,
    Kind.SCRIPT: delegation.script,
    Kind.DOCUMENT: delegation.document,
    Kind.ANSWERS: delegation.answers,
    Kind.CELL: delegation.cell,
    Kind.SUPPORT: delegation.support,
    Kind.RELEASE: attributes.release,
}
# The harness is trusted: a submission of 100 MB may come in one message.
REQUEST_LIMITS = ValueLimits(depth=64, entries=5_000_000, text=2**30)
MESSAGE_CHARACTERS = 4_000


class Server:
    """Answers requests until the harness closes the pipe.

    Args:
        pipe: frames to and from the harness.
        code: the loading half of the probe.
        output: what the student's code prints.
        where_of: the student's own lines of an exception's traceback, as text.
        not_defined: what `code` raises for a name that is not there.

    """

    def __init__(
        self,
        pipe: FramePipe,
        code: StudentCode,
        output: Output,
        where_of: Callable[[BaseException], str],
        not_defined: type[LookupError] = LookupError,
    ) -> None:
        self._pipe = pipe
        self._output = output
        self._where_of = where_of
        self._pid = os.getpid()
        self._room = Room(code, not_defined)

    def ready(self) -> None:
        """Say READY. Whatever importing printed is nobody's output."""
        self._output.take()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        send(
            self._pipe,
            Kind.READY,
            0,
            {
                "protocol": PROTOCOL_VERSION,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
                "threads": torch.get_num_threads(),
                "device": device,
            },
        )

    def serve(self) -> None:
        """Answer until the pipe ends.

        Raises:
            WireError: the end of the pipe, or bytes that are not this protocol.

        """
        while True:
            self._answer(receive(self._pipe, limits=REQUEST_LIMITS))

    def _answer(self, request: Message) -> None:
        handler = HANDLERS.get(request.kind)
        if handler is None:
            raise WireError(f"{request.kind.name} is no request")
        room = self._room
        room.report = lambda event: self._report(request.serial, event)
        kind, body = self._outcome(handler, request.body)
        room.report = nobody_listens
        if os.getpid() != self._pid:
            # Student code forked and both sides came back: only one of them may answer.
            os._exit(0)
        self._send(kind, request.serial, body)

    def _outcome(self, handler: Handler, body: dict[str, Any]) -> tuple[Kind, dict[str, Any]]:
        try:
            return Kind.OK, handler(self._room, body)
        except Refused as refusal:
            return Kind.REFUSED, {"message": clean(refusal.message, MESSAGE_CHARACTERS), "code": refusal.code}
        except WireError:
            raise
        except BaseException as error:
            return Kind.RAISED, raised(error, self._where_of)

    def _send(self, kind: Kind, serial: int, body: dict[str, Any]) -> None:
        body["output"] = self._output.take()
        try:
            send(self._pipe, kind, serial, body)
        except Unsendable as error:
            refused = {"message": clean(str(error), 400), "code": UNSENDABLE, "output": body["output"]}
            send(self._pipe, Kind.REFUSED, serial, refused)

    def _report(self, serial: int, event: dict[str, Any]) -> bool:
        self._send(Kind.EVENT, serial, event)
        answer = receive(self._pipe, limits=REQUEST_LIMITS)
        if answer.kind not in (Kind.GO_ON, Kind.STOP):
            raise WireError("an event was answered by something else")
        return answer.kind is Kind.GO_ON


def raised(error: BaseException, where_of: Callable[[BaseException], str]) -> dict[str, Any]:
    """An exception as text. Its own `__str__` is student code too, and so are the names of its class."""
    return {
        "type": clean(_guarded(lambda: type(error).__name__), 200),
        "message": clean(_guarded(lambda: str(error)), MESSAGE_CHARACTERS),
        "where": clean(_guarded(lambda: where_of(error)), MESSAGE_CHARACTERS),
    }


def _guarded(text: Callable[[], Any]) -> str:
    try:
        found = text()
    except BaseException as error:
        return f"(no text: {qualified_name(type(error))})"
    return str.__str__(found) if is_a(found, str) else ""
