"""Lists for people. Whatever came from the service is shown as text: no markup, no control characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from grader.cli.cards import console_for
from grader.kit.text import one_line

_ID_LENGTH = 36
_STYLES = {"graded": "green", "rejected": "red", "failed": "bold red", "waiting": "yellow", "grading": "yellow"}


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> int:
    """A table on stdout, columns named in `right` aligned to the right; how many rows."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        # An id that is cut or folded cannot be copied.
        whole = _ID_LENGTH if heading == "submission" else None
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold", min_width=whole)
    for row in rows:
        table.add_row(*(as_cell(value) for value in row))
    console_for().print(table)
    return table.row_count


def as_cell(value: Any) -> Text:
    shown = one_line(as_words(value), limit=200)
    return Text(shown, style=_STYLES.get(shown, ""))


def as_words(value: Any) -> str:
    """A value of a JSON object for people; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_time(value: Any) -> str:
    """A time of the API (RFC 3339, UTC) on this machine's clock, to the minute."""
    try:
        return datetime.fromisoformat(str(value)).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return as_words(value)


def as_score(item: dict[str, Any]) -> str:
    """`38.5 / 40`, nothing without a score."""
    score, possible = item.get("score"), item.get("max_score")
    return "" if score is None else f"{as_number(score)} / {as_number(possible)}"


def as_number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else as_words(value)


def as_mark(item: dict[str, Any]) -> str:
    """The value on the course's own scale."""
    scale = item.get("scale") or {}
    return as_number(scale.get("value"))
