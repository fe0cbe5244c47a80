"""What the trusted side reads from a sandbox."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from grader.domain.errors import ProtocolViolation
from grader.engine.student import replies as shapes
from grader.engine.wire.frames import FramePipe, WireError
from grader.engine.wire.messages import Message, receive
from grader.engine.wire.values import Handle, TensorData, Unsendable, ValueLimits, decode, encode
from grader.kit.text import plain
from tests.fuzz.targets.bounds import within

# What a pipe holds without anybody reading.
_PIPE_BYTES = 60_000
_MESSAGES = 20
_LIMITS = ValueLimits(entries=2_000, text=10_000)
SHAPES: tuple[type[shapes.Reply], ...] = tuple(
    found for _, found in sorted(vars(shapes).items()) if inspect.isclass(found) and issubclass(found, shapes.Reply)
)
# Fields whose text is made safe by declaration, and those that hold any value.
_LONGEST_TEXT = 20_100


def wire(content: bytes) -> None:
    """Frames until one is refused; what was read can be sent again, and is then read as the same."""
    read_fd, write_fd = os.pipe()
    pipe = FramePipe(read_fd, os.open(os.devnull, os.O_WRONLY))
    try:
        os.write(write_fd, content[:_PIPE_BYTES])
        os.close(write_fd)
        with contextlib.suppress(WireError), within(1.0):
            for _ in range(_MESSAGES):
                _same_again(receive(pipe, limits=_LIMITS))
    finally:
        pipe.close()


def _same_again(message: Message) -> None:
    header, buffers = encode(message.body, limits=_LIMITS)
    again = decode(header, b"".join(buffers), limits=_LIMITS)
    assert _comparable(again) == _comparable(message.body)


def _comparable(value: Any) -> Any:
    """Values with NaN made equal to itself, and the bytes of tensors as bytes."""
    if isinstance(value, TensorData):
        return ("tensor", value.dtype, value.shape, bytes(value.data), value.source)
    if isinstance(value, Handle):
        # Sent names are cut; read ones are not.
        return ("handle", value.number, value.kind, value.type_name[:200])
    if isinstance(value, float):
        return ("float", repr(value))
    if isinstance(value, dict):
        return ("dict", [(_comparable(key), _comparable(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_comparable(item) for item in value])
    return (type(value).__name__, value)


def tensors(content: bytes) -> None:
    """The first byte is the header's length in eights; every tensor in it is what NumPy reads from the same bytes."""
    import numpy as np
    import torch

    from grader.engine.wire.tensors import from_data, to_data
    from grader.engine.wire.values import tensors_in

    size = 8 * content[0] if content else 0
    try:
        value = decode(content[1 : 1 + size].rstrip(b"\xc1"), content[1 + size :], limits=_LIMITS)
    except WireError:
        return
    for data in tensors_in(value):
        made = from_data(data)
        assert tuple(made.shape) == data.shape
        raw = bytes(data.data)
        if data.dtype == "bool":
            assert made.view(torch.uint8).numpy().tobytes() == bytes(min(byte, 1) for byte in raw)
        elif data.dtype != "bfloat16":
            there = np.frombuffer(raw, dtype=data.dtype).reshape(data.shape)
            assert there.tobytes() == made.numpy().tobytes()
            assert there.dtype == made.numpy().dtype
        back = to_data(made, max_bytes=1 << 30, source=data.source)
        assert (back.dtype, back.shape) == (data.dtype, data.shape)
        if data.dtype != "bool":
            assert bytes(back.data) == raw


def replies(content: bytes) -> None:
    """The first byte chooses the reply; whatever is accepted holds no text that is not safe to show."""
    if not content:
        return
    shape = SHAPES[content[0] % len(SHAPES)]
    try:
        body = decode(content[1:], b"", limits=_LIMITS)
    except WireError:
        return
    if type(body) is not dict or any(type(key) is not str for key in body):
        return
    with contextlib.suppress(ProtocolViolation), within(1.0):
        for text in _declared_texts(shapes.checked(shape, body)):
            assert len(text) <= _LONGEST_TEXT
            assert plain(text, limit=_LONGEST_TEXT) == text, repr(text)


def _declared_texts(value: Any, annotation: Any = None) -> Iterator[str]:
    """Every text that a reply's fields declare; fields of any kind hold values of the student's own, which checks see."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if "Any" not in str(field.annotation):
                yield from _declared_texts(getattr(value, name))
    elif isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _declared_texts(key)
            yield from _declared_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _declared_texts(item)


__all__ = ["SHAPES", "Unsendable", "replies", "tensors", "wire"]
