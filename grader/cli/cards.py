"""Score cards for people: one hand-in in full, several as a table.

Everything a student or their code had a say in goes through `plain` and is shown as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from grader.domain.assignment import Assignment, ManualItem
from grader.domain.check import CheckResult, CheckStatus, Visibility
from grader.domain.run import Mark, RunReport, RunStatus
from grader.domain.score import part_totals
from grader.kit.text import one_line, plain

SIGNS = {
    CheckStatus.PASSED: ("✓", "green"),
    CheckStatus.FAILED: ("✗", "red"),
    CheckStatus.ERROR: ("!", "magenta"),
    CheckStatus.TIMEOUT: ("⧗", "yellow"),
    CheckStatus.SKIPPED: ("-", "dim"),
}
_SHOWN_TO = {Visibility.AFTER_DUE: "shown after the due date", Visibility.STAFF: "staff only"}
# Wide enough for a sentence, where no terminal says how wide it is.
_PLAIN_WIDTH = 110
OUTPUT_LINES = 8


def console_for(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def score_card(report: RunReport, assignment: Assignment) -> RenderableType:
    """One hand-in: marks, every check by part, what a person has to read, notes and times."""
    inside: list[RenderableType] = [_headline(report), Text()]
    if report.message:
        inside += [Text(plain(report.message)), Text()]
    if report.status is RunStatus.GRADED:
        inside += [_checks(report, assignment), Text()]
        inside += _for_a_person(assignment)
    inside += [Text(f"Note: {plain(note, limit=400)}", style="dim") for note in report.notes]
    inside.append(Text(_times(report), style="dim"))
    title = Text(f" {one_line(report.file, limit=80)} ", style="bold")
    return Panel(Group(*inside), title=title, title_align="left", box=box.ROUNDED, padding=(0, 1))


def summary(reports: Sequence[RunReport], assignment: Assignment) -> RenderableType:
    """Several hand-ins, a line each, with the totals of the parts."""
    shared = _shared_folder([report.file for report in reports])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("hand-in", overflow="fold")
    for heading in ("score", "mark", *(part.id for part in assignment.part if part.points)):
        table.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        totals = part_totals(assignment, report.checks)
        graded = report.status is RunStatus.GRADED
        table.add_row(
            Text(one_line(report.file.removeprefix(shared), limit=120)),
            _score(report) if graded else Text(report.status.value, style="red"),
            f"{report.mark.value:g}" if report.mark else "",
            *(f"{totals[part.id][0]:g}" if graded else "" for part in assignment.part if part.points),
        )
    reasons = [
        Text(f"{one_line(report.file.removeprefix(shared), limit=120)}: {one_line(report.message)}", style="red")
        for report in reports
        if report.status is not RunStatus.GRADED
    ]
    return Group(table, *reasons)


def _shared_folder(labels: Sequence[str]) -> str:
    folders = {label.rpartition("/")[0] for label in labels}
    return f"{folders.pop()}/" if len(folders) == 1 and folders != {""} else ""


def _headline(report: RunReport) -> Text:
    if report.status is RunStatus.GRADED:
        line = Text(f"{_score(report)} points", style="bold")
        if report.mark is not None:
            line.append(f"   mark {_mark(report.mark)}", style="bold cyan")
        left_out = [result for result in report.checks if _counts_but_was_left_out(result)]
        if left_out:
            what = "check was" if len(left_out) == 1 else "checks were"
            line.append(f"   not final: {len(left_out)} {what} left out", style="yellow")
        return line
    words = {
        RunStatus.REJECTED: "Rejected: there is nothing to grade.",
        RunStatus.FAILED: "Failed: this is the grader's fault, and no score was given.",
    }
    return Text(words[report.status], style="bold red")


def _counts_but_was_left_out(result: CheckResult) -> bool:
    return result.status is CheckStatus.SKIPPED and result.max_points > 0


def _score(report: RunReport) -> str:
    return "" if report.score is None else f"{report.score:g} / {report.max_score:g}"


def _mark(mark: Mark) -> str:
    return f"{mark.value:g} ({mark.label})"


def _checks(report: RunReport, assignment: Assignment) -> RenderableType:
    titles = {part.id: part.title for part in assignment.part}
    totals = part_totals(assignment, report.checks)
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(width=1, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for part, grouped in groupby(report.checks, key=lambda result: result.part):
        results = list(grouped)
        points, possible = totals.get(part, (0.0, 0.0))
        heading = Text(f"{part}  {titles.get(part, '')}", style="bold")
        if all(_counts_but_was_left_out(result) for result in results):
            table.add_row("", heading.append("  left out", style="dim"), "")
            continue
        table.add_row("", heading, Text(f"{points:g} / {possible:g}", style="bold"))
        for result in results:
            _add_check(table, result)
    return table


def _add_check(table: Table, result: CheckResult) -> None:
    sign, style = SIGNS[result.status]
    title = Text(one_line(result.title, limit=160))
    if result.visibility in _SHOWN_TO:
        title.append(f"  ({_SHOWN_TO[result.visibility]})", style="dim")
    points = f"{result.points:g} / {result.max_points:g}" if result.max_points else ""
    table.add_row(Text(sign, style=style), title, Text(points))
    if result.message and result.status is not CheckStatus.PASSED:
        table.add_row("", Padding(Text(plain(result.message, limit=1200), style=style), (0, 0, 0, 2)), "")
    if result.output and result.status is not CheckStatus.PASSED:
        lines = plain(result.output, limit=2000).rstrip().splitlines()
        cut = [*lines[:OUTPUT_LINES], *(["..."] if len(lines) > OUTPUT_LINES else [])]
        table.add_row("", Padding(Text("\n".join(["printed:", *cut]), style="dim"), (0, 0, 0, 2)), "")


def _for_a_person(assignment: Assignment) -> list[RenderableType]:
    items = [item for part in assignment.part for item in part.manual]
    if not items:
        return []
    lines = [Text("For a person to read (no automatic points):", style="bold")]
    lines += [Text(f"  ☐ {item.id}  {item.title}{_worth(item)}") for item in items]
    return [*lines, Text()]


def _worth(item: ManualItem) -> str:
    """What a person may give for it; nothing where the document gives no points."""
    return f" ({item.points:g} {'point' if item.points == 1 else 'points'})" if item.points else ""


def _times(report: RunReport) -> str:
    timing = report.timing
    stages = f"sandbox {timing.sandbox:.2f}, loading {timing.load:.2f}, checks {timing.checks:.2f}"
    digest = f"sha256 {report.sha256[:12]}   " if report.sha256 else ""
    return f"{timing.total:.2f} s ({stages})   {digest}spec {report.spec_version}"
