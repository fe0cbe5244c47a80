"""Who did what, when: only ever added to."""

from __future__ import annotations

from grader.domain.course import Reader
from grader.storage.database import Work


def note(work: Work, reader: Reader | None, action: str, subject: str, detail: str = "") -> None:
    """`action` is a verb with a noun ("rerun submission"), `subject` what it was done to ("submission:<id>")."""
    raise NotImplementedError


def trail(work: Work, reader: Reader, subject: str) -> list[tuple[str, str, str, str]]:
    """(ISO time, who, action, detail), newest first. Staff only (the caller has checked the course)."""
    raise NotImplementedError
