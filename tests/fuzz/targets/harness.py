"""Between processes of ours: notes on the control socket, and requests to the engine proxy."""

from __future__ import annotations

import contextlib
import socket

from grader.engine.harness.control import Control, ControlClosed, Note
from grader.engine.harness.job import definition_from_plain, definition_to_plain, result_from_plain, result_to_plain
from grader.engine.proxy.messages import BadRequest, Refused, parse_head, parse_object, request_bytes
from grader.engine.proxy.policy import Policy, refusal
from grader.engine.proxy.routes import find
from grader.engine.proxy.server import _read_request
from tests.fuzz.targets.bounds import is_a_sentence, within

_POLICY = Policy(gpus=frozenset({"0", "all"}))
_SOCKET_BYTES = 100_000


def control(content: bytes) -> None:
    """Notes until the other side is gone or sends what is none; what they hold is a result, or is refused."""
    ours, theirs = socket.socketpair()
    with ours, theirs, within(1.0), contextlib.suppress(ControlClosed):
        theirs.sendall(content[:_SOCKET_BYTES])
        theirs.shutdown(socket.SHUT_WR)
        receiver = Control(ours)
        while True:
            _plain_again(receiver.receive(1.0))


def _plain_again(note: Note) -> None:
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        result = result_from_plain(note.fields)
        assert result_from_plain(result_to_plain(result)) == result
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        definition = definition_from_plain(note.fields)
        assert definition_from_plain(definition_to_plain(definition)) == definition


def proxy(content: bytes) -> None:
    """One request, let through or refused; what goes on to the engine is read as the same request again."""
    client, server = socket.socketpair()
    with client, server, within(1.0):
        client.sendall(content[:_SOCKET_BYTES])
        client.shutdown(socket.SHUT_WR)
        try:
            request = _read_request(server)
            if request is None:
                return
            call = find(request)
            body = parse_object(request.body) if request.body else {}
            problem = refusal(body, _POLICY) if call.route == "create" else None
        except (BadRequest, Refused) as error:
            is_a_sentence(error)
            return
    assert problem is None or problem.isprintable()
    again = request_bytes(request.method, request.target, request.body, upgrade=request.wants_upgrade)
    head, _, rest = again.partition(b"\r\n\r\n")
    second, length = parse_head(head)
    assert (second.method, second.target, length, rest) == (
        request.method, request.target, len(request.body), request.body,
    )  # fmt: skip
    assert find(type(request)(method=second.method, target=second.target, headers=second.headers, body=rest)) == call
