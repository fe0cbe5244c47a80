"""MATCH_PARAMETERS: which parameters of a module are in whatever an optimiser was given."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import torch

from grader.engine.probe.handles import is_a, qualified_name
from grader.engine.probe.refusal import UNSENDABLE, Refused
from grader.engine.probe.room import Room

MEMBERS = 20_000
DEPTH = 8


def match_parameters(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """MATCH_PARAMETERS: see docs/protocol.md."""
    module = room.module(body.get("module"))
    ref = body.get("collection")
    collection = room.resolve(ref)
    if is_a(collection, types.GeneratorType) or (hasattr(type(collection), "__next__")):
        # An iterator gives its members once; asked again, the handle must still have them.
        collection = _first(collection)
        if type(ref) is dict and "handle" in ref and not ref.get("path"):
            room.handles.replace(ref["handle"], collection)
    names = {id(tensor): name for name, tensor in reversed(list(module.named_parameters(remove_duplicate=False)))}
    members: list[dict[str, Any]] = []
    for tensor in flattened(collection):
        if len(members) >= MEMBERS:
            raise Refused(UNSENDABLE, f"the collection has more than {MEMBERS:,} members")
        members.append({"name": names.get(id(tensor)), "shape": [int(length) for length in tensor.shape]})
    return {"members": members}


def _first(iterator: Iterator[Any]) -> list[Any]:
    """What an iterator gives, up to one member too many."""
    found = []
    for member in iterator:
        found.append(member)
        if len(found) > MEMBERS:
            break
    return found


def flattened(collection: Any, depth: int = 0) -> Iterator[torch.Tensor]:
    """The tensors in what an optimiser takes: iterables of tensors, of (name, tensor) pairs or of groups.

    Raises:
        TypeError: something in it is nothing an optimiser takes, such as a module.

    """
    if is_a(collection, torch.Tensor):
        yield collection
    elif is_a(collection, str) and depth:
        # The name in a (name, parameter) pair.
        return
    elif is_a(collection, torch.optim.Optimizer):
        yield from flattened(collection.param_groups, depth + 1)
    elif is_a(collection, dict, torch.nn.ParameterDict):
        members = collection["params"] if "params" in collection else list(collection.values())
        yield from flattened(members, depth + 1)
    elif depth < DEPTH and hasattr(type(collection), "__iter__") and not is_a(collection, str, bytes):
        for member in collection:
            yield from flattened(member, depth + 1)
    else:
        raise TypeError(f"an optimizer takes parameters, not a {qualified_name(type(collection))}")
