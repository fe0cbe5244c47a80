"""MATCH_PARAMETERS: which parameters of a module are in whatever an optimiser was given."""

from __future__ import annotations

import itertools
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
    settled = _settled(collection)
    if settled is not collection and type(ref) is dict and "handle" in ref and not ref.get("path"):
        room.handles.replace(ref["handle"], settled)
    names = {id(tensor): name for name, tensor in reversed(list(module.named_parameters(remove_duplicate=False)))}
    members: list[dict[str, Any]] = []
    for tensor in flattened(settled):
        if len(members) >= MEMBERS:
            raise Refused(UNSENDABLE, f"the collection has more than {MEMBERS:,} members")
        members.append({"name": names.get(id(tensor)), "shape": [int(length) for length in tensor.shape]})
    return {"members": members}


def _settled(collection: Any) -> Any:
    """The same collection with lists in the place of iterators, which give their members only once.

    Groups are changed in place, as an optimiser does it too.
    """
    if hasattr(type(collection), "__next__"):
        # One member too many is enough to refuse an endless one.
        return [_settled(member) for member in itertools.islice(collection, MEMBERS + 1)]
    if type(collection) is list and len(collection) <= MEMBERS:
        collection[:] = [_settled(member) for member in collection]
    elif type(collection) is dict and "params" in collection:
        collection["params"] = _settled(collection["params"])
    return collection


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
