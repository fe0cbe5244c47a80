"""People and tokens straight in the database, for whoever runs the service: the first admin has nobody to ask."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from grader.domain.course import Scope
from grader.domain.errors import BadArguments
from grader.kit.addresses import BadAddress, address
from grader.service import accounts, audit, directory, submissions, tokens
from grader.storage import schema
from grader.storage.database import Database

DATABASE_VARIABLE = "GRADER_DATABASE_URL"
FIRST_ADMIN = "admin@grader.local"


class Credentials(NamedTuple):
    email: str
    password: str


@contextmanager
def local_database(environment: Mapping[str, str] = os.environ) -> Iterator[Database]:
    """The service's database.

    Raises:
        BadArguments: no database is named.
        OldSchema, DatabaseBusy.

    """
    url = database_url(environment)
    schema.require_current(url)
    with opened(url) as database:
        yield database


def database_url(environment: Mapping[str, str] = os.environ) -> str:
    """What GRADER_DATABASE_URL names. Raises BadArguments when it is not set, or its password file is no good."""
    try:
        url = address(environment, DATABASE_VARIABLE)
    except BadAddress as error:
        raise BadArguments(str(error)) from error
    if not url:
        raise BadArguments(f"{DATABASE_VARIABLE} is not set; it names the service's database (docs/settings.md).")
    return url


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database that is closed at the end of the block."""
    database = Database(url, pool=1)
    try:
        yield database
    finally:
        database.close()


def new_person(
    database: Database, *, email: str, name: str, password: str | None, is_admin: bool = False
) -> dict[str, Any]:
    """Make a person; the object that the API gives. Raises AlreadyExists, BadRequest."""
    with database.begin() as work:
        person = accounts.create_person(work, email=email, name=name, password=password, is_admin=is_admin)
        audit.note(work, None, "create person", f"person:{person.id}", "on the server itself")
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "student_number": person.student_number,
        "is_admin": person.is_admin,
    }


def new_password(database: Database, email: str, password: str) -> None:
    """Set somebody's password. Raises UnknownThing, BadRequest."""
    with database.begin() as work:
        person = accounts.find_person(work, email)
        accounts.set_password(work, person.id, password)
        audit.note(work, None, "set password", f"person:{person.id}", "on the server itself")


def token_for(
    database: Database, email: str, *, name: str, scopes: Sequence[str], days: int | None = None
) -> dict[str, Any]:
    """A token for somebody; the object that the API gives. Raises UnknownThing."""
    with database.begin() as work:
        person = accounts.find_person(work, email)
        expires_at = None if days is None else submissions.seen_at(work) + timedelta(days=days)
        made = tokens.issue(work, person.id, name=name, scopes=frozenset(map(Scope, scopes)), expires_at=expires_at)
        audit.note(work, None, "issue token", f"token:{made.token.id}", "on the server itself")
    token = made.token
    return {
        "id": token.id,
        "name": token.name,
        "scopes": [scope.value for scope in Scope if scope in token.scopes],
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at and token.expires_at.isoformat(),
        "last_used_at": None,
        "secret": made.secret,
    }


def first_admin(database: Database) -> Credentials | None:
    """An admin with a random password where there is nobody yet; None where there is somebody.

    The password is kept as its hash alone: whoever is given it here is the only one who has it.
    """
    with database.begin() as work:
        if directory.list_people(work, limit=1).people:
            return None
    found = Credentials(FIRST_ADMIN, secrets.token_urlsafe(12))
    new_person(database, email=found.email, name="Administrator", password=found.password, is_admin=True)
    return found
