"""What travels comes back the same; what should not travel, or was tampered with, is refused."""

import contextlib
import math
import struct
import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.engine.wire.frames import WireError
from grader.engine.wire.values import (
    DTYPES,
    EXT_BIGINT,
    EXT_HANDLE,
    EXT_TENSOR,
    EXT_TUPLE,
    Handle,
    TensorData,
    Unsendable,
    ValueLimits,
    decode,
    encode,
    tensors_in,
)


def sent(value, limits=None):
    header, buffers = encode(value)
    return decode(header, b"".join(bytes(buffer) for buffer in buffers), limits=limits)


@st.composite
def tensors(draw):
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    size = math.prod(shape) * DTYPES[dtype]
    source = draw(st.sampled_from(["tensor", "parameter", "array"]))
    return TensorData(dtype, shape, draw(st.binary(min_size=size, max_size=size)), source)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = TEXT | st.integers(-(2**63), 2**64 - 1)
HANDLES = st.builds(Handle, st.integers(0, 2**48 - 1), st.sampled_from(["module", "class", "function", "object"]), TEXT)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**4095), 2**4095) | st.floats(allow_nan=False) | TEXT
    | st.binary(max_size=20) | tensors() | HANDLES
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_values_come_back_the_same(value):
    found = sent(value)
    assert found == value
    assert repr(type(found)) == repr(type(value))
    assert [bytes(tensor.data) for tensor in tensors_in(found)] == [bytes(t.data) for t in tensors_in(value)]


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=20))
def test_hostile_bytes_raise_only_wire_errors(header, payload):
    with contextlib.suppress(WireError):
        decode(header, payload)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5)
    | st.binary(max_size=5) | st.builds(msgpack.ExtType, st.integers(0, 6), st.binary(max_size=12)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3) | st.integers(0, 5), inner),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None)
@given(st.integers(0, 5), ANYTHING, st.binary(max_size=16))
def test_hostile_extensions_raise_only_wire_errors(code, inside, payload):
    header = msgpack.packb(msgpack.ExtType(code, msgpack.packb(inside)))
    with contextlib.suppress(WireError):
        decode(header, payload)


def tensor_header(*described):
    return msgpack.packb([msgpack.ExtType(EXT_TENSOR, msgpack.packb(list(fields))) for fields in described])


GOOD = ["float32", [2], 0, 8, "tensor"]


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ([GOOD, ["float32", [2], 0, 8, "tensor"]], "outside"),  # overlap
        ([GOOD, ["float32", [2], 4, 8, "tensor"]], "outside"),
        ([GOOD, ["uint8", [4], 12, 4, "tensor"]], "outside"),  # gap
        ([["float32", [2], 0, 9, "tensor"]], "disagree"), ([["float32", [3], 0, 8, "tensor"]], "disagree"),
        ([["float32", [-2], 0, -8, "tensor"]], "shape"), ([["float32", [2.0], 0, 8, "tensor"]], "shape"),
        ([["float32", [1] * 17, 0, 4, "tensor"]], "shape"), ([["float32", 2, 0, 8, "tensor"]], "shape"),
        ([["float32", [True, 2], 0, 8, "tensor"]], "shape"), ([["float32", [2**41, 0], 0, 0, "tensor"]], "shape"),
        ([["float32", [2**39, 2**39, 0], 0, 0, "tensor"]], "shape"),
        ([["object", [1], 0, 8, "tensor"]], "dtype"), ([[["float32"], [2], 0, 8, "tensor"]], "dtype"),
        ([["float32", [2], 0, 8, "list"]], "what it is"), ([["float32", [2], 0, 8]], "number of fields"),
        ([["float32", [2], -8, 8, "tensor"]], "outside"), ([["float32", [2], 0.0, 8, "tensor"]], "disagree"),
        ([["float32", [8], 0, 32, "tensor"]], "outside"), ([GOOD], "belong to no tensor"), ([], "belong to no tensor"),
    ],
)  # fmt: skip
def test_misdescribed_tensors_are_refused(described, words):
    with pytest.raises(WireError, match=words):
        decode(tensor_header(*described), bytes(16))


def ext(code, value):
    return msgpack.packb(msgpack.ExtType(code, value if isinstance(value, bytes) else msgpack.packb(value)))


@pytest.mark.parametrize(
    "header",
    [
        ext(EXT_BIGINT, b"--5"), ext(EXT_BIGINT, b"-"), ext(EXT_BIGINT, b""), ext(EXT_BIGINT, b"1_000"),
        ext(EXT_BIGINT, b"9" * 1301), ext(EXT_BIGINT, b" 1"), ext(EXT_BIGINT, b"1\n"), ext(EXT_TUPLE, {"a": 1}),
        ext(EXT_TUPLE, 3), ext(EXT_HANDLE, [-1, "object", "x"]), ext(EXT_HANDLE, [2**48, "object", "x"]),
        ext(EXT_HANDLE, [1, "file", "x"]), ext(EXT_HANDLE, [1, "object", 3]), ext(EXT_HANDLE, [1, "object"]),
        ext(EXT_HANDLE, [1, "object", "x" * 2000]), ext(EXT_HANDLE, [True, "object", "x"]), ext(9, b"x"),
        msgpack.packb(msgpack.Timestamp(1)), b"\xc1", b"\x81\xc0\x01", b"\x81\x90\x01", b"\x82\x01\x02\x01\x03",
        b"\x82\xa1a\x02\xa1a\x03", b"\x82\x01\x02\xc3\x03", b"\xa2\xff\xff", b"\x81\xcb" + struct.pack(">d", 1.0) + b"\x01",
    ],
)  # fmt: skip
def test_headers_that_are_refused(header):
    with pytest.raises(WireError):
        decode(header, b"")


def nested(depth, wrap):
    value = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: (inner,)])
def test_depth(wrap):
    assert sent(nested(24, wrap)) == nested(24, wrap)
    with pytest.raises(Unsendable, match="deep"):
        encode(nested(25, wrap))
    deep = ValueLimits(depth=20)
    with pytest.raises(WireError, match="deep"):
        sent(nested(21, wrap), limits=deep)
    with pytest.raises(WireError):
        decode(b"\x91" * 100_000 + b"\x90", b"")


def test_counts_hold_over_all_containers():
    limits = ValueLimits(entries=100)
    assert len(sent([[0] * 40, (1,) * 40], limits=limits)) == 2
    for value in ([[0] * 60, [0] * 60], [0] * 101, dict.fromkeys(range(101), 0), [(0,) * 60, (0,) * 60]):
        with pytest.raises(WireError):
            sent(value, limits=limits)
    with pytest.raises(WireError):
        sent("x" * 11, limits=ValueLimits(text=10))


def test_a_lying_count_costs_no_memory():
    claim = (b"\xdd" + struct.pack(">I", 200_000)) * 500
    tracemalloc.start()
    with pytest.raises(WireError):
        decode(claim, b"")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


def test_what_does_not_travel():
    for value in (object(), {1.5: 1}, {None: 1}, 2**5000, {1, 2}, 1j, {2**70: 1}, range(3)):
        with pytest.raises(Unsendable):
            encode(value)


def test_lone_surrogates_become_question_marks():
    assert sent({"\udc80": "\udc80a"}) == {"?": "?a"}
    assert sent(Handle(1, "object", "\udc80")) == Handle(1, "object", "?")
