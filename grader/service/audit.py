"""Who did what, when: only ever added to."""

from __future__ import annotations

from datetime import UTC

from grader.domain.course import Reader
from grader.domain.errors import NeedsRole
from grader.kit.text import one_line
from grader.storage.database import Work
from grader.storage.repositories import audit

_NOBODY = "the service"


def note(work: Work, reader: Reader | None, action: str, subject: str, detail: str = "") -> None:
    """`action` is a verb with a noun ("rerun submission"), `subject` what it was done to ("submission:<id>")."""
    person = None if reader is None else reader.id
    audit.add(work, person=person, action=action, subject=subject, detail=one_line(detail, limit=2000))


def trail(work: Work, reader: Reader, subject: str) -> list[tuple[str, str, str, str]]:
    """(ISO time, who, action, detail), newest first. Staff only (the caller has checked the course)."""
    if not (reader.person.is_admin or any(role.is_staff for role in reader.roles.values())):
        raise NeedsRole("Only teaching assistants and instructors may read who did what.")
    return [
        (noted.at.astimezone(UTC).isoformat(), noted.email or _NOBODY, noted.action, noted.detail)
        for noted in audit.about(work, subject)
    ]
