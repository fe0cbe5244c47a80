"""A submission for people: a live view while it is graded, a score card in the end.

The card looks like that of `grader grade`. A run that is the service's fault has no card: students read that it is
still being graded, staff that it failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from grader.cli.cards import OUTPUT_LINES, SIGNS, console_for
from grader.cli.client.tables import as_mark, as_number, as_score, as_time, as_words
from grader.domain.check import CheckStatus
from grader.kit.text import one_line, plain

_WAITING = ("·", "dim")
_HEADLINES = {
    "waiting": ("Waiting to be graded.", "yellow"),
    "grading": ("Being graded.", "yellow"),
    "rejected": ("Rejected: there is nothing to grade.", "bold red"),
    "failed": ("Failed: this is the service's fault, and no score was given.", "bold red"),
}
_SHOWN_TO = {"after_due": "shown after the due date", "staff": "staff only"}


def submission_card(submission: dict[str, Any]) -> RenderableType:
    """Everything there is to know about a submission object of the API."""
    run = submission.get("run") or {}
    inside: list[RenderableType] = [headline(submission), Text()]
    if message := as_words(run.get("message")):
        inside += [Text(plain(message)), Text()]
    if run.get("state") not in ("rejected", "failed") and run.get("checks"):
        inside += [_checks(run), Text()]
    inside += [Text(f"Note: {plain(as_words(note), limit=400)}", style="dim") for note in run.get("notes") or ()]
    inside.append(Text(_facts(submission), style="dim"))
    title = Text(f" {one_line(as_words(submission.get('file')), limit=80)} ", style="bold")
    return Panel(Group(*inside), title=title, title_align="left", box=box.ROUNDED, padding=(0, 1))


def progress_view(submission: dict[str, Any]) -> RenderableType:
    """A few lines that fit on a terminal however many checks there are: a sign for each, part by part."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for part, checks in _by_part(submission.get("run") or {}):
        table.add_row(Text(_heading(part)), _signs(checks), Text(_points(part)))
    return Group(headline(submission), table)


def check_signs(submission: dict[str, Any]) -> Text:
    """A sign for each check of a submission."""
    return _signs((submission.get("run") or {}).get("checks") or ())


class Watched(Protocol):
    def show(self, submission: dict[str, Any]) -> None: ...


class _Terminal:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, submission: dict[str, Any]) -> None:
        self._live.update(progress_view(submission))


class _Nobody:
    def show(self, submission: dict[str, Any]) -> None: ...


@contextmanager
def watched() -> Iterator[Watched]:
    """A live view on stderr if that is a terminal; it is gone when the block ends."""
    console = console_for(stderr=True)
    if not console.is_terminal:
        yield _Nobody()
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        yield _Terminal(live)


def headline(submission: dict[str, Any]) -> Text:
    """How it stands, on one line."""
    run = submission.get("run") or {}
    state = as_words(submission.get("state"))
    if state == "graded":
        line = Text(f"{as_score(run)} points" if run.get("score") is not None else "Graded.", style="bold")
        if mark := as_mark(run):
            line.append(f"   mark {mark} ({one_line(as_words((run.get('scale') or {}).get('label')))})", "bold cyan")
        if any(check.get("withheld") for check in run.get("checks") or ()):
            line.append("   some results are not shown yet", style="yellow")
        return line
    words, style = _HEADLINES.get(state, (one_line(state), ""))
    return Text(words + _place(submission.get("queue") or {}), style=style)


def _place(queue: dict[str, Any]) -> str:
    if not queue:
        return ""
    ahead, eta_s = queue.get("ahead"), queue.get("eta_s")
    words = "" if ahead is None else f" {ahead} before it in the queue"
    return words + (f", about {as_number(round(float(eta_s)))} s." if eta_s is not None else "." if words else "")


def _by_part(run: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Sequence[dict[str, Any]]]]:
    parts = {part.get("id"): part for part in run.get("parts") or ()}
    for name, checks in groupby(run.get("checks") or (), key=lambda check: check.get("part")):
        yield parts.get(name, {"id": name}), list(checks)


def _checks(run: dict[str, Any]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, expand=True)
    table.add_column(width=1, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for part, checks in _by_part(run):
        table.add_row("", Text(_heading(part), style="bold"), Text(_points(part), style="bold"))
        for check in checks:
            _add_check(table, check)
    return table


def _heading(part: dict[str, Any]) -> str:
    return f"{one_line(as_words(part.get('id')), limit=40)}  {one_line(as_words(part.get('title')), limit=80)}"


def _add_check(table: Table, check: dict[str, Any]) -> None:
    sign, style = _sign(check)
    title = Text(one_line(as_words(check.get("title")), limit=160))
    if words := _SHOWN_TO.get(as_words(check.get("visibility"))):
        title.append(f"  ({words})", style="dim")
    table.add_row(Text(sign, style=style), title, Text(_points(check)))
    if check.get("status") in (None, "passed"):
        return
    if message := as_words(check.get("message")):
        table.add_row("", Padding(Text(plain(message, limit=1200), style=style), (0, 0, 0, 2)), "")
    if output := as_words(check.get("output")):
        lines = plain(output, limit=2000).rstrip().splitlines()
        cut = [*lines[:OUTPUT_LINES], *(["..."] if len(lines) > OUTPUT_LINES else [])]
        table.add_row("", Padding(Text("\n".join(["printed:", *cut]), style="dim"), (0, 0, 0, 2)), "")


def _signs(checks: Iterable[dict[str, Any]]) -> Text:
    signs = Text()
    for check in checks:
        sign, style = _sign(check)
        signs.append(sign, style=style)
    return signs


def _sign(check: dict[str, Any]) -> tuple[str, str]:
    status = check.get("status")
    return SIGNS[CheckStatus(status)] if status in list(CheckStatus) else _WAITING


def _points(item: dict[str, Any]) -> str:
    """Points of a part or check; a dash while there are none to show."""
    possible = item.get("max_points")
    if not possible:
        return ""
    points = item.get("points")
    return f"{'–' if points is None else as_number(points)} / {as_number(possible)}"  # noqa: RUF001


def _facts(submission: dict[str, Any]) -> str:
    run = submission.get("run") or {}
    late = submission.get("late_days")
    words = [
        f"{as_words(submission.get('assignment'))} no. {as_words(submission.get('number'))}",
        f"received {as_time(submission.get('received_at'))}" + (f", {late} days late" if late else ""),
        f"sha256 {as_words(submission.get('sha256'))[:12]}",
        f"spec {as_words(run.get('spec_version'))}",
        as_words(submission.get("id")),
    ]
    return "   ".join(one_line(word, limit=100) for word in words)
