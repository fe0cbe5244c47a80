"""A summary of many runs as CSV: one line for each hand-in."""

from __future__ import annotations

from collections.abc import Sequence

from grader.domain.run import RunReport
from grader.formats.cells import Cell, to_text
from grader.kit.text import one_line


def to_csv(reports: Sequence[RunReport], parts: Sequence[str]) -> str:
    """CSV with a header; `parts` are the columns for part totals, in the document's order."""
    fixed = ["file", "status", "score", "max_score", "mark", "mark_label"]
    header = [*fixed, *parts, "message", "sha256", "spec_version", "seconds"]
    return to_text(header, (_row(report, parts) for report in reports))


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
