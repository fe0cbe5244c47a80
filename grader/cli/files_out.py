"""Writing reports where the command line asked for them: one file, or a folder with one for each hand-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.domain.errors import BadArguments
from grader.domain.run import RunReport
from grader.kit.text import one_line


def refuse_unwritable(path: Path | None, *, folder: bool) -> None:
    """Say so before anything is graded if a report could not be written afterwards.

    Raises:
        BadArguments: the folder it should go to does not exist, or a file stands where a folder is needed.

    """
    if path is None:
        return
    if folder and path.exists() and not path.is_dir():
        raise BadArguments(f"{_shown(path)} is a file; for several hand-ins give a folder.")
    if not path.resolve().parent.is_dir():
        raise BadArguments(f"The folder {_shown(path.resolve().parent)} does not exist; make it first.")


def write_text(path: Path, text: str) -> None:
    """Write one file.

    Raises:
        BadArguments: it cannot be written.

    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_each(
    path: Path, reports: Sequence[RunReport], render: Callable[[RunReport], bytes], *, suffix: str, folder: bool
) -> None:
    """Write each report to `path`, or to files of their own in the folder `path`.

    Raises:
        BadArguments: one cannot be written.

    """
    if not folder and not path.is_dir():
        write_bytes(path, render(reports[0]))
        return
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise BadArguments(f"{_shown(path)} cannot be made: {(error.strerror or '').lower()}.") from error
    for name, report in zip(_names(reports), reports, strict=True):
        write_bytes(path / f"{name}{suffix}", render(report))


def _names(reports: Sequence[RunReport]) -> list[str]:
    """File names that tell the hand-ins apart, on any system."""
    names: list[str] = []
    for report in reports:
        stem = re.sub(r"[^\w.\-]+", "_", Path(report.file).name).strip("._") or "hand-in"
        name, number = stem, 1
        while name.casefold() in (other.casefold() for other in names):
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names


def write_bytes(path: Path, content: bytes) -> None:
    """Write one file. Raises BadArguments if it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise BadArguments(f"{_shown(path)} cannot be written: {(error.strerror or '').lower()}.") from error


def _shown(path: Path) -> str:
    return one_line(str(path))
