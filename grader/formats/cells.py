"""A cell of a CSV file.

The hazard: names and messages come from students, and a spreadsheet runs a cell that begins like a formula. Text that
does gets an apostrophe in front, which spreadsheets do not show; numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | float | int | None


def safe(cell: Cell) -> Cell:
    """`cell` as no spreadsheet will take for a formula."""
    if not isinstance(cell, str):
        return cell
    # Spreadsheets trim blanks before they look at the first character, and some fold wide and small signs.
    head = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) or (head and head in _FORMULA_STARTS) else cell


def to_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV as RFC 4180 has it: commas, quotes where needed, lines that end in CR LF; every cell is safe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([safe(name) for name in header])
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return stream.getvalue()
