"""People and how they sign in: passwords (Argon2), sessions of the web page, OpenID Connect subjects."""

from __future__ import annotations

from dataclasses import dataclass

from grader.domain.course import Person, Reader
from grader.domain.ids import PersonId
from grader.storage.database import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """`key` is the cookie's secret value, known to the browser alone; `csrf` is what its forms carry."""

    key: str
    csrf: str
    reader: Reader


def create_person(
    work: Work,
    *,
    email: str,
    name: str,
    password: str | None = None,
    student_number: str | None = None,
    is_admin: bool = False,
) -> Person:
    """A new person. Raises AlreadyExists for a known e-mail address (compared in lower case), BadRequest for a bad one."""
    raise NotImplementedError


def set_password(work: Work, person: PersonId, password: str) -> None:
    """Replace the password (at least 10 characters, else BadRequest) and end the person's sessions."""
    raise NotImplementedError


def sign_in(work: Work, *, email: str, password: str, address: str) -> SignedIn:
    """Check a password and open a session. `address` is the network address, for the rate limit.

    The attempt is recorded whether or not it succeeds (the caller commits even when this raises: it returns the
    failure through `Refused`). Same time and same words for an unknown address and a wrong password.

    Raises:
        SignInFailed, TooManyAttempts (says when to try again).

    """
    raise NotImplementedError


def sign_in_with_subject(work: Work, *, subject: str, email: str, email_is_verified: bool, name: str) -> SignedIn:
    """Open a session for an OpenID Connect subject: a known subject, else a person of the roster with that verified
    e-mail address, else SignInFailed (nobody is made a person by signing in).
    """
    raise NotImplementedError


def session_of(work: Work, key: str) -> SignedIn | None:
    """The session of a cookie's value; None when unknown, expired or its person disabled."""
    raise NotImplementedError


def sign_out(work: Work, key: str) -> None:
    """End a session. Unknown keys are fine."""
    raise NotImplementedError


def reader_for(work: Work, person: PersonId) -> Reader:
    """Somebody as a reader with all scopes (command line on the server itself, tests)."""
    raise NotImplementedError


def find_person(work: Work, email: str) -> Person:
    """Raises UnknownThing."""
    raise NotImplementedError
