"""Between live objects and what travels, by the rules of "How the probe turns a result into a value".

The invariant: whatever an honest student's function returns gives a reply that the harness accepts. So everything is
counted here, under caps that stay below those of the trusted side (`ValueLimits`, `FrameLimits`), before any memory is
taken for it: an expanded view of 10 GB is refused by its shape.
"""

# ruff: noqa: SLF001 - torch has no public way past a subclass's overrides
from __future__ import annotations

import enum
import types
import warnings
from collections import UserDict
from typing import Any

import numpy as np
import torch

from grader.engine.probe.handles import Handles, clean, is_a
from grader.engine.probe.refusal import UNSENDABLE, Refused
from grader.engine.wire.tensors import NAMES, from_data, to_data
from grader.engine.wire.values import Handle, TensorData, Unsendable

TENSOR_BYTES = 256 * 2**20
LIST_ENTRIES = 50_000
ALL_ENTRIES = 150_000
DEPTH = 12
DIMENSIONS = 16
TEXT_CHARACTERS = 10**6
# In one reply: UTF-8 takes up to four bytes for a character, and the trusted side takes 8 MB of header.
ALL_TEXT_BYTES = 4 * 2**20
INT_BITS = 4096


class Incoming:
    """One request's values made live. `tensors` are its tensors and arrays in the order of the wire."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self.tensors: list[Any] = []

    def live(self, value: Any) -> Any:
        kind = type(value)
        if kind is TensorData:
            tensor = self._tensor(value)
            self.tensors.append(tensor)
            return tensor
        if kind is Handle:
            return self._handles.get(value.number)
        if kind is list:
            return [self.live(item) for item in value]
        if kind is tuple:
            return tuple(self.live(item) for item in value)
        if kind is dict:
            return {key: self.live(item) for key, item in value.items()}
        return value

    @staticmethod
    def _tensor(data: TensorData) -> Any:
        tensor = from_data(data)
        if data.source == "array" and tensor.dtype is not torch.bfloat16:
            return tensor.numpy()
        if data.source == "parameter":
            return torch.nn.Parameter(tensor, requires_grad=tensor.is_floating_point() or tensor.is_complex())
        return tensor


class Outgoing:
    """One reply's values made ready to travel.

    `tensors` are the live tensors in the order of the wire, with None for every NumPy array.
    """

    def __init__(self, handles: Handles, *, entries: int = ALL_ENTRIES) -> None:
        self._handles = handles
        self._most_entries = entries
        self._bytes = 0
        self._entries = 0
        self._text = 0
        self.tensors: list[torch.Tensor | None] = []

    def value(self, value: Any, depth: int = 0) -> Any:
        """The value as it travels; what is not data becomes a handle.

        Raises:
            Refused: data that is too large to send.

        """
        self._count(1)
        if value is None or type(value) in (bool, float):
            return value
        if type(value) in (str, bytes):
            return self._text_like(value)
        if is_a(value, enum.Enum):
            return self._handles.keep(value)
        if is_a(value, int):
            return self._whole(value)
        if is_a(value, torch.Tensor):
            return self._tensor(value)
        if is_a(value, np.ndarray, np.generic):
            return self._array(value)
        if is_a(value, str, bytes, float):
            # The plain value under a subclass, without asking the subclass.
            base: Any = next(base for base in (str, bytes, float) if is_a(value, base))
            return self.value(base.__getnewargs__(value)[0], depth)
        if is_a(value, torch.dtype, torch.device):
            return str(value)
        return self._container(value, depth)

    def plain_tensor(self, tensor: torch.Tensor, source: str = "tensor") -> TensorData:
        """A tensor's values.

        Raises:
            Refused: no plain tensor, or too large.

        """
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            size = tensor.numel() * tensor.element_size() if tensor.layout is torch.strided else 0
            self._bytes += size
            if self._bytes > TENSOR_BYTES:
                raise Refused(
                    UNSENDABLE,
                    f"the result holds {self._bytes / 2**20:,.0f} MB of tensors, the last one of shape "
                    f"{list(tensor.shape)}; at most {TENSOR_BYTES // 2**20} MB can be looked at",
                )
            if tensor.dim() > DIMENSIONS:
                raise Refused(UNSENDABLE, f"a tensor of {tensor.dim()} dimensions cannot be looked at")
            try:
                return to_data(tensor, max_bytes=TENSOR_BYTES, source=source)
            except Unsendable as error:
                raise Refused(UNSENDABLE, str(error)) from error
            except (RuntimeError, NotImplementedError) as error:
                # Meta tensors, fake tensors, tensors whose memory was given back.
                raise Refused(UNSENDABLE, f"a tensor has no values that can be read: {str(error)[:200]}") from error

    def _tensor(self, tensor: torch.Tensor) -> TensorData:
        described = self.plain_tensor(tensor, "parameter" if is_a(tensor, torch.nn.Parameter) else "tensor")
        self.tensors.append(tensor)
        return described

    def _array(self, value: Any) -> Any:
        if is_a(value, np.str_, np.bytes_):
            return self._text_like(value.item())
        if value.nbytes > TENSOR_BYTES or value.size * value.itemsize > TENSOR_BYTES:
            raise Refused(UNSENDABLE, f"a NumPy array of {value.nbytes:,} bytes is too large to be looked at")
        plain = np.asarray(value)
        try:
            # Byte order and negative strides are NumPy's own; torch wants neither. Read-only memory is only read.
            dense = np.ascontiguousarray(plain, dtype=plain.dtype.newbyteorder("=")).reshape(plain.shape)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tensor = torch.from_numpy(dense)
        except (TypeError, ValueError):
            return self._handles.keep(value)
        if tensor.dtype not in NAMES:
            return self._handles.keep(value)
        described = self.plain_tensor(tensor, "array")
        self.tensors.append(None)
        return described

    def _whole(self, value: int) -> Any:
        if type(value) is not int:
            value = int.__index__(value)
        if value.bit_length() > INT_BITS:
            raise Refused(UNSENDABLE, f"a whole number of {value.bit_length():,} bits is too large to be looked at")
        return value

    def _text_like(self, value: str | bytes) -> Any:
        self._text += len(value.encode("utf-8", "replace")) if type(value) is str else len(value)
        if len(value) > TEXT_CHARACTERS or self._text > ALL_TEXT_BYTES:
            raise Refused(UNSENDABLE, f"a text of {len(value):,} characters is too long to be looked at")
        return clean(value, len(value)) if type(value) is str else value

    def _container(self, value: Any, depth: int) -> Any:
        mapping = is_a(value, dict, UserDict, types.MappingProxyType)
        sequence = is_a(value, list, tuple)
        if not (mapping or sequence) or depth >= DEPTH:
            return self._handles.keep(value)
        if mapping:
            pairs = list(dict.items(value)) if is_a(value, dict) else list(value.items())
            if len(pairs) > LIST_ENTRIES or any(not _is_key(key) for key, _ in pairs):
                return self._handles.keep(value)
            self._text += sum(len(key) * 4 for key, _ in pairs if type(key) is str)
            return {_key(key): self.value(item, depth + 1) for key, item in pairs}
        base: Any = list if is_a(value, list) else tuple
        if base.__len__(value) > LIST_ENTRIES:
            return self._handles.keep(value)
        items = [self.value(item, depth + 1) for item in base.__iter__(value)]
        return items if base is list else tuple(items)

    def _count(self, number: int) -> None:
        self._entries += number
        if self._entries > self._most_entries:
            raise Refused(
                UNSENDABLE, f"the result has more than {self._most_entries:,} parts, too many to be looked at"
            )


def _is_key(key: Any) -> bool:
    if type(key) is int:
        return -(2**63) <= key < 2**64
    return type(key) is bool or (type(key) is str and len(key) <= TEXT_CHARACTERS)


def _key(key: Any) -> Any:
    return clean(key, len(key)) if type(key) is str else key
