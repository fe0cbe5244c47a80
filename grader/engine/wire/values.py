"""Values that travel: scalars, text, bytes, lists, tuples, dicts, tensors and handles. Nothing else does.

A tensor is (dtype, shape, raw bytes): its description sits in the header, its bytes in the frame's payload.
A handle is a number that stands for an object living in the probe, with a few words on what it is.
Decoding treats every byte as hostile: depth, counts, text lengths, dtypes, shapes and byte ranges are checked
before anything is built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from grader.engine.wire.frames import WireError

EXT_TENSOR, EXT_HANDLE, EXT_TUPLE, EXT_BIGINT = 1, 2, 3, 4
# 4096 bits have 1,234 digits, below the 4,300 that Python reads at once.
_WHOLE_NUMBER = re.compile(rb"-?[0-9]{1,1300}")
# No tensor that travels has more elements, counting lengths of zero as one: beyond it torch's strides overflow.
MAX_ELEMENTS = 2**48

# dtype name -> bytes per element. The names are torch's without the prefix.
DTYPES: dict[str, int] = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """Caps on one decoded header: nesting, entries over all containers, characters of one text, tensor dimensions."""

    depth: int = 24
    entries: int = 200_000
    text: int = 4 * 2**20
    dimensions: int = 16


@dataclass(frozen=True, slots=True)
class TensorData:
    """A dense, contiguous, row-major tensor. `source` is "tensor", "parameter" or "array" (NumPy)."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview | bytes
    source: str = "tensor"


@dataclass(frozen=True, slots=True)
class Handle:
    """An object that stays in the probe. `kind` is "module", "class", "function" or "object"; `type_name` is text."""

    number: int
    kind: str
    type_name: str


KINDS = ("module", "class", "function", "object")
SOURCES = ("tensor", "parameter", "array")


class Unsendable(TypeError):
    """This value cannot travel."""


def encode(value: Any, *, limits: ValueLimits | None = None) -> tuple[bytes, list[memoryview]]:
    """A value as (header bytes, payload buffers).

    Raises:
        Unsendable: the value, or something in it, is not one of the types that travel.

    """
    encoder = _Encoder(limits or ValueLimits())
    try:
        header = msgpack.packb(encoder.plain(value, 0), use_bin_type=True, strict_types=True)
    except (ValueError, TypeError, OverflowError, UnicodeError) as error:
        raise Unsendable(f"a value could not be packed: {error}") from error
    return header, encoder.buffers


def decode(header: bytes, payload: bytes | bytearray, *, limits: ValueLimits | None = None) -> Any:
    """The value in a header and its payload.

    Raises:
        WireError: anything about the bytes is not as this protocol says.

    """
    decoder = _Decoder(memoryview(payload), limits or ValueLimits())
    value = decoder.read(header)
    decoder.finish()
    return value


class _Encoder:
    def __init__(self, limits: ValueLimits) -> None:
        self.buffers: list[memoryview] = []
        self._offset = 0
        self._limits = limits

    def plain(self, value: Any, depth: int) -> Any:
        if depth > self._limits.depth:
            raise Unsendable("a value is nested too deeply to send")
        kind = type(value)
        if value is None or kind in (bool, float, bytes):
            return value
        if kind is str:
            return _text(value)
        if kind is int:
            if -(2**63) <= value < 2**64:
                return value
            if value.bit_length() > 4096:
                raise Unsendable("a whole number is too large to send")
            return msgpack.ExtType(EXT_BIGINT, str(value).encode())
        if kind is list:
            return [self.plain(item, depth + 1) for item in value]
        if kind is tuple:
            return msgpack.ExtType(
                EXT_TUPLE, msgpack.packb([self.plain(item, depth + 1) for item in value], use_bin_type=True)
            )
        if kind is dict:
            return {self._key(key): self.plain(item, depth + 1) for key, item in value.items()}
        if kind is TensorData:
            return self._tensor(value)
        if kind is Handle:
            return msgpack.ExtType(EXT_HANDLE, msgpack.packb([value.number, value.kind, _text(value.type_name[:200])]))
        raise Unsendable(f"a value of type {kind.__name__} cannot travel")

    @staticmethod
    def _key(key: Any) -> Any:
        if type(key) is str:
            return _text(key)
        if type(key) is bool or (type(key) is int and -(2**63) <= key < 2**64):
            return key
        raise Unsendable(f"a dictionary key of type {type(key).__name__} cannot travel")

    def _tensor(self, value: TensorData) -> msgpack.ExtType:
        view = memoryview(value.data).cast("B")
        described = [value.dtype, list(value.shape), self._offset, view.nbytes, value.source]
        self.buffers.append(view)
        self._offset += view.nbytes
        return msgpack.ExtType(EXT_TENSOR, msgpack.packb(described))


def _text(text: str) -> str:
    """Text that can be encoded: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


class _Decoder:
    def __init__(self, payload: memoryview, limits: ValueLimits) -> None:
        self._payload = payload
        self._limits = limits
        self._entries = 0
        self._next_offset = 0

    def read(self, packed: bytes) -> Any:
        return self._checked(self._unpacked(packed), 0)

    def _unpacked(self, packed: bytes) -> Any:
        limits = self._limits
        # An entry takes a byte at least: a container cannot have more of them than bytes arrived.
        most = min(limits.entries, len(packed))
        try:
            return msgpack.unpackb(
                packed, raw=False, strict_map_key=False, ext_hook=msgpack.ExtType, use_list=True,
                max_str_len=limits.text, max_bin_len=limits.text, max_ext_len=len(packed),
                max_array_len=most, max_map_len=most, object_pairs_hook=self._mapping, list_hook=self._listed,
            )  # fmt: skip
        except WireError:
            raise
        except (
            ValueError,
            TypeError,
            RecursionError,
            OverflowError,
            msgpack.exceptions.UnpackException,
        ) as error:
            raise WireError(f"a header is not valid msgpack within the limits: {type(error).__name__}") from error

    def finish(self) -> None:
        """Refuse a payload that holds more than the header described."""
        if self._next_offset != self._payload.nbytes:
            raise WireError("a payload holds bytes that belong to no tensor")

    # Counted while they are built: a header of eight million empty lists is half a gigabyte before it is whole.
    def _listed(self, items: list[Any]) -> list[Any]:
        self._count(len(items))
        return items

    def _mapping(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        self._count(len(pairs))
        mapping: dict[Any, Any] = {}
        for key, item in pairs:
            if type(key) not in (str, int, bool):
                raise WireError("a dictionary key is neither text nor a whole number")
            if key in mapping:
                raise WireError("a dictionary has the same key twice")
            mapping[key] = item
        return mapping

    def _count(self, number: int) -> None:
        self._entries += number
        if self._entries > self._limits.entries:
            raise WireError(f"a message has more than {self._limits.entries:,} entries")

    def _checked(self, value: Any, depth: int) -> Any:
        if depth > self._limits.depth:
            raise WireError(f"a message is nested more than {self._limits.depth} deep")
        kind = type(value)
        if value is None or kind in (bool, int, float, str, bytes):
            return value
        if kind is list:
            return [self._checked(item, depth + 1) for item in value]
        if kind is dict:
            return {key: self._checked(item, depth + 1) for key, item in value.items()}
        if kind is msgpack.ExtType:
            return self._extension(value.code, value.data, depth)
        raise WireError(f"a message holds a {kind.__name__}")

    def _extension(self, code: int, data: bytes, depth: int) -> Any:
        if code == EXT_TUPLE:
            items = self._unpacked(data)
            if type(items) is not list:
                raise WireError("a tuple is not made of a list")
            return tuple(self._checked(items, depth))
        if code == EXT_BIGINT:
            if not _WHOLE_NUMBER.fullmatch(data):
                raise WireError("a large whole number is not a number")
            return int(data)
        if code == EXT_TENSOR:
            return self._tensor(self._plain(data))
        if code == EXT_HANDLE:
            return self._handle(self._plain(data))
        raise WireError(f"a message holds an unknown extension {code}")

    @staticmethod
    def _plain(data: bytes) -> list[Any]:
        try:
            fields = msgpack.unpackb(
                data,
                raw=False,
                max_ext_len=0,
                max_map_len=0,
                max_array_len=64,
                max_bin_len=0,
                max_str_len=1000,
            )
        except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
            raise WireError("a tensor or handle is not described as it should be") from error
        if type(fields) is not list:
            raise WireError("a tensor or handle is not described by a list")
        return fields

    def _tensor(self, fields: list[Any]) -> TensorData:
        if len(fields) != 5:
            raise WireError("a tensor is described by the wrong number of fields")
        dtype, shape, offset, nbytes, source = fields
        if type(dtype) is not str or dtype not in DTYPES:
            raise WireError("a tensor has a dtype that does not travel")
        if (
            type(shape) is not list
            or len(shape) > self._limits.dimensions
            or any(type(n) is not int or not 0 <= n < 2**40 for n in shape)
        ):
            raise WireError("a tensor has an impossible shape")
        if math.prod(max(n, 1) for n in shape) > MAX_ELEMENTS:
            raise WireError("a tensor has an impossible shape")
        if source not in SOURCES:
            raise WireError("a tensor does not say what it is")
        if type(offset) is not int or type(nbytes) is not int or math.prod(shape) * DTYPES[dtype] != nbytes:
            raise WireError("a tensor's shape and number of bytes disagree")
        # Tensors lie in the payload one after another, in the order of the header: no overlaps, no gaps.
        if offset != self._next_offset or offset + nbytes > self._payload.nbytes:
            raise WireError("a tensor lies outside the payload")
        self._next_offset = offset + nbytes
        return TensorData(dtype, tuple(shape), self._payload[offset : offset + nbytes], source)

    @staticmethod
    def _handle(fields: list[Any]) -> Handle:
        if len(fields) != 3:
            raise WireError("a handle is described by the wrong number of fields")
        number, kind, type_name = fields
        if type(number) is not int or not 0 <= number < 2**48 or kind not in KINDS or type(type_name) is not str:
            raise WireError("a handle is not a handle")
        return Handle(number, kind, type_name)


def tensors_in(value: Any) -> list[TensorData]:
    """Every tensor in a value, depth first, in the order of encoding."""
    if isinstance(value, TensorData):
        return [value]
    items: Sequence[Any] = ()
    if isinstance(value, list | tuple):
        items = value
    elif isinstance(value, dict):
        items = list(value.values())
    return [tensor for item in items for tensor in tensors_in(item)]
