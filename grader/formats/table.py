"""A summary of many runs as CSV: one line for each hand-in.

The hazard: names and messages come from students, and a spreadsheet runs a cell that begins like a formula. Text that
does gets an apostrophe in front, which spreadsheets do not show; numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from grader.domain.run import RunReport
from grader.kit.text import one_line

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | float | int | None


def to_csv(reports: Sequence[RunReport], parts: Sequence[str]) -> str:
    """CSV with a header; `parts` are the columns for part totals, in the document's order."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    fixed = ["file", "status", "score", "max_score", "mark", "mark_label"]
    writer.writerow([*fixed, *(_safe(part) for part in parts), "message", "sha256", "spec_version", "seconds"])
    for report in reports:
        writer.writerow([_safe(cell) for cell in _row(report, parts)])
    return stream.getvalue()


def _row(report: RunReport, parts: Sequence[str]) -> list[Cell]:
    totals: dict[str, float] = {}
    for result in report.checks:
        totals[result.part] = totals.get(result.part, 0.0) + result.points
    mark = report.mark
    return [
        report.file, report.status.value, report.score, report.max_score,
        None if mark is None else mark.value, None if mark is None else mark.label,
        *(round(totals[part], 2) if part in totals else None for part in parts),
        one_line(report.message), report.sha256, report.spec_version, round(report.timing.total, 2),
    ]  # fmt: skip


def _safe(cell: Cell) -> Cell:
    """`cell` as no spreadsheet will take for a formula."""
    if not isinstance(cell, str):
        return cell
    # Spreadsheets trim blanks, and some fold wide signs, before they look at the first character.
    head = cell.lstrip(" \u00a0")[:1].translate({0xFF1D: "=", 0xFF0B: "+", 0xFF0D: "-", 0xFF20: "@"})
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) or (head and head in _FORMULA_STARTS) else cell
