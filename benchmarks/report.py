"""Tables that replace themselves: a command's figures stand in a page between two markers, and nothing else there changes.

<!-- figures: latency -->
...
<!-- end of figures: latency -->
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A table as a command measured it. `name` is the markers', `about` stands above it, `notes` below."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""
    notes: Sequence[str] = field(default=())


def as_markdown(figures: Figures) -> str:
    """The table with what stands above and below it.

    Raises:
        ValueError: a row has not as many cells as there are columns.

    """
    for row in figures.rows:
        if len(row) != len(figures.columns):
            raise ValueError(f"A row of {figures.name} has {len(row)} cells for {len(figures.columns)} columns: {row}.")
    lines = [_line(figures.columns), _line(["---"] * len(figures.columns)), *map(_line, figures.rows)]
    return "\n\n".join(part for part in (figures.about, "\n".join(lines), *figures.notes) if part)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def markers(name: str) -> tuple[str, str]:
    """The lines between which a table of this name stands."""
    return f"<!-- figures: {name} -->", f"<!-- end of figures: {name} -->"


def replaced(page: str, figures: Figures) -> str:
    """The page with this table in the place of the old one.

    Raises:
        ValueError: the page has not exactly one place for it.

    """
    first, last = markers(figures.name)
    if page.count(first) != 1 or page.count(last) != 1 or page.index(first) > page.index(last):
        raise ValueError(f"The page needs one line {first} and, after it, one line {last}.")
    before, _, rest = page.partition(first)
    return f"{before}{first}\n\n{as_markdown(figures)}\n\n{last}{rest.partition(last)[2]}"


def publish(path: Path, tables: Iterable[Figures]) -> None:
    """Replace tables in a page on disk: all of them or, if one has no place there, none.

    Raises:
        SystemExit: the page cannot be read, or has no place for one of them.

    """
    try:
        page = path.read_text(encoding="utf-8")
        for figures in tables:
            page = replaced(page, figures)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} was left as it is: {error}") from error
    path.write_text(page, encoding="utf-8")


def names_in(page: str) -> list[str]:
    """Which tables a page has a place for, in order."""
    return re.findall(r"<!-- figures: (.+?) -->", page)


def machine() -> str:
    """The machine and how busy it is at this moment, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.machine()}, Linux {platform.release().split('-')[0]}, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def ratio(value: float, base: float) -> str:
    """How many times `base`, in as many digits as mean something."""
    if not base:
        return "-"
    times = value / base
    return f"{times:.0f}" if times >= 20 else f"{times:.1f}" if times >= 2 else f"{times:.2f}"
