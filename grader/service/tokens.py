"""API tokens: shown once, kept as a digest, limited by scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Reader, Scope
from grader.domain.ids import PersonId
from grader.storage.database import Work

PREFIX = "grd_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """`secret` starts with "grd_" and is never shown again."""

    token: Token
    secret: str


def issue(
    work: Work, person: PersonId, *, name: str, scopes: frozenset[Scope], expires_at: datetime | None
) -> NewToken:
    raise NotImplementedError


def list_tokens(work: Work, person: PersonId) -> list[Token]:
    """The person's tokens that still work, newest first."""
    raise NotImplementedError


def revoke(work: Work, person: PersonId, token_id: int) -> None:
    """Raises UnknownThing when it is not this person's."""
    raise NotImplementedError


def reader_of(work: Work, secret: str) -> Reader | None:
    """Who the token speaks for; None when it is unknown, revoked, expired, or its person disabled."""
    raise NotImplementedError
