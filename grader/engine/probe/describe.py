"""DESCRIBE: what a module tree is made of, as facts: classes, hyper parameters, parameters.

A description is the student's claim about their own object: a check uses it to look, and tests by effect.
"""

# ruff: noqa: SLF001 - torch has no public door to a module's own tables
from __future__ import annotations

from typing import Any

import torch

from grader.engine.probe.handles import clean, is_a, qualified_name
from grader.engine.probe.refusal import UNSENDABLE, Refused
from grader.engine.probe.room import Room

# The largest models of the trade have a few thousand modules; the trusted side takes 200,000 entries in all.
MODULES = 2_000
HYPER_NAMES = 40
HYPER_ITEMS = 16
TEXT = 200
# Attributes every module has, which say nothing about its configuration.
_OWN = frozenset(vars(torch.nn.Module())) | {"training"}


def class_names(value: Any) -> list[str]:
    """Qualified names of an object's classes, nearest first, without `object`."""
    return [qualified_name(cls) for cls in type(value).__mro__ if cls is not object]


def describe(room: Room, body: dict[str, Any]) -> dict[str, Any]:
    """DESCRIBE: see docs/protocol.md. An object that is no module has no modules and no parameters."""
    target = room.resolve(body.get("ref"))
    facts: dict[str, Any] = {"type": qualified_name(type(target)), "bases": class_names(target)}
    if not is_a(target, torch.nn.Module):
        return facts | {"modules": [], "parameters": {}}
    modules = dict(target.named_modules())
    if len(modules) > MODULES:
        raise Refused(UNSENDABLE, f"the model has {len(modules):,} modules, too many to be looked at")
    return facts | {
        "modules": [_module_facts(name, module) for name, module in modules.items()],
        "parameters": {str(name): tensor_facts(tensor) for name, tensor in target.named_parameters()},
    }


def tensor_facts(tensor: torch.Tensor) -> dict[str, Any]:
    return {
        # Lazy parameters have no shape yet.
        "shape": [] if torch.nn.parameter.is_lazy(tensor) else [int(length) for length in tensor.shape],
        "dtype": str(tensor.dtype),
        "requires_grad": bool(tensor.requires_grad),
    }


def _module_facts(name: str, module: torch.nn.Module) -> dict[str, Any]:
    return {
        "name": clean(name, TEXT),
        "type": qualified_name(type(module)),
        "bases": class_names(module),
        "hyper": hyper_parameters(module),
        "training": bool(module.training),
        "parameters": _tensors(module._parameters),
        "buffers": _tensors(module._buffers),
    }


def _tensors(table: dict[str, Any]) -> dict[str, Any]:
    return {clean(name, TEXT): tensor_facts(tensor) for name, tensor in table.items() if tensor is not None}


def hyper_parameters(module: torch.nn.Module) -> dict[str, Any]:
    """The plain attributes of a module: numbers, text, truth values, None and short tuples of them."""
    found: dict[str, Any] = {}
    constants = getattr(type(module), "__constants__", ())
    names = [name for name in vars(module) if type(name) is str]
    names += [name for name in constants if type(name) is str] if is_a(constants, list, tuple) else []
    for name in names:
        if name.startswith("_") or name in _OWN or name in found or len(found) >= HYPER_NAMES:
            continue
        try:
            value = vars(module)[name] if name in vars(module) else getattr(module, name)
        except BaseException:  # noqa: S112 - a student's property may raise anything
            continue
        plain = _plain(value)
        if plain is not _NOTHING:
            found[clean(name, TEXT)] = plain
    return found


_NOTHING = object()


def _plain(value: Any, *, nested: bool = False) -> Any:
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if abs(value) < 2**63 else _NOTHING
    if type(value) is str:
        return clean(value, TEXT)
    if is_a(value, torch.dtype, torch.device):
        return str(value)
    if nested or not is_a(value, tuple, list) or len(value) > HYPER_ITEMS:
        return _NOTHING
    items = tuple(_plain(item, nested=True) for item in value)
    return _NOTHING if any(item is _NOTHING for item in items) else items
