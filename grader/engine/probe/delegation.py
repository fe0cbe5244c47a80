"""The requests that the loading half of the probe answers; here their live objects become what travels."""

from __future__ import annotations

from typing import Any

import torch

from grader.engine.probe.calls import seed_everything
from grader.engine.probe.conversion import Outgoing
from grader.engine.probe.handles import Handles, is_a
from grader.engine.probe.refusal import BAD_REQUEST, NOT_DEFINED, Refused, field, optional
from grader.engine.probe.room import Room

RECORDS = 1_000
RECORD_TENSOR_BYTES = 2**20


def load(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    return room.code.load(body)


def support(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    return {"names": room.code.support(field(body, "source", str))}


def script(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    field(body, "path", str)
    outcome = room.code.script(body | {"files": body.get("files") or {}, "argv": body.get("argv") or []})
    outgoing = room.outgoing()
    return outcome | {"records": _records(room.handles, outgoing, outcome.get("records") or [])}


def document(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    return room.code.document(field(body, "path", str))


def answers(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    del body
    found = room.code.answers()
    return found | {"answers": room.outgoing().value(found.get("answers") or {})}


def cell(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return room.code.cell(field(body, "index", int))
    except room.not_defined as error:
        raise Refused(BAD_REQUEST, "there is no cell of that number") from error


def replay(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """REPLAY: records and named globals keep the identity of what they hold; only the value travels as a value."""
    seed_everything(optional(body, "seed", int))
    incoming = room.incoming()
    try:
        outcome = room.code.replay(body, materialise=incoming.live, resolve_ref=room.resolve)
    except room.not_defined as error:
        raise Refused(NOT_DEFINED, str(error)) from error
    outgoing = room.outgoing()
    named = outcome.get("names") or {}
    return outcome | {
        "records": _records(room.handles, outgoing, outcome.get("records") or []),
        "value": outgoing.value(outcome.get("value")),
        "names": {str(name): outgoing.value(item) for name, item in named.items()},
    }


def _records(handles: Handles, outgoing: Outgoing, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "target": record["target"],
            "args": [_recorded(handles, outgoing, item) for item in record.get("args", ())],
            "kwargs": {
                str(name): _recorded(handles, outgoing, item) for name, item in record.get("kwargs", {}).items()
            },
        }
        for record in records[:RECORDS]
    ]


def _recorded(handles: Handles, outgoing: Outgoing, item: Any) -> Any:
    """An argument of a recorded call: scalars, short plain data and small tensors by value, the rest by handle.

    A list of parameters must stay the very list, so that MATCH_PARAMETERS can compare identities; and a parameter
    among the arguments likewise.
    """
    if is_a(item, torch.Tensor) and not is_a(item, torch.nn.Parameter):
        small = item.layout is torch.strided and item.numel() * item.element_size() < RECORD_TENSOR_BYTES
        return outgoing.value(item) if small else handles.keep(item)
    return outgoing.value(item) if _is_plain(item) else handles.keep(item)


def _is_plain(item: Any, depth: int = 0) -> bool:
    if item is None or type(item) in (bool, int, float, str):
        return True
    if type(item) not in (list, tuple) or len(item) > 100 or depth > 2:
        return False
    return all(_is_plain(part, depth + 1) for part in item)
