"""The reading half of the probe. It runs in the sandbox, where a fault costs a student points that they had earned."""

from __future__ import annotations

import ast
import os
import tempfile
import warnings
from pathlib import Path

from grader.engine.probe.answers import find_answers
from grader.engine.probe.archive import unpack
from grader.engine.probe.blocks import parse
from grader.engine.probe.codefile import Cell
from grader.engine.probe.lines import logical_lines
from grader.engine.probe.loading import Loading
from grader.engine.probe.magics import without_magics
from grader.engine.probe.notebook import OUTPUT_CHARACTERS, read_notebook
from grader.engine.wire.values import encode
from tests.fuzz.targets.bounds import within


def cells(content: bytes) -> None:
    """Lines keep their numbers through every repair; what is said to parse can be compiled to a tree with numbers."""
    source = content.decode("utf-8", "surrogatepass" if content[:1] == b"#" else "replace") if _text(content) else ""
    with within(1.0):
        made = without_magics(source)
        height = source.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        assert made.source.count("\n") == height
        for line in logical_lines(made.source):
            assert 0 <= line.first <= line.last <= height
        parsed = parse(made.source)
    for statement in parsed.statements:
        assert 1 <= statement.lineno <= height + 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.unparse(statement)
    for problem in parsed.problems:
        assert problem


def _text(content: bytes) -> bool:
    try:
        content.decode("utf-8", "surrogatepass" if content[:1] == b"#" else "replace")
    except UnicodeDecodeError:
        return False
    return True


def notebook(content: bytes) -> None:
    """A notebook file is cells, or says in a sentence why not; what was read can be sent."""
    with within(1.0):
        read = read_notebook(content)
    assert read.is_readable or read.note
    assert [cell.number for cell in read.cells] == list(range(1, len(read.cells) + 1))
    for cell in read.cells:
        assert len(cell.outputs) <= OUTPUT_CHARACTERS + 10
        without_magics(cell.source)
    encode([[cell.kind, cell.source, cell.outputs] for cell in read.cells[:200]])


def submission(content: bytes) -> None:
    """Name and kind in a line, then an upload: unpacked and read, and nothing of it is run."""
    line, _, body = content.partition(b"\n")
    kind, _, name = line.decode("utf-8", "replace").partition(" ")
    here = Path.cwd()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        loading = Loading(Path(folder) / "in" / "submission", _load(kind, name, body))
        try:
            with within(1.0):
                # What `run` does before anything is executed.
                loading.unpacked = unpack(loading.body, loading.root)
                loading._read()
                loading._order()
        finally:
            os.chdir(here)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["in"]
        assert {path.name for path in (Path(folder) / "in").glob("*")} <= {"submission"}
    assert len(loading.unpacked) == len(loading.body["entries"]) or kind == "zip"
    for read in loading.reads:
        assert read.is_readable or read.note
        encode([read.path, read.shown, read.note, [cell.error for cell in read.cells]])


def _load(kind: str, name: str, body: bytes) -> dict[str, object]:
    paths = [name] if kind != "zip" else [*_names_in(body), name]
    return {
        "name": name, "kind": kind if kind in ("zip", "ipynb", "py") else "py", "archive": body,
        "entries": [{"path": path, "role": "code"} for path in paths],
    }  # fmt: skip


def _names_in(body: bytes) -> list[str]:
    """What might be names: those that stand in the table of contents, whatever else does."""
    found = []
    for piece in body.split(b"PK\x01\x02")[1:30]:
        size = int.from_bytes(piece[24:26], "little")
        found.append(piece[42 : 42 + size].decode("utf-8", "replace"))
    return found


def written(content: bytes) -> None:
    """Answers in a file and in a cell are found or noted, and what was found can be sent."""
    text = content.decode("utf-8", "replace")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder, within(1.0):
        (Path(folder) / "Answers.toml").write_bytes(content)
        cell = Cell("work.ipynb", 1, "markdown", f"# answers\n{text}", label="cell 1")
        found = find_answers(Path(folder), [cell], {"A1": "beside"})
    encode(found)
    assert found["answers"]["A1"] == "beside"
