from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select

from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import AuditEventRow, PersonRow


class Noted(NamedTuple):
    """`email` is None for what nobody asked for: the service itself, or its command line on the server."""

    at: datetime
    email: str | None
    action: str
    detail: str


def add(work: Work, *, person: PersonId | None, action: str, subject: str, detail: str) -> None:
    values = {"person_id": person, "action": action, "subject": subject, "detail": detail}
    work.session.execute(insert(AuditEventRow).values(values))


def about(work: Work, subject: str) -> list[Noted]:
    """Newest first."""
    query = (
        select(AuditEventRow.at, PersonRow.email, AuditEventRow.action, AuditEventRow.detail)
        .outerjoin(PersonRow, PersonRow.id == AuditEventRow.person_id)
        .where(AuditEventRow.subject == subject)
        .order_by(AuditEventRow.at.desc(), AuditEventRow.id.desc())
    )
    return [Noted(*row) for row in work.session.execute(query)]
