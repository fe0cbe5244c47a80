"""From an unpacked file to cells that can be loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from grader.engine.probe.blame import register
from grader.engine.probe.codefile import Cell
from grader.engine.probe.magics import without_magics
from grader.engine.probe.notebook import RawCell, decoded, read_notebook

_ANSWERS = re.compile(r"^\s*(?:```\w*\s*)?#+\s*answers\b", re.IGNORECASE)
# A file beyond this is no code that anybody wrote.
SOURCE_BYTES = 200 * 2**20


@dataclass(slots=True)
class ReadFile:
    """A file's cells, or why there are none. `written` are files that `%%writefile` cells would make."""

    path: str
    place: Path
    shown: str
    cells: list[Cell] = field(default_factory=list)
    is_readable: bool = True
    note: str = ""
    written: dict[str, str] = field(default_factory=dict)


def shown_name(path: str) -> str:
    """A file's own name as the student knows it, also where a zip program forgot to say that it is UTF-8."""
    name = PurePosixPath(path).name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def is_answers(source: str) -> bool:
    """Whether a cell holds answers: its first line says so."""
    return bool(_ANSWERS.match(source))


def read_code(path: str, place: Path, *, alone: bool) -> ReadFile:
    """Read a notebook or a `.py` file. `alone`: messages need not say which notebook a cell is of."""
    read = ReadFile(path, place, shown_name(path))
    try:
        size = place.stat().st_size
        content = place.read_bytes() if size <= SOURCE_BYTES else b""
    except OSError as error:
        read.is_readable, read.note = False, f"The file cannot be read ({error.strerror or error})."
        return read
    if size > SOURCE_BYTES:
        read.is_readable, read.note = False, f"The file is larger than {SOURCE_BYTES // 2**20} MB and was not read."
    elif _is_notebook(path, content):
        _read_notebook(read, content, alone=alone)
    else:
        _read_script(read, content)
    return read


def read_text(name: str, source: str) -> Cell:
    """One cell of Python text under a name of its own."""
    cell = Cell(name, 1, "code", source, source, label=name)
    _make_known(cell, name)
    return cell


def _is_notebook(path: str, content: bytes) -> bool:
    name = path.lower()
    if name.endswith(".py"):
        # A notebook saved under the wrong name is still a notebook.
        return content.lstrip()[:1] == b"{" and b'"cells"' in content and b'"nbformat"' in content
    return name.endswith(".ipynb") or content.lstrip()[:1] == b"{"


def _read_notebook(read: ReadFile, content: bytes, *, alone: bool) -> None:
    notebook = read_notebook(content)
    read.is_readable, read.note = notebook.is_readable, notebook.note
    for raw in notebook.cells:
        cell = Cell(read.path, raw.number, raw.kind, raw.source, outputs=raw.outputs)
        cell.label = f"{read.shown} cell {raw.number}"
        read.cells.append(cell)
        if raw.kind == "code" and not is_answers(raw.source):
            _read_code_cell(read, cell, raw)
            _make_known(cell, f"cell {raw.number}" if alone else cell.label)


def _read_code_cell(read: ReadFile, cell: Cell, raw: RawCell) -> None:
    plain = without_magics(raw.source)
    cell.source = plain.source
    if plain.file is not None:
        read.written[plain.file[0]] = plain.file[1]


def _read_script(read: ReadFile, content: bytes) -> None:
    text, read.note = decoded(content)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Exported notebooks and pasted cells bring their magics along.
    plain = without_magics(text) if re.search(r"^\s*[%!]", text, re.MULTILINE) else None
    cell = Cell(read.path, 1, "code", text, plain.source if plain else text, label=read.shown)
    read.cells.append(cell)
    _make_known(cell, read.shown)


def _make_known(cell: Cell, shown: str) -> None:
    # The student's own lines, not ours: both have the same numbers.
    register(cell.label, cell.written.replace("\r\n", "\n"), shown)
    cell.read()
