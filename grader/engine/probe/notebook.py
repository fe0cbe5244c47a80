"""Notebook files of any age and state as a list of cells. Reading never fails: what cannot be read says so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# What a cell showed is kept up to this many characters; the megabytes of pictures are let go at once.
OUTPUT_CHARACTERS = 20_000
CELLS = 5_000
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class RawCell:
    """One cell: its number in the file counted from 1, `code` or `markdown`, its source, the text it shows."""

    number: int
    kind: str
    source: str
    outputs: str = ""


@dataclass(slots=True)
class Notebook:
    """What a notebook file holds; `is_readable` is false when it is no notebook at all."""

    cells: list[RawCell] = field(default_factory=list)
    is_readable: bool = True
    note: str = ""


def decoded(content: bytes) -> tuple[str, str]:
    """Text in whatever encoding it came, and a note where the encoding had to be guessed."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace"), ""
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return content.decode("latin-1"), "The file is not UTF-8; it was read as Latin-1, so accents may be wrong."


def read_notebook(content: bytes) -> Notebook:
    """The cells of an `.ipynb` file of format 2, 3 or 4."""
    cells, note = cells_in(content)
    if cells is None:
        return Notebook(is_readable=False, note=note)
    return Notebook([_cell(number, cell) for number, cell in enumerate(cells, 1)], True, note)


def cells_in(content: bytes) -> tuple[list[Any] | None, str]:
    """The cells of an `.ipynb` file as JSON has them, at most CELLS; None for no notebook. And what is to be said."""
    text, note = decoded(content)
    if not text.strip():
        return None, "The notebook file is empty (0 cells); save it and hand it in again."
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _damaged(text)
    cells = _cells_of(document)
    if cells is None:
        return None, "The file is JSON but holds no notebook cells; is it the right file?"
    if len(cells) > CELLS:
        note = f"{note} Only the first {CELLS} of {len(cells)} cells were read.".strip()
    return cells[:CELLS], note


def _damaged(text: str) -> tuple[list[Any] | None, str]:
    """A notebook that was cut off: the cells before the cut, read one by one."""
    start = re.search(r'"cells"\s*:\s*\[', text)
    cells: list[Any] = []
    if start and text.lstrip().startswith("{"):
        decoder = json.JSONDecoder(strict=False)
        at = start.end()
        while len(cells) < CELLS:
            while at < len(text) and text[at] in " \t\r\n,":
                at += 1
            try:
                cell, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                break
            cells.append(cell)
    if not cells:
        return None, "The file is not a notebook: its text is not JSON. Download it again as .ipynb and hand that in."
    return cells, (
        f"The notebook file is damaged; only its first {len(cells)} cells could be read. Hand in the whole file."
    )


def _cells_of(document: Any) -> list[Any] | None:
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("cells"), list):
        return list(document["cells"])
    sheets = document.get("worksheets")
    if isinstance(sheets, list):
        return [
            cell
            for sheet in sheets
            if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
    return [] if document.get("cells", 0) is None else None


def _cell(number: int, cell: Any) -> RawCell:
    if not isinstance(cell, dict):
        return RawCell(number, "markdown", "")
    kind = "code" if cell.get("cell_type") == "code" else "markdown"
    return RawCell(number, kind, source_of(cell), _shown(cell.get("outputs")) if kind == "code" else "")


def source_of(cell: dict[str, Any]) -> str:
    return joined(cell["source"] if "source" in cell else cell.get("input"))


def joined(source: Any) -> str:
    """Text as notebooks write it: whole, or as a list of lines."""
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _shown(outputs: Any) -> str:
    """The text of a cell's outputs: streams, results and stored errors, capped."""
    if not isinstance(outputs, list):
        return ""
    parts: list[str] = []
    room = OUTPUT_CHARACTERS
    for output in outputs:
        text = _text_of(output) if isinstance(output, dict) else ""
        parts.append(text[:room])
        room -= len(parts[-1])
        if room <= 0:
            parts.append("\n[...]")
            break
    return "".join(parts)


def _text_of(output: dict[str, Any]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}\n"
    data = output.get("data")
    found = data.get("text/plain") if isinstance(data, dict) else output.get("text")
    return ANSI.sub("", joined(found)[: 2 * OUTPUT_CHARACTERS])
