"""Inputs that are nearly valid: kept ones with a few bytes changed, and ones made by the format's own rules."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from grader.engine.wire.messages import Kind
from grader.engine.wire.values import DTYPES, Handle, TensorData, encode
from tests.engine.proxy.described import changed
from tests.fuzz import seeds
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.sandbox import SHAPES
from tests.intake.zip_bytes import Member, zip_of

# Numbers at the edges of their fields.
_EDGES = [
    b"\x00",
    b"\xff",
    b"\xff\xff",
    b"\xff\xff\xff\xff",
    b"\x7f",
    b"\x80",
    b"9" * 40,
    b"1e999",
    b"nan",
    b"\r\n",
    b"\n",
    b"\xed\xa0\x80",
]
TEXT = st.text(max_size=30)
HOSTILE = st.sampled_from(
    ["", ".", "..", "\x00", "\x1b[31m", "\u202e", "=1+1", "é", "e\u0301", "\U000e0041", "a" * 300, "\r\n", "nan", "../x", "C:\\x", "\u2028", "٣", "ﬁ"]
)  # fmt: skip
WORDS = st.one_of(TEXT, HOSTILE)


@cache
def _pool(name: str) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys([*seeds.seeds_of(name), *TARGETS[name].inputs]))


@st.composite
def nearly(draw: st.DrawFn, name: str) -> bytes:
    """A valid or kept input with up to six edits: a byte, a piece doubled, left out, moved, or a word put in."""
    pool = _pool(name)
    content = bytearray(draw(st.sampled_from(pool)))
    words = st.sampled_from([*TARGETS[name].words, *_EDGES])
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 40)))
        match draw(st.integers(0, 5)):
            case 0:
                content[at:end] = draw(st.binary(max_size=8))
            case 1:
                content[at:at] = content[at:end] * draw(st.integers(1, 9))
            case 2:
                del content[at:end]
            case 3:
                content[at:at] = draw(words)
            case 4:
                other = draw(st.sampled_from(pool))
                content[at:] = other[draw(st.integers(0, len(other))) :]
            case _:
                if at < len(content):
                    content[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(content[: TARGETS[name].most_bytes])


@st.composite
def _tensor(draw: st.DrawFn) -> TensorData:
    kind = draw(st.sampled_from(sorted(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = DTYPES[kind]
    for length in shape:
        size *= length
    return TensorData(
        kind,
        shape,
        draw(st.binary(min_size=size, max_size=size)),
        draw(st.sampled_from(["tensor", "parameter", "array"])),
    )


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.floats(), WORDS, st.binary(max_size=20), _tensor(),
        st.builds(Handle, st.integers(0, 2**40), st.sampled_from(["module", "function"]), TEXT),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(TEXT, st.integers(-5, 5)), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip
BODIES = st.dictionaries(TEXT, VALUES, max_size=4)


@st.composite
def _replies(draw: st.DrawFn) -> bytes:
    """A reply's own body in which one field, at any depth, is something else."""
    number = draw(st.integers(0, len(SHAPES) - 1))
    body = json.loads(json.dumps(seeds._REPLIES[SHAPES[number].__name__]))
    part: Any = body
    while isinstance(part, dict | list) and part:
        key = draw(st.sampled_from(sorted(part))) if isinstance(part, dict) else draw(st.integers(0, len(part) - 1))
        if not isinstance(part[key], dict | list) or not part[key] or draw(st.booleans()):
            part[key] = draw(st.one_of(VALUES.filter(lambda value: not _has_tensor(value)), st.binary(max_size=9)))
            break
        part = part[key]
    return bytes([number]) + encode(body)[0]


def _has_tensor(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(map(_has_tensor, value)) if isinstance(value, list | tuple) else isinstance(value, TensorData)


_NAMES = st.one_of(
    st.sampled_from(["a.py", "cnn.ipynb", "work/cnn.ipynb", "WORK/cnn.ipynb", "folder/", "__MACOSX/._a.py", "report.pdf", "a.py/b.py", ".", " ."]),
    WORDS.map(lambda text: text.encode("utf-8", "surrogatepass")[:60]),
)  # fmt: skip
_MEMBERS = st.builds(
    Member, name=_NAMES, content=st.binary(max_size=40), method=st.sampled_from([0, 0, 8, 8, 9, 12]),
    flags=st.sampled_from([0, 0x800, 0x800, 8, 0x808, 1]), mode=st.sampled_from([0, 0o100644, 0o120777, 0o040755, 0o010644]),
    size=st.none() | st.integers(0, 2**20), compressed=st.none() | st.integers(0, 100),
    local_name=st.none() | st.binary(max_size=8), offset=st.none() | st.integers(0, 200),
)  # fmt: skip
_HONEST = st.builds(Member, name=_NAMES, content=st.binary(max_size=40), method=st.sampled_from([0, 8]))
ZIPS = st.builds(
    lambda members, comment, prefix: zip_of(*members, comment=comment, prefix=prefix),
    st.one_of(st.lists(_HONEST, max_size=5), st.lists(_MEMBERS, max_size=4)), st.binary(max_size=10),
    st.sampled_from([b"", b"", b"", b"#!x\n"]),
)  # fmt: skip
_FIRST_LINE = st.sampled_from([b"a2_ada.zip", b"work.ZIP", b" .", b"x.py", b"", b"cnn.ipynb"])


@st.composite
def _forms(draw: st.DrawFn) -> bytes:
    boundary = draw(st.sampled_from(["b0", "a b", "-" * 30]))
    fields = ["file", "answers", "answer:A1", "idempotency_key", "csrf", "other"]
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        head = f'name="{draw(st.sampled_from(fields))}"'
        if draw(st.booleans()):
            head += (
                f'; filename="{draw(WORDS)}"'.replace("\r", "").replace("\n", "").encode("ascii", "replace").decode()
            )
        parts.append((head, draw(st.one_of(st.binary(max_size=30), st.just(b"\r\n--" + boundary.encode())))))
    head = f'multipart/form-data; boundary="{boundary}"\n'.encode() + draw(st.binary(min_size=1, max_size=1))
    return head + seeds.form(*parts, boundary=boundary)


_ATOMS = st.sampled_from(
    ["NF", "N_C", "k", r"\text{num filters}", "3", "1,000", "2.5", ".5", "1e3", "K²", r"N_{F}", "H", "W", "٣", "x"]
)
FORMULAS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", " ", "^", r"\cdot ", "=", "**", " x "]), inner).map("".join),
        inner.map(lambda text: f"({text})"), st.tuples(inner, st.integers(0, 13)).map(lambda two: f"({two[0]})^{two[1]}"),
        st.tuples(inner, inner).map(lambda two: rf"\frac{{{two[0]}}}{{{two[1]}}}"),
    ),
    max_leaves=14,
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | WORDS | FORMULAS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["number", "formula", "shape", "A3", "tensor", "text", "x"]), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
_ANSWERS = st.dictionaries(
    st.sampled_from(["number", "formula", "shape", "A3.tensor", "A3", "text", "x"]), _JSON, max_size=5
)
_ROWS = st.lists(st.lists(WORDS, min_size=2, max_size=6), max_size=6)


def _table(header: list[str], rows: list[list[str]], delimiter: str) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"a{number}@example.edu", *row] for number, row in enumerate(rows))
    return stream.getvalue().encode("utf-8", "replace")


ROSTERS = st.builds(
    _table, st.sampled_from([["email", "name", "role", "team"], ["Email", "First Name", "Last Name", "SID"], ["SIS Login ID", "Student", "Section"]]),
    _ROWS, st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
_LINES = st.one_of(
    st.sampled_from([line for source in seeds._CELLS for line in source.splitlines()]),
    st.sampled_from(["", "#", "%%bash", "!x \\", "'''", '"""', "f(", "]", "\tx = 1", "  y", "@a", "else:", "lambda: (", "\\", "x = %matplotlib", "\x0c", "\u2028"]),
    WORDS,
)  # fmt: skip
SOURCES = st.lists(_LINES, max_size=12).map("\n".join)
_OUTPUTS = st.lists(
    st.dictionaries(st.sampled_from(["output_type", "text", "data", "ename", "evalue"]), _JSON, max_size=3), max_size=2
)
_CELL = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"]), "source": SOURCES | _JSON},
    optional={"outputs": _OUTPUTS | _JSON},
)
NOTEBOOKS = st.builds(
    lambda cells, cut: json.dumps({"cells": cells, "nbformat": 4}).encode()[: -cut or None],
    st.lists(_CELL | _JSON, max_size=4), st.sampled_from([0, 0, 0, 3, 30]),
)  # fmt: skip
_FIELDS = st.sampled_from(
    ["Image", "Env", "Cmd", "Labels", "User", "HostConfig.Memory", "HostConfig.Ulimits", "HostConfig.Tmpfs", "HostConfig.Runtime",
     "HostConfig.SecurityOpt", "HostConfig.DeviceRequests", "HostConfig.Binds", "HostConfig.Privileged", "Healthcheck", "HostConfig.CapDrop"]
)  # fmt: skip
_REQUESTS = st.builds(
    lambda field, value: seeds.request_bytes("POST", "/containers/create?name=grader-0123456789ab", json.dumps(changed(field, value)).encode()),
    _FIELDS, _JSON,
)  # fmt: skip
_NOTES = st.builds(
    lambda word, fields: seeds.note(word, **fields), st.sampled_from(["hello", "result", "plan", "job", "nonsense"]),
    st.dictionaries(
        st.sampled_from(["id", "part", "title", "status", "points", "artifacts", "visibility", "stage", "max_points"]),
        st.one_of(st.none(), st.integers(-(2**63), 2**63), st.floats(), TEXT, st.lists(st.integers(0, 5), max_size=3), st.just("unit")), max_size=9,
    ),
)  # fmt: skip
_MADE: dict[str, st.SearchStrategy[bytes]] = {
    "wire": st.lists(st.tuples(st.sampled_from(list(Kind)), BODIES), max_size=3).map(lambda all_: seeds.frames(*all_)[:50_000]),
    "tensors": st.lists(_tensor(), max_size=4).map(seeds.with_header),
    "replies": _replies(),
    "archive": st.tuples(_FIRST_LINE, ZIPS).map(b"\n".join),
    "multipart": _forms(),
    "formulas": FORMULAS.map(str.encode),
    "arrays": st.one_of(_JSON.map(json.dumps), FORMULAS, WORDS).map(lambda text: text.encode("utf-8", "replace")),
    "answers": _ANSWERS.map(lambda given: json.dumps(given).encode()),
    "packed": st.dictionaries(st.one_of(st.sampled_from(["assignment.toml", "a/b.py", "a", ".hidden", "../x"]), TEXT), st.binary(max_size=20), max_size=4)
    .map(lambda files: seeds.packed_spec({name.encode("utf-8", "replace").decode(): content for name, content in files.items()})),
    "control": st.lists(_NOTES, max_size=3).map(b"".join),
    "proxy": _REQUESTS,
    "text": st.tuples(st.integers(0, 499), WORDS).map(lambda two: two[0].to_bytes(2, "big") + two[1].encode("utf-8", "replace")),
    "roster": ROSTERS,
    "cells": SOURCES.map(lambda text: text.encode("utf-8", "replace")),
    "notebook": NOTEBOOKS,
    "submission": st.one_of(st.tuples(st.just(b"zip work.zip"), ZIPS).map(b"\n".join), NOTEBOOKS.map(lambda content: b"ipynb a.ipynb\n" + content)),
}  # fmt: skip


def inputs_of(name: str) -> st.SearchStrategy[bytes]:
    """Nearly valid inputs of the target of this name."""
    return st.one_of(nearly(name), _MADE[name]) if name in _MADE else nearly(name)
