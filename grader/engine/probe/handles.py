"""The table of live objects that the harness knows by number."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import torch

from grader.engine.probe.refusal import STALE_HANDLE, Refused
from grader.engine.wire.values import Handle

TYPE_NAME_CHARACTERS = 200
_FUNCTIONS = (
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType,
    types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip


def is_a(value: Any, *classes: type) -> bool:
    """`isinstance` by the real type: a student's `__class__` property is never asked."""
    return issubclass(type(value), classes)


def qualified_name(cls: Any) -> str:
    """A class's name with its module, such as "torch.nn.modules.conv.Conv2d", as safe text."""
    try:
        text = f"{cls.__module__}.{cls.__qualname__}"
    except BaseException:
        text = "?"
    return clean(text, TYPE_NAME_CHARACTERS)


def clean(text: str, limit: int) -> str:
    """Text that can be encoded, at most `limit` characters."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def kind_of(value: Any) -> str:
    """What a handle says the object is: module, class, function or object."""
    if is_a(value, torch.nn.Module):
        return "module"
    if is_a(value, type):
        return "class"
    if is_a(value, *_FUNCTIONS) or callable(value):
        return "function"
    return "object"


def _type_name(value: Any, kind: str) -> str:
    if kind in ("class", "function") and not hasattr(type(value), "__torch_function__"):
        try:
            name = value.__qualname__
            module = value.__module__
        except BaseException:
            return qualified_name(type(value))
        if type(name) is str:
            return clean(f"{module}.{name}" if type(module) is str else name, TYPE_NAME_CHARACTERS)
    return qualified_name(type(value))


class Handles:
    """Numbers are never used twice, so a stale one cannot name another object."""

    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._objects)

    def keep(self, value: Any) -> Handle:
        number, self._next = self._next, self._next + 1
        self._objects[number] = value
        kind = kind_of(value)
        return Handle(number, kind, _type_name(value, kind))

    def get(self, number: Any) -> Any:
        """The object behind a number.

        Raises:
            Refused: it was released, or never given out.

        """
        if type(number) is not int or number not in self._objects:
            raise Refused(STALE_HANDLE, "the object behind this handle is no longer there")
        return self._objects[number]

    def replace(self, number: int, value: Any) -> None:
        """Let a number that is in use stand for another object."""
        if number in self._objects:
            self._objects[number] = value

    def release(self, numbers: Iterable[Any]) -> None:
        for number in numbers:
            if type(number) is int:
                self._objects.pop(number, None)
