"""Where a hand-in's moves to a GPU go: home, which is the CPU but for the length of a training on a GPU.

Hand-ins are written on machines with a GPU and say `.cuda()`, `.to("cuda:1")` and `device="cuda"` inside functions. A
check on the CPU is about what they compute, so such a move does nothing and says nothing. In a sandbox with a GPU the
same holds outside of FIT and PREDICT: both kinds of sandbox compute the same values there. While FIT or PREDICT runs
on the GPU (`gpu.py`), every move goes to the one GPU there is, whatever number it names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
CPU = torch.device("cpu")


class _Home:
    """Where moves go now."""

    device = CPU


def home() -> torch.device:
    return _Home.device


@contextmanager
def at_home_on(device: torch.device) -> Iterator[None]:
    """Moves of student code go to this device while the block lasts."""
    _Home.device, before = device, _Home.device
    try:
        yield
    finally:
        _Home.device = before


def make_moves_harmless() -> None:
    """Patch torch for the life of this probe; does nothing the second time."""
    if hasattr(torch.Tensor.cuda, "__wrapped__"):
        return
    for owner in (torch.Tensor, nn.Module):
        owner.cuda = _going_home(owner.cuda, owner.to)  # type: ignore[method-assign]
        owner.to = _at_home(owner.to)  # type: ignore[method-assign]
    torch.Tensor.pin_memory = _staying(torch.Tensor.pin_memory)  # type: ignore[method-assign]
    torch.Tensor.type = _plain_type(torch.Tensor.type)  # type: ignore[method-assign]
    for name in _FACTORIES:
        setattr(torch, name, _at_home(getattr(torch, name)))
    for name in _TYPES:
        setattr(torch.cuda, name, getattr(torch, name))
    # A default that reaches beyond the hand-in's own lines: checks on the CPU would meet tensors on the GPU.
    torch.set_default_device = _unless_elsewhere(torch.set_default_device)
    torch.set_default_tensor_type = _unless_elsewhere(torch.set_default_tensor_type)
    torch.load = _load_on_cpu(torch.load)  # noqa: TID251 - the student's own checkpoint, inside the sandbox
    if torch.cuda.is_available():
        return
    for name, answer in (
        ("set_device", None),
        ("synchronize", None),
        ("current_device", 0),
        ("get_device_name", "CPU"),
    ):
        setattr(torch.cuda, name, _answering(getattr(torch.cuda, name), answer))


def _staying(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def stay(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return self

    return stay


def _going_home(function: Callable[..., Any], to: Callable[..., Any]) -> Callable[..., Any]:
    """`.cuda()` of tensors and modules; `to` is their own, unpatched."""

    @functools.wraps(function)
    def go(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return self if _Home.device is CPU else to(self, _Home.device)

    return go


def _is_elsewhere(value: Any) -> bool:
    if isinstance(value, str):
        return value.partition(":")[0] in _ACCELERATORS
    return isinstance(value, torch.device) and value.type in _ACCELERATORS


def _at_home(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def moved(*args: Any, **kwargs: Any) -> Any:
        # A bare number after `.to` is a GPU's.
        is_move = function.__name__ == "to"
        args = tuple(
            _Home.device if _is_elsewhere(value) or (is_move and index == 1 and type(value) is int) else value
            for index, value in enumerate(args)
        )
        if _is_elsewhere(kwargs.get("device")) or type(kwargs.get("device")) is int:
            kwargs["device"] = _Home.device
        kwargs.pop("pin_memory", None)
        return function(*args, **kwargs)

    return moved


def _unless_elsewhere(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def unless(wanted: Any) -> Any:
        if isinstance(wanted, str):
            wanted = wanted.replace("torch.cuda.", "torch.")
        return None if _is_elsewhere(wanted) else function(wanted)

    return unless


def _plain_type(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def plain(self: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dtype, str):
            dtype = dtype.replace("torch.cuda.", "torch.")
        if dtype is None:
            return function(self)
        found = function(self, dtype, *args, **kwargs)
        # `.type(torch.cuda.FloatTensor)` is a move too, and the CPU's type of that name brings a tensor back.
        return found if _Home.device is CPU else found.to(_Home.device)

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
        return function(file, CPU, *args, **kwargs)

    return load
