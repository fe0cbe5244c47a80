"""Valid inputs of every target, made by our own encoders: what Hypothesis and atheris change."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack

from grader.engine.harness.control import LENGTH
from grader.engine.proxy.messages import request_bytes
from grader.engine.wire.frames import FramePipe
from grader.engine.wire.messages import Kind, send
from grader.engine.wire.values import Handle, TensorData, encode
from grader.specs.digest import version_of
from tests.engine.proxy.described import body as described
from tests.fuzz.targets.sandbox import SHAPES

ROOT = Path(__file__).parents[2]
_TENSOR = TensorData("float32", (2, 3), bytes(24))
_BODY: dict[str, Any] = {
    "value": [1, -(2**70), 2.5, None, True, "text", b"bytes", (1, (2,)), _TENSOR, Handle(7, "module", "Net")],
    "more": {"a": TensorData("bool", (0, 2), b""), "b": TensorData("int64", (), bytes(8), "array"), 3: float("nan")},
    "output": "printed\n",
}
_FACTS = {"shape": [3, 4], "dtype": "torch.float32", "requires_grad": True}
_MODULE = {"name": "a", "type": "Net", "bases": ["Net", "Module"], "hyper": {"k": 3}, "training": False,
           "parameters": {"w": _FACTS}, "buffers": {}}  # fmt: skip
_OPERATION = {"op": "aten.cat", "module": "a", "module_type": "Net", "inputs": [[1, [2, 3]]], "outputs": [[2, [2]]]}
_RAISED = {"type": "ValueError", "message": "no", "where": "line 3"}
_RECORD = {"target": "torch.optim.Adam", "args": [1], "kwargs": {"lr": 0.1}}
_REPLIES: dict[str, dict[str, Any]] = {
    "Description": {"type": "Net", "bases": ["Net"], "modules": [_MODULE], "parameters": {"w": _FACTS}},
    "ParameterFacts": _FACTS, "ModuleFacts": _MODULE, "Operation": _OPERATION, "Raised": _RAISED, "Record": _RECORD,
    "TraceReply": {"operations": [_OPERATION], "low": [_OPERATION], "arguments": [1, 2], "value": 1},
    "LoadReport": {
        "files": [{"path": "a.ipynb", "status": "loaded", "note": "fine"}],
        "names": {"Net": {"kind": "class", "versions": [1, None], "file": "a.ipynb"}},
        "cells": [{"index": 1, "kind": "code", "status": "loaded", "defines": ["Net"], "calls": [], "error": ""}],
        "missing_imports": ["tensorflow"], "notes": ["a note"],
    },
    "ReplayReply": {"records": [_RECORD], "stopped_at": None, "raised": _RAISED, "value": None, "names": {"x": 1}},
    "MatchReply": {"members": [{"name": "w", "shape": [3]}, {"name": None}]},
    "ScriptReply": {"exit_code": 0, "records": [_RECORD], "stdout": "done", "files": [["out.txt", 12]]},
    "Document": {"kind": "pdf", "readable": True, "pages": 2, "encrypted": False, "text": "words", "note": ""},
    "AnswersReply": {"answers": {"A1": 3}, "source": "answers.toml", "notes": []},
    "Cell": {"source": "x = 1", "outputs": "1"},
    "FitReply": {"steps": 3, "losses": [[1, 0.5]], "seconds": 1.5, "stopped": None, "diverged_at": None, "device": "cpu"},
    "CellFacts": {"index": 3, "file": "a", "defines": ["x"]}, "FileFacts": {"path": "a", "status": "loaded"},
    "NameFacts": {"kind": "class"}, "Member": {"name": "w"}, "MadeFile": {"path": "a", "size": 3}, "Reply": {},
}  # fmt: skip


def seeds_of(name: str) -> list[bytes]:
    """What the target of this name begins with."""
    return _SEEDS[name]()


def frames(*messages: tuple[Kind, dict[str, Any]]) -> bytes:
    """The bytes that a sandbox would send."""
    read_fd, write_fd = os.pipe()
    pipe = FramePipe(os.open(os.devnull, os.O_RDONLY), write_fd)
    for serial, (kind, body) in enumerate(messages, 1):
        send(pipe, kind, serial, body)
    pipe.close()
    with os.fdopen(read_fd, "rb") as stream:
        return stream.read()


def _wire() -> list[bytes]:
    return [
        frames((Kind.OK, _BODY)),
        frames((Kind.READY, {"protocol": 1, "torch": "2.9", "device": "cpu"}), (Kind.RAISED, _RAISED)),
        frames((Kind.EVENT, {"step": 1, "loss": 0.5, "predictions": _TENSOR}), (Kind.OK, {"value": ()})),
    ]


def with_header(value: Any) -> bytes:
    """As the target `tensors` reads it."""
    header, buffers = encode(value)
    size = -(-len(header) // 8)
    return bytes([size]) + header.ljust(8 * size, b"\xc1") + b"".join(buffers)


def _tensors() -> list[bytes]:
    kinds = ("float32", "bool", "int16", "complex64", "bfloat16", "uint8", "float16", "int64")
    sizes = {"float32": 4, "bool": 1, "int16": 2, "complex64": 8, "bfloat16": 2, "uint8": 1, "float16": 2, "int64": 8}
    made = [with_header(TensorData(kind, (2, 3), bytes(range(6 * sizes[kind])))) for kind in kinds]
    return [*made, with_header([TensorData("float32", (0, 4), b""), TensorData("int8", (), b"\x05")])]


def _replies() -> list[bytes]:
    return [
        bytes([number]) + encode(_REPLIES[shape.__name__])[0]
        for number, shape in enumerate(SHAPES)
    ]  # fmt: skip


def zipped(files: dict[str, bytes], comment: bytes = b"", *, packed: bool = True, mode: int = 0) -> bytes:
    """A zip file as Python makes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        archive.comment = comment
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, content, compress_type=archive.compression)
    return stream.getvalue()


def _archives() -> list[bytes]:
    streamed = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            return streamed.write(content)

    with zipfile.ZipFile(Pipe(), "w") as archive:
        archive.writestr("a.py", "x = 1")
    return [
        zipped({"work/cnn.ipynb": b"{}", "work/report.pdf": b"%PDF-1.4", "__MACOSX/._cnn.ipynb": b"x"}),
        zipped({"a.py": b"x = 1"}, packed=False, mode=0o100644),
        zipped({"folder/": b"", "folder/ödev.py": b"y"}, b"a comment"),
        streamed.getvalue(),
    ]


def _archive() -> list[bytes]:
    return [
        *(b"a2_ada.zip\n" + one for one in _archives()),
        b"cnn.ipynb\n" + b'{"cells": []}', b" .\n" + b'{"cells": []}', b"model.py.txt\nprint(1)\n",
    ]  # fmt: skip


def form(*parts: tuple[str, bytes], boundary: str = "b0") -> bytes:
    """The body of a multipart form; each part is the rest of its Content-Disposition and its bytes."""
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{boundary}--\r\n".encode()


def _multipart() -> list[bytes]:
    head = b"multipart/form-data; boundary=b0\n\x05"
    file = ('name="file"; filename="a.py"\r\nContent-Type: text/x-python', b"x = 1\r\n--b")
    return [
        head + form(file),
        head + form(('name="idempotency_key"', b"once"), ('name="answer:A1"', b"3"), file),
        head
        + form(
            ('name="answers"; filename="answers.toml"', b"A1 = 3"), ("name=\"file\"; filename*=UTF-8''%c3%b6.py", b"")
        ),
        b'multipart/form-data; boundary="a b"\n\x02' + form(file, boundary="a b"),
    ]


def _formulas() -> list[bytes]:
    texts = (
        "9*NF*NC + 2*NF^2", r"\frac{1}{2}(K+1)^2 \cdot N_{F}", "weights = 3 K² NIC = 3·K^2·NIC", "1,234.5e3 - .5", "(K+H+W+NF+NC)^4",
        "kNFNC(k+1)", r"\text{num filters} \times 3{,}000 ÷ 4", "12 345", "[(2^{3})-{K}]**2", "−3K + x",
    )  # fmt: skip
    return [text.encode() for text in texts]


def _arrays() -> list[bytes]:
    texts = (
        "3x32x32", "(N, 64, 16, 16)", "torch.Size([3, 4])", "tensor([[1., 0.], [x, 2.5]], dtype=torch.float32)",
        "1 0 x\n-1/2 3e2 4", "[[1, 0], [2, 3]]", '[["1 2", "3 4"], [1, 2]]', "[1, [2, null]]", "batch × 3 \\times 4",
    )  # fmt: skip
    return [text.encode() for text in texts]


def _answers() -> list[bytes]:
    texts = (
        '{"number": "12 345", "formula": "9*NF*K^2", "A3": {"tensor": [[1, 0], ["x", 2]]}, "shape": "3x4", "text": "words"}',
        'number = 12\nformula = "K+1"\n\n[A3]\ntensor = [[1, 0.5], ["x 2", "3 4"]]\n', '"A3.tensor" = """\n1 2\n3 4"""\n',
        "shape = [3, 4]\r\ntext = 'a'\r\n", "a.b.c.d = 1\n", '{"number": 1e400, "text": "\\ud800"}',
    )  # fmt: skip
    return [text.encode() for text in texts]


def _questions() -> list[bytes]:
    made = """
[[question]]
id = "A3.weights"
kind = "formula"
title = "How many"
variables = { S = ["stride"] }
given = { K = 3 }
accept = ["9*NF", { answer = "9*NF+1", convention = "with bias" }]
at = [{ NF = 2 }]

[[question]]
id = "A4"
kind = "number"
accept = [3, "2^5"]
tolerance = 0.01
hint = "count"

[[question]]
id = "A5"
kind = "shape"
accept = ["3x32x32"]
"""
    texts = (made, '[[question]]\nid = "a"\nkind = "tensor"\naccept = [[[1, 0], [0, 1]]]\n',
             '[[question]]\nid = "b"\nkind = "text"\naccept = { first = "yes|no" }\n',
             '[[question]]\nid = "c"\nkind = "formula"\ngiven = { K = inf }\naccept = ["K"]\n',
             '[[question]]\nid = "d"\nkind = "text"\naccept = ["a{99999999999}"]\n', "question = 3\n",
             f"[[question]]\nid = {'9' * 5000}\n")  # fmt: skip
    return [text.encode() for text in texts]


TINY = """schema_version = 1
slug = "cse1"
title = "Tiny"
course = "A course"
due_at = 2027-01-01T00:00:00Z
team_size = [1, 2]
queue = "cpu"
names = ["Net"]

[files]
archive = "a2_[a-z]+\\\\.zip"
archive_example = "a2_ada.zip"

[[files.file]]
name = "code"
pattern = "cnn\\\\.ipynb"
role = "code"
example = "cnn.ipynb"
essential = true

[limits]
entries = 20
ratio = 100.0

[late]
extension_days_per_term = 2

[[scale.step]]
share = 0.0
value = 0.0
label = "nothing"

[[part]]
id = "A"
title = "Part A"
points = 2.5
checks = 3

[[part.manual]]
id = "A.m"
title = "Read it"

[threshold.loss]
metric = "loss"
value = 0.5
direction = "below"
reference_mean = 0.3
reference_spread = 0.01
seeds = 3
"""


def _odd_assignments() -> list[bytes]:
    changes = (
        ("points = 2.5", "points = nan"), ("value = 0.5", "value = inf"), ("cnn\\\\.ipynb", "a{99999999999}"),
        ("T00:00:00Z", "T00:00:00"), ("entries = 20", f"entries = {'9' * 5000}"), ("ratio = 100.0", "ratio = -inf"),
        ("entries = 20", "entries = -1"), ("[1, 2]", "[2, 1]"), ('title = "Tiny"', 'title = "\\u0000"'),
    )  # fmt: skip
    return [TINY.replace(before, after).encode() for before, after in changes]


def packed_spec(files: dict[str, bytes], slug: str = "cse1") -> bytes:
    """A packed spec of these files."""
    named = {f"{slug}/{path}": content for path, content in sorted(files.items())}
    return zipped(named, b"grader-spec 1 " + version_of(files.items()).encode(), mode=0o100644)


def _packed() -> list[bytes]:
    small = b'schema_version = 1\nslug = "cse1"\ntitle = "T"\ncourse = "C"\npart = []\n[files]\n[scale]\nstep = []\n'
    return [
        packed_spec({"assignment.toml": small}),
        packed_spec({"assignment.toml": small, "questions.toml": b"", "starter/a.py": b"x = 1\n"}),
    ]


def note(word: str, **fields: Any) -> bytes:
    """One note of the control socket."""
    packed: bytes = msgpack.packb({"word": word, "fields": fields}, use_bin_type=True)
    return LENGTH.pack(len(packed)) + packed


def _control() -> list[bytes]:
    plain = {"id": "A.one", "part": "A", "title": "One", "max_points": 2.0, "visibility": "always", "stage": "unit"}
    picture = {"name": "p", "kind": "picture", "title": "P", "content": b"\x89PNG"}
    result = plain | {
        "status": "passed",
        "points": 2.0,
        "message": "",
        "seconds": 0.1,
        "output": "",
        "artifacts": [picture],
    }
    return [
        note("hello"),
        note("started", **plain) + note("result", **result) + note("done"),
        note("problem", message="no"),
    ]


def _proxy() -> list[bytes]:
    body = json.dumps(described()).encode()
    name = "a" * 64
    return [
        request_bytes("POST", "/v1.41/containers/create?name=grader-0123456789ab", body),
        request_bytes("GET", "/v1.43/containers/json?all=1&filters=%7B%7D"),
        request_bytes("POST", f"/containers/{name}/attach?stdin=1&stdout=1&stderr=1&stream=1", upgrade=True),
        request_bytes("DELETE", f"/containers/{name}?v=True&link=False&force=True"),
        request_bytes("GET", "/images/grader-sandbox:1/json"),
    ]


def _text() -> list[bytes]:
    given = (
        "plain words",
        "\x1b[31mred\x1b[0m \u202egnp.exe",
        "a\r\nb\rc\u2028d",
        "zero\x00\u061c\ufeff width\u200b",
        "é\u0301" * 40,
    )
    return [b"\x00\x50" + one.encode() for one in given] + [b"\x00\x09\xed\xa0\x80lone"]


def _roster() -> list[bytes]:
    texts = (
        "email,name,role\nada@example.edu,Ada,student\nbob@example.edu,Bob,ta\n",
        "First Name;Last Name;SID;Email\nAda;Lovelace;1;ada@example.edu\n",
        '\ufeffStudent,ID,SIS User ID,SIS Login ID,Section\n"Lovelace, Ada",1,2,ada@example.edu,"a ""b"""\n    Points Possible,,,,\n',
        "=1+1\x00 @x\x00\uff1dy\x00-3\x00\ufe66z\x00\u3000=1",
    )
    return [text.encode() for text in texts]


def _blobs() -> list[bytes]:
    texts = (
        "/var/lib/blobs", "file:///var/lib/blobs", "s3://bucket/prefix", "memory://a", "local:///a", "s3://key:secret@b/p?x=1",
        "nosuch://x", "simplecache::file:///a", "data:text/plain,abc", "dir::memory://a", "filecache://", "blockcache::s3://b",
    )  # fmt: skip
    return [text.encode() for text in texts]


_CELLS = (
    "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x\n\n    def broken(self:\n        pass\n",
    "%%time\n!pip install x\nprint 'old', 3\nfiles = !ls\nif True: !ls\n", "%%writefile a.py\nx = 1\n", "def f():\n    # nothing\n",
    "try:\n    pass\nexcept ValueError, e:\n    raise E, 'x'\n", "x = (1,\ny = 2\n@a\ndef g(): pass\n", '"""open\ntext\n', "%run -i a/b.py\nx?\n",
    "    indented = 1\n    more = 2\n", "for x in y:\n\tprint x,\n        print y\n", "a = f'{x!r}' \\\n  % (1, 2)\n",
)  # fmt: skip


def _cells() -> list[bytes]:
    return [source.encode() for source in _CELLS]


def notebook_of(*sources: str) -> bytes:
    """A notebook of format 4."""
    outputs = [
        {"output_type": "stream", "text": ["a\n", "b"]}, {"output_type": "error", "ename": "E", "evalue": "v"},
        {"output_type": "display_data", "data": {"text/plain": ["<Figure>"], "image/png": "aGk="}},
    ]  # fmt: skip
    cells = [
        {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": outputs} for source in sources
    ]
    return json.dumps({"cells": [*cells, {"cell_type": "markdown", "source": "# answers"}], "nbformat": 4}).encode()


def _notebook() -> list[bytes]:
    old = {
        "worksheets": [
            {"cells": [{"cell_type": "code", "input": "x = 1", "outputs": [{"output_type": "pyout", "text": "1"}]}]}
        ]
    }
    return [
        notebook_of("x = 1\n"), notebook_of(*_CELLS[1:3]), json.dumps(old).encode(), notebook_of("y = 2")[:-40],
        '{"cells": null}'.encode("utf-16"), b'\xef\xbb\xbf{"cells": [{"cell_type": "code", "source": "\\ud800"}]}',
    ]  # fmt: skip


def _submission() -> list[bytes]:
    return [
        *(b"zip work.zip\n" + one for one in _archives()),
        b"ipynb cnn.ipynb\n" + notebook_of("%%writefile a.py\nx = 1\n"), b"py model.py\n!ls\nx = 1\n",
        b"zip a.zip\n" + zipped({"a.ipynb": notebook_of("x = 1")}),
    ]  # fmt: skip


def _written() -> list[bytes]:
    texts = (
        'A1 = "9*NF"\n[A3]\nweights = 3\ndate = 2026-01-01\n', 'A1 = "open\nA2: 3x32x32\n[A3]\nx = 9 NF\n- `A4` = yes\n',
        'A = [1, [2, "x"]]\nb.c = { d = 1.5, e = inf }\n', "[[a]]\nb = 1\n", f"A2 = {'9' * 1500}\n", f"A2 = {'9' * 5000}\n",
    )  # fmt: skip
    return [text.encode() for text in texts]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "wire": _wire, "tensors": _tensors, "replies": _replies, "archive": _archive, "multipart": _multipart,
    "formulas": _formulas, "arrays": _arrays, "answers": _answers, "questions": _questions,
    "assignment": lambda: [TINY.encode(), *_odd_assignments(), *(path.read_bytes() for path in sorted((ROOT / "test_specs").glob("c*/assignment.toml"))[:1])],
    "packed": _packed, "control": _control, "proxy": _proxy, "text": _text, "roster": _roster, "blobs": _blobs,
    "cells": _cells, "notebook": _notebook, "submission": _submission, "written": _written,
}  # fmt: skip


def digest(content: bytes) -> str:
    """The name of an input in a corpus."""
    return hashlib.sha256(content).hexdigest()[:12]
