from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from grader.domain.course import Person
from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import PersonRow, TokenRow
from grader.storage.repositories.people import person_of


class StoredToken(NamedTuple):
    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class Bearer(NamedTuple):
    """Whom a token speaks for; `is_stale` when its last use was noted longer ago than asked for."""

    token_id: int
    person: Person
    scopes: tuple[str, ...]
    is_stale: bool


def add(
    work: Work, person: PersonId, *, name: str, digest: str, scopes: Sequence[str], expires_at: datetime | None
) -> StoredToken:
    values = {
        "person_id": person,
        "name": name,
        "digest": digest,
        "scopes": list(scopes),
        "expires_at": expires_at,
    }
    return _stored(work.session.scalars(insert(TokenRow).returning(TokenRow), [values]).one())


def is_past(work: Work, moment: datetime) -> bool:
    """By the database's clock."""
    return bool(work.session.scalar(select(func.clock_timestamp() >= moment)))


def of_person(work: Work, person: PersonId) -> list[StoredToken]:
    """Those that still work, newest first."""
    query = select(TokenRow).where(TokenRow.person_id == person, *_works()).order_by(TokenRow.id.desc())
    return [_stored(row) for row in work.session.scalars(query)]


def revoke(work: Work, person: PersonId, token_id: int) -> bool:
    """Whether there was such a token to revoke."""
    statement = (
        update(TokenRow)
        .where(TokenRow.id == token_id, TokenRow.person_id == person, TokenRow.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
        .returning(TokenRow.id)
    )
    return work.session.execute(statement).one_or_none() is not None


def bearer(work: Work, digest: str, *, noted_every: timedelta) -> Bearer | None:
    """Whom a working token speaks for; None also when they are disabled."""
    now = func.clock_timestamp()
    is_stale = or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < now - noted_every)
    query = (
        select(TokenRow.id, PersonRow, TokenRow.scopes, is_stale)
        .join(PersonRow, PersonRow.id == TokenRow.person_id)
        .where(TokenRow.digest == digest, PersonRow.disabled_at.is_(None), *_works())
    )
    found = work.session.execute(query).one_or_none()
    return None if found is None else Bearer(found[0], person_of(found[1]), tuple(found[2]), bool(found[3]))


def note_use(work: Work, token_id: int) -> None:
    work.session.execute(
        update(TokenRow).where(TokenRow.id == token_id).values(last_used_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )


def _works() -> tuple[ColumnElement[bool], ...]:
    return (
        TokenRow.revoked_at.is_(None),
        or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > func.clock_timestamp()),
    )


def _stored(row: TokenRow) -> StoredToken:
    return StoredToken(row.id, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.last_used_at)
