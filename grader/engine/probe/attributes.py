"""RESOLVE, GET, SET, STATE_DICT, LOAD_STATE_DICT and RELEASE: objects and what hangs on them."""

# ruff: noqa: SLF001 - torch has no public door to a module's own table of parameters
from __future__ import annotations

from typing import Any

import torch

from grader.engine.probe.handles import is_a
from grader.engine.probe.refusal import BAD_REQUEST, Refused, field
from grader.engine.probe.room import Room


def resolve(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    return {"value": room.outgoing().value(room.resolve(body.get("ref")))}


def get(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    name = field(body, "name", str)
    return {"value": room.outgoing().value(getattr(room.resolve(body.get("ref")), name))}


def set_attribute(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """SET. A tensor for a parameter replaces its values and keeps its identity, so that optimisers still hold it."""
    name = field(body, "name", str)
    if "value" not in body:
        raise Refused(BAD_REQUEST, "SET needs a value")
    owner = room.resolve(body.get("ref"))
    value = room.incoming().live(body["value"])
    current = owner._parameters.get(name) if is_a(owner, torch.nn.Module) else None
    if current is not None and is_a(value, torch.Tensor) and value.shape == current.shape:
        with torch.no_grad():
            current.copy_(value)
    elif current is not None and is_a(value, torch.Tensor) and not is_a(value, torch.nn.Parameter):
        setattr(owner, name, torch.nn.Parameter(value, requires_grad=current.requires_grad))
    else:
        setattr(owner, name, value)
    return {}


def state_dict(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    outgoing = room.outgoing()
    state = room.module(body.get("ref")).state_dict()
    return {"state": {str(name): outgoing.value(item) for name, item in state.items()}}


def load_state_dict(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    module = room.module(body.get("ref"))
    state = room.incoming().live(field(body, "state", dict))
    outcome = module.load_state_dict(state, strict=body.get("strict") is not False)
    missing, unexpected = getattr(outcome, "missing_keys", []), getattr(outcome, "unexpected_keys", [])
    return {"missing": [str(name) for name in missing], "unexpected": [str(name) for name in unexpected]}


def release(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    room.handles.release(field(body, "handles", list, default=[]))
    for number in field(body, "tapes", list, default=[]):
        if type(number) is int:
            room.tapes.pop(number, None)
    return {}
