"""Moving to a GPU where there is none: done nothing, said nothing.

Hand-ins are written on machines with a GPU and say `.cuda()`, `.to("cuda")` and `device="cuda"` inside functions. A
check on the CPU is about what they compute.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

_FACTORIES = (
    "zeros", "ones", "empty", "full", "tensor", "as_tensor", "arange", "linspace", "logspace", "eye", "rand", "randn",
    "randint", "randperm", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like",
    "randint_like",
)  # fmt: skip
_TYPES = (
    "FloatTensor", "DoubleTensor", "HalfTensor", "LongTensor", "IntTensor", "ShortTensor", "ByteTensor", "CharTensor",
    "BoolTensor",
)  # fmt: skip
_ACCELERATORS = ("cuda", "mps", "xpu")


def make_moves_harmless() -> None:
    """Patch torch for the life of this probe; does nothing where a GPU is there, or the second time."""
    if torch.cuda.is_available() or hasattr(torch.Tensor.cuda, "__wrapped__"):
        return
    for owner in (torch.Tensor, nn.Module):
        owner.cuda = _staying(owner.cuda)  # type: ignore[method-assign]
        owner.to = _on_cpu(owner.to)  # type: ignore[method-assign]
    torch.Tensor.pin_memory = _staying(torch.Tensor.pin_memory)  # type: ignore[method-assign]
    torch.Tensor.type = _plain_type(torch.Tensor.type)  # type: ignore[method-assign]
    for name in _FACTORIES:
        setattr(torch, name, _on_cpu(getattr(torch, name)))
    for name in _TYPES:
        setattr(torch.cuda, name, getattr(torch, name))
    for name, answer in (
        ("set_device", None),
        ("synchronize", None),
        ("current_device", 0),
        ("get_device_name", "CPU"),
    ):
        setattr(torch.cuda, name, _answering(getattr(torch.cuda, name), answer))
    torch.load = _load_on_cpu(torch.load)  # noqa: TID251 - the student's own checkpoint, inside the sandbox


def _staying(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def stay(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return self

    return stay


def _is_elsewhere(value: Any) -> bool:
    if isinstance(value, str):
        return value.partition(":")[0] in _ACCELERATORS
    return isinstance(value, torch.device) and value.type in _ACCELERATORS


def _on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    cpu = torch.device("cpu")

    @functools.wraps(function)
    def moved(*args: Any, **kwargs: Any) -> Any:
        # A bare number after `.to` is a GPU's.
        is_move = function.__name__ == "to"
        args = tuple(
            cpu if _is_elsewhere(value) or (is_move and index == 1 and type(value) is int) else value
            for index, value in enumerate(args)
        )
        if _is_elsewhere(kwargs.get("device")) or type(kwargs.get("device")) is int:
            kwargs["device"] = cpu
        kwargs.pop("pin_memory", None)
        return function(*args, **kwargs)

    return moved


def _plain_type(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def plain(self: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dtype, str):
            dtype = dtype.replace("torch.cuda.", "torch.")
        return function(self, dtype, *args, **kwargs) if dtype is not None else function(self)

    return plain


def _answering(function: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def answering(*args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return answer

    return answering


def _load_on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def load(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        del map_location
        # Whole models were saved before the default became weights only (torch 2.6).
        kwargs.setdefault("weights_only", False)
        return function(file, torch.device("cpu"), *args, **kwargs)

    return load
