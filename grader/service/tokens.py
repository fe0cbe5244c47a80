"""API tokens: shown once, kept as a digest, limited by scopes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.ids import PersonId
from grader.kit.text import one_line
from grader.storage.database import Work
from grader.storage.repositories import people
from grader.storage.repositories import tokens as repository
from grader.storage.repositories.tokens import StoredToken

PREFIX = "grd_"
# A write for every request would cost more than most requests do.
_USE_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_NAME = 100


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
    """A new token for this person; None in `expires_at` means that it lasts until it is revoked.

    Raises:
        BadRequest: no name, no scope, or it would have expired already.
        UnknownThing: there is no such person.

    """
    label = one_line(name, limit=_LONGEST_NAME).strip()
    if not label:
        raise BadRequest("A token needs a name that says what it is for.")
    if not scopes:
        raise BadRequest(f"A token needs at least one scope: {', '.join(Scope)}.")
    if expires_at is not None and repository.is_past(work, expires_at):
        raise BadRequest("The token would have expired already; choose a time to come.")
    if people.by_id(work, person) is None:
        raise UnknownThing("There is no such person.")
    secret = PREFIX + secrets.token_urlsafe(32)
    words = [scope.value for scope in Scope if scope in scopes]
    stored = repository.add(work, person, name=label, digest=_digest(secret), scopes=words, expires_at=expires_at)
    return NewToken(token=_token(stored), secret=secret)


def list_tokens(work: Work, person: PersonId) -> list[Token]:
    """The person's tokens that still work, newest first."""
    return [_token(stored) for stored in repository.of_person(work, person)]


def revoke(work: Work, person: PersonId, token_id: int) -> None:
    """Raises UnknownThing when it is not this person's."""
    if not repository.revoke(work, person, token_id):
        raise UnknownThing("You have no such token.")


def reader_of(work: Work, secret: str) -> Reader | None:
    """Who the token speaks for; None when it is unknown, revoked, expired, or its person disabled."""
    if not secret.startswith(PREFIX):
        return None
    bearer = repository.bearer(work, _digest(secret), noted_every=_USE_NOTED_EVERY)
    if bearer is None:
        return None
    if bearer.is_stale:
        repository.note_use(work, bearer.token_id)
    return Reader(
        person=bearer.person,
        roles=people.roles_of(work, bearer.person.id),
        scopes=frozenset(Scope(scope) for scope in bearer.scopes),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(stored: StoredToken) -> Token:
    return Token(
        id=stored.id,
        name=stored.name,
        scopes=frozenset(Scope(scope) for scope in stored.scopes),
        created_at=stored.created_at,
        expires_at=stored.expires_at,
        last_used_at=stored.last_used_at,
    )
