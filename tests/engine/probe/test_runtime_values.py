"""What a result looks like on the other side, and what honest students with odd objects read."""

import math

import pytest
import torch
from runtime import Probe

from grader.engine.wire.messages import Kind
from grader.engine.wire.values import Handle

SOURCE = """
import collections, enum, sys, threading, types
import numpy as np, torch
from torch import nn

class Sub(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError("subclass called")
Pair = collections.namedtuple("Pair", "a b")
class Colour(enum.IntEnum):
    RED = 1
class Text(str):
    def __str__(self): raise RuntimeError
    def __len__(self): raise RuntimeError
class Count(int):
    def __int__(self): raise RuntimeError
class Real(float):
    def __float__(self): raise RuntimeError
class Liar:
    @property
    def __class__(self): raise RuntimeError("asked")
    def __getattr__(self, name): raise RuntimeError("asked")
    def __repr__(self): raise RuntimeError("asked")
    def __eq__(self, other): raise RuntimeError("asked")
    __hash__ = None
class Evil(Exception):
    def __str__(self): raise KeyboardInterrupt
class Bad(Exception):
    def __str__(self): return 3

RESULTS = {
    "scalars": lambda: [None, True, 3, 2.5, "text", b"bytes", -(2 ** 70)],
    "nan": lambda: float("nan"),
    "subclass": lambda: torch.ones(2).as_subclass(Sub),
    "parameter": lambda: nn.Parameter(torch.ones(2)),
    "named": lambda: Pair(1, torch.zeros(2)),
    "returned": lambda: torch.ones(2, 3).max(dim=0),
    "size": lambda: torch.ones(2, 3).size(),
    "ordered": lambda: collections.OrderedDict(out=torch.zeros(1), aux=None),
    "default": lambda: collections.defaultdict(list, a=[1]),
    "proxy": lambda: types.MappingProxyType({"a": 1}),
    "user": lambda: collections.UserDict(a=1),
    "numbers": lambda: {1: "a", 2: "b"},
    "odd keys": lambda: {(1, 2): "a"},
    "subclasses": lambda: [Text("abc"), Count(4), Real(0.5)],
    "enum": lambda: Colour.RED,
    "numpy": lambda: [np.float32(1.5), np.arange(3), np.arange(4)[::-1], np.arange(3, dtype=">i4"), np.bool_(True)],
    "numpy text": lambda: np.str_("abc"),
    "numpy objects": lambda: np.array([None, object()]),
    "dtype": lambda: [torch.float32, torch.device("cpu")],
    "generator": lambda: (n for n in range(3)),
    "set": lambda: {1},
    "function": lambda: len,
    "class": lambda: nn.Conv2d,
    "method": lambda: "".join,
    "modules": lambda: nn.ModuleList([nn.Linear(1, 1)]),
    "liar": lambda: Liar(),
    "surrogate": lambda: "\\udc80" + "x",
    "0-dim": lambda: [
        torch.tensor(3.5), torch.tensor(True), torch.empty(0, 3), torch.tensor(1.0, dtype=torch.bfloat16)
    ],
    "complex": lambda: torch.tensor([1 + 2j]).conj(),
    "transposed": lambda: torch.arange(6).reshape(2, 3).T,
    "long list": lambda: list(range(60_000)),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "meta": lambda: torch.empty(3, device="meta"),
    "10 GB": lambda: torch.zeros(1).expand(50_000, 50_000),
    "10 GB array": lambda: np.broadcast_to(np.zeros(1), (50_000, 50_000)),
    "many": lambda: [torch.zeros(40_000_000).expand(2, 40_000_000)[0] for _ in range(3)],
    "parts": lambda: [[0] * 40_000 for _ in range(5)],
    "long text": lambda: "x" * 2_000_000,
    "huge number": lambda: 2 ** 100_000,
    "many dimensions": lambda: torch.zeros([1] * 40),
}
def forks():
    import os
    return os.fork() == 0
def deep():
    value = 1
    for _ in range(20):
        value = [value]
    return value
def loop():
    value = []
    value.append(value)
    return value
def give(name): return RESULTS[name]()
def fail(name):
    if name == "exit": sys.exit(3)
    if name == "interrupt": raise KeyboardInterrupt
    if name == "recursion": return fail(name)
    if name == "memory": return bytearray(2 ** 62)
    if name == "evil": raise Evil
    if name == "bad": raise Bad
    if name == "group": raise BaseExceptionGroup("several", [SystemExit(1)])
    if name == "long": raise ValueError("x" * 10 ** 7)
    if name == "surrogate": raise ValueError("\\udc80")
    if name == "stop": raise StopIteration
"""


@pytest.fixture(scope="module")
def probe():
    started = Probe()
    started.load(SOURCE)
    yield started
    assert started.close() == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scalars", [None, True, 3, 2.5, "text", b"bytes", -(2**70)]),
        ("size", (2, 3)), ("default", {"a": [1]}), ("proxy", {"a": 1}), ("user", {"a": 1}),
        ("numbers", {1: "a", 2: "b"}), ("subclasses", ["abc", 4, 0.5]), ("numpy text", "abc"),
        ("dtype", ["torch.float32", "cpu"]), ("surrogate", "?x"),
    ],
)  # fmt: skip
def test_plain_values(probe, name, expected):
    found = probe.value("give", name)
    assert found == expected
    assert type(found) is type(expected)


def test_tensors(probe):
    assert math.isnan(probe.value("give", "nan"))
    torch.testing.assert_close(probe.value("give", "subclass"), torch.ones(2))
    torch.testing.assert_close(probe.value("give", "named"), (1, torch.zeros(2)))
    torch.testing.assert_close(probe.value("give", "returned"), (torch.ones(3), torch.zeros(3, dtype=torch.long)))
    assert list(probe.value("give", "ordered")) == ["out", "aux"]
    numbers = probe.value("give", "numpy")
    expected = [1.5, [0, 1, 2], [3, 2, 1, 0], [0, 1, 2], True]
    assert [number.tolist() for number in numbers] == expected
    scalars = probe.value("give", "0-dim")
    assert [(tensor.dtype, tensor.shape) for tensor in scalars] == [
        (torch.float32, ()), (torch.bool, ()), (torch.float32, (0, 3)), (torch.bfloat16, ()),
    ]  # fmt: skip
    torch.testing.assert_close(probe.value("give", "complex"), torch.tensor([1 - 2j]))
    torch.testing.assert_close(probe.value("give", "transposed"), torch.arange(6).reshape(2, 3).T.contiguous())


def test_sources(probe):
    probe.send(Kind.CALL, {"ref": {"name": "give"}, "args": ["parameter"], "kwargs": {}})
    assert probe.take().body["value"].source == "parameter"
    probe.send(Kind.CALL, {"ref": {"name": "give"}, "args": ["numpy"], "kwargs": {}})
    assert {data.source for data in probe.take().body["value"]} == {"array"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("generator", "object"), ("set", "object"), ("function", "function"), ("method", "function"),
        ("class", "class"), ("modules", "module"), ("liar", "object"), ("enum", "object"), ("odd keys", "object"),
        ("numpy objects", "object"), ("long list", "object"),
    ],
)  # fmt: skip
def test_everything_else_is_a_handle(probe, name, kind):
    found = probe.value("give", name)
    assert isinstance(found, Handle)
    assert found.kind == kind


def test_type_names_are_for_people(probe):
    assert probe.value("give", "class").type_name == "torch.nn.modules.conv.Conv2d"
    assert probe.value("give", "liar").type_name == "student.Liar"


def test_deep_and_circular_results_end_in_a_handle(probe):
    for name in ("deep", "loop"):
        found, depth = probe.value(name), 0
        while isinstance(found, list):
            found, depth = found[0], depth + 1
        assert isinstance(found, Handle)
        assert depth == 12


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("10 GB", "9,537 MB"), ("10 GB array", "too large"), ("many", "MB of tensors"), ("parts", "parts"),
        ("long text", "too long"), ("huge number", "too large"), ("sparse", "layout"), ("meta", "no values"),
        ("many dimensions", "40 dimensions"),
    ],
)  # fmt: skip
def test_what_cannot_travel_is_refused_in_a_sentence(probe, name, words):
    refusal = probe.refused(Kind.CALL, ref={"name": "give"}, args=[name], kwargs={})
    assert refusal["code"] == "unsendable"
    assert words in refusal["message"]


def test_a_fork_that_comes_back_answers_once(probe):
    assert probe.value("forks") is False
    assert probe.value("give", "size") == (2, 3)


def test_kept_results_stay(probe):
    kept = probe.value("give", "10 GB", keep=True)
    assert kept.type_name == "torch.Tensor"
    assert probe.ask(Kind.GET, ref={"handle": kept.number}, name="shape")["value"] == (50_000, 50_000)


@pytest.mark.parametrize(
    ("name", "type_name", "words"),
    [
        ("exit", "SystemExit", "3"), ("interrupt", "KeyboardInterrupt", ""), ("recursion", "RecursionError", "depth"),
        ("memory", "MemoryError", ""), ("evil", "Evil", "no text: builtins.KeyboardInterrupt"),
        ("bad", "Bad", "no text"), ("group", "BaseExceptionGroup", "several"), ("long", "ValueError", "xxx"),
        ("surrogate", "ValueError", "?"), ("stop", "StopIteration", ""),
    ],
)  # fmt: skip
def test_whatever_is_raised_is_told(probe, name, type_name, words):
    raised = probe.raised("fail", name)
    assert raised["type"] == type_name
    assert words in raised["message"]
    assert len(raised["message"]) <= 4000
    assert probe.value("give", "size") == (2, 3)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.CALL, {}), (Kind.CALL, {"ref": 3}), (Kind.CALL, {"ref": {"name": "give"}, "args": 3}),
        (Kind.CALL, {"ref": {"name": "give"}, "training": True}), (Kind.GET, {"ref": {"name": "give"}}),
        (Kind.CALL, {"ref": {"name": "give"}, "args": ["nan"], "grad": {"inputs": [0]}}), (Kind.VJP, {}),
        (Kind.VJP, {"tape": 99, "cotangents": []}), (Kind.STATE_DICT, {"ref": {"name": "give"}}),
        (Kind.FIT, {"ref": {"name": "give"}}), (Kind.PREDICT, {}), (Kind.CELL, {"index": 5}), (Kind.SUPPORT, {}),
        (Kind.RESOLVE, {"ref": {"name": "give", "path": [1.5]}}), (Kind.DOCUMENT, {}), (Kind.RELEASE, {"handles": 3}),
    ],
)  # fmt: skip
def test_an_unusable_request_is_refused_and_the_loop_goes_on(probe, kind, body):
    assert probe.refused(kind, **body)["code"] == "bad_request"


def test_the_delegated_requests(probe):
    assert probe.ask(Kind.SUPPORT, source="def helper(n):\n    return n + 1")["names"] == ["helper"]
    assert probe.value({"support": "helper"}, 1) == 2
    assert probe.refused(Kind.RESOLVE, ref={"support": "absent"})["code"] == "not_defined"
    assert probe.ask(Kind.ANSWERS)["answers"] == {"A1.x": 3}
    assert probe.ask(Kind.CELL, index=0)["source"] == "x = 1"
    assert probe.ask(Kind.DOCUMENT, path="a.txt")["text"] == "a.txt"
    assert probe.ask(Kind.SCRIPT, path="a.py")["exit_code"] == 0
    call = {"ref": {"name": "give"}, "args": ["size"], "kwargs": {}}
    replay = probe.ask(Kind.REPLAY, call=call, intercept=[], names={}, seed=1, keep=["RESULTS"])
    assert replay["value"] == (2, 3)
    assert replay["records"] == [{"target": "call", "args": ["size"], "kwargs": {}}]
    assert set(replay["names"]["RESULTS"]) >= {"size"}


def test_the_end_of_the_pipe_is_the_end():
    probe = Probe()
    probe.pipe.write(Kind.GO_ON, 1, b"\x80")
    assert probe.process.wait(60) == 3
    probe.pipe.close()
