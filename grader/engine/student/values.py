"""Between what a check works with (torch tensors, plain values, proxies) and what travels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from grader.domain.errors import ProtocolViolation
from grader.engine.wire.tensors import from_data, to_data
from grader.engine.wire.values import Handle, TensorData, tensors_in

MAX_TENSOR_BYTES = 256 * 2**20


class HasHandle:
    """A proxy: something that travels as the handle it stands for."""

    __slots__ = ("_handle",)
    _handle: Handle


def to_wire(value: Any) -> Any:
    """A check's value as one that travels.

    Raises:
        TypeError: a type that no check should send; a mistake in the spec.

    """
    if isinstance(value, HasHandle):
        return object.__getattribute__(value, "_handle")
    if isinstance(value, torch.Tensor):
        return to_data(value, max_bytes=MAX_TENSOR_BYTES)
    if isinstance(value, np.ndarray):
        return to_data(torch.from_numpy(np.ascontiguousarray(value)), max_bytes=MAX_TENSOR_BYTES, source="array")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [to_wire(item) for item in value]
    if isinstance(value, tuple):
        return tuple(to_wire(item) for item in value)
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    raise TypeError(f"a check cannot send a {type(value).__name__}; send tensors, numbers, text, lists or dicts")


def tensor_leaves(value: Any) -> list[torch.Tensor]:
    """The tensors and arrays in a check's value, in the order in which they are encoded."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, np.ndarray):
        return [torch.from_numpy(value)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in tensor_leaves(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in tensor_leaves(item)]
    return []


def from_wire(value: Any, proxy: Callable[[Handle], Any], tensors: list[torch.Tensor] | None = None) -> Any:
    """A decoded reply value as a check sees it.

    Args:
        value: what `decode` gave.
        proxy: makes the proxy for a handle.
        tensors: ready tensors to use, in order, in place of fresh ones (how autograd outputs get in).

    """
    ready = iter(tensors) if tensors is not None else None
    return _from_wire(value, proxy, ready)


def _from_wire(value: Any, proxy: Callable[[Handle], Any], ready: Any) -> Any:
    if isinstance(value, TensorData):
        tensor = from_data(value) if ready is None else next(ready)
        return tensor.detach().numpy() if value.source == "array" and value.dtype != "bfloat16" else tensor
    if isinstance(value, Handle):
        return proxy(value)
    if isinstance(value, list):
        return [_from_wire(item, proxy, ready) for item in value]
    if isinstance(value, tuple):
        return tuple(_from_wire(item, proxy, ready) for item in value)
    if isinstance(value, dict):
        return {key: _from_wire(item, proxy, ready) for key, item in value.items()}
    return value


def tensors_of(value: Any) -> list[torch.Tensor]:
    """The tensors of a decoded value as torch tensors, in order."""
    return [from_data(data) for data in tensors_in(value)]


def tensor_or_violation(value: Any, what: str) -> torch.Tensor:
    """The tensor in a reply's field.

    Raises:
        ProtocolViolation: the field holds something else.

    """
    if not isinstance(value, TensorData):
        raise ProtocolViolation(f"The sandbox sent no tensor as {what}.")
    return from_data(value)
