"""People and how they sign in: passwords (Argon2), sessions of the web page, OpenID Connect subjects.

The hazard is guessing. An attempt is counted, and committed, before the password is looked at, under a lock of its
address: a hundred attempts at once are a hundred attempts, and one that raises is counted all the same. Success takes
the count back. An unknown address costs a verification too, against a hash that nobody's password has.

The accepted gap: whoever fails often enough at somebody's address keeps them out for a quarter of an hour.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from grader.domain.course import Person, Reader
from grader.domain.errors import AlreadyExists, BadRequest, SignInFailed, TooManyAttempts, UnknownThing
from grader.domain.ids import PersonId
from grader.kit.text import one_line
from grader.storage.database import Database, Work
from grader.storage.repositories import people, sessions
from grader.storage.repositories.people import Credentials

_HASHER = PasswordHasher()
_SHORTEST_PASSWORD = 10
# Far beyond any sentence; hashing megabytes is a way to keep us busy.
_LONGEST_PASSWORD = 1000
_SESSION_LASTS = timedelta(days=14)
_WINDOW = timedelta(minutes=15)
_FAILURES_PER_EMAIL = 5
# A computer room shares one network address.
_FAILURES_PER_ADDRESS = 20
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """`key` is the cookie's secret value, known to the browser alone; `csrf` is what its forms carry."""

    key: str
    csrf: str
    reader: Reader


class _Attempt(NamedTuple):
    by_email: str
    of_address: int
    credentials: Credentials | None


def create_person(
    work: Work,
    *,
    email: str,
    name: str,
    password: str | None = None,
    student_number: str | None = None,
    is_admin: bool = False,
) -> Person:
    """A new person.

    Raises:
        AlreadyExists: somebody has this e-mail address (compared in lower case).
        BadRequest: the address, name or password is none.

    """
    address = good_email(email)
    label = one_line(name, limit=200).strip()
    if not label:
        raise BadRequest("A person needs a name.")
    person = people.add(
        work,
        email=address,
        name=label,
        password_hash=None if password is None else _hash_of(password),
        student_number=one_line(student_number or "", limit=100).strip() or None,
        is_admin=is_admin,
    )
    if person is None:
        raise AlreadyExists(f"There is somebody with the e-mail address {address} already.")
    return person


def set_password(work: Work, person: PersonId, password: str) -> None:
    """Replace the password (at least 10 characters, else BadRequest) and end the person's sessions."""
    password_hash = _hash_of(password)
    if people.lock(work, person) is None:
        raise UnknownThing("There is no such person.")
    people.set_password_hash(work, person, password_hash)
    sessions.end_all(work, person)


def sign_in(database: Database, *, email: str, password: str, address: str) -> SignedIn:
    """Check a password and open a session. `address` is the network address, for the rate limit.

    Takes the database, not a unit of work: the attempt has to be kept although this raises, and no connection is held
    while the hash is computed. Same time and same words for an unknown address and a wrong password.

    Raises:
        SignInFailed, TooManyAttempts (says when to try again).

    """
    with database.begin() as work:
        attempt = _begin_attempt(work, email, address)
    found = attempt.credentials
    is_right = _is_password(password, None if found is None else found.password_hash)
    if found is None or not is_right:
        raise SignInFailed
    with database.begin() as work:
        return _finish_attempt(work, attempt, found, password)


def sign_in_with_subject(work: Work, *, subject: str, email: str, email_is_verified: bool, name: str) -> SignedIn:
    """Open a session for an OpenID Connect subject.

    A known subject, else a person of the roster with that verified e-mail address, else SignInFailed (nobody is made a
    person by signing in).
    """
    del name  # the roster's name is the one that staff know
    found = people.by_subject(work, subject)
    if found is None:
        found = _person_to_link(work, email) if email_is_verified else None
        if found is not None:
            people.set_subject(work, found.person.id, subject)
    if found is None or found.is_disabled:
        raise SignInFailed("Nobody of the roster has this account; ask the course's staff to add your e-mail address.")
    return _open_session(work, found.person)


def open_session(work: Work, person: Person) -> SignedIn:
    """A session for somebody whom the caller has made sure of."""
    return _open_session(work, person)


def session_of(work: Work, key: str) -> SignedIn | None:
    """The session of a cookie's value; None when unknown, expired or its person disabled."""
    found = sessions.find(work, _digest(key))
    if found is None:
        return None
    return SignedIn(key=key, csrf=found.csrf, reader=_reader(work, found.person))


def sign_out(work: Work, key: str) -> None:
    """End a session. Unknown keys are fine."""
    sessions.end(work, _digest(key))


def reader_for(work: Work, person: PersonId) -> Reader:
    """Somebody as a reader with all scopes (command line on the server itself, tests)."""
    found = people.by_id(work, person)
    if found is None:
        raise UnknownThing("There is no such person.")
    return _reader(work, found.person)


def find_person(work: Work, email: str) -> Person:
    """Raises UnknownThing."""
    address = _as_email(email)
    found = None if address is None else people.by_email(work, address)
    if found is None:
        raise UnknownThing("There is nobody with this e-mail address.")
    return found.person


def good_email(email: str) -> str:
    """The address as it is kept, in lower case. Raises BadRequest when it is none."""
    address = _as_email(email)
    if address is None:
        raise BadRequest(f"“{one_line(email, limit=80)}” is not an e-mail address; write it like name@example.org.")
    return address


def _as_email(email: str) -> str | None:
    address = email.strip().lower()
    fits = len(address) <= _LONGEST_EMAIL and address.isprintable() and _EMAIL.fullmatch(address)
    return address if fits else None


def _begin_attempt(work: Work, email: str, address: str) -> _Attempt:
    known = _as_email(email)
    # Whatever is no address shares one count: it cannot succeed anyway.
    by_email, by_address = f"email:{known or ''}", f"address:{one_line(address, limit=100)}"
    sessions.lock_keys(work, by_email, by_address)
    wait_s = max(
        sessions.wait_s(work, by_email, allowed=_FAILURES_PER_EMAIL, within=_WINDOW),
        sessions.wait_s(work, by_address, allowed=_FAILURES_PER_ADDRESS, within=_WINDOW),
    )
    if wait_s > 0:
        minutes = math.ceil(wait_s / 60)
        raise TooManyAttempts(
            f"There were too many failed sign-ins; try again in {minutes} minute{'' if minutes == 1 else 's'}."
        )
    sessions.add_attempt(work, by_email)
    of_address = sessions.add_attempt(work, by_address)
    return _Attempt(by_email, of_address, None if known is None else people.by_email(work, known))


def _finish_attempt(work: Work, attempt: _Attempt, verified: Credentials, password: str) -> SignedIn:
    now = people.lock(work, verified.person.id)
    # The password was changed, or its person disabled, while the old one was being verified.
    if now is None or now.is_disabled or now.password_hash is None or now.password_hash != verified.password_hash:
        raise SignInFailed
    sessions.forget_key(work, attempt.by_email)
    sessions.forget_attempt(work, attempt.of_address)
    sessions.forget_older(work, _WINDOW)
    if _HASHER.check_needs_rehash(now.password_hash):
        people.set_password_hash(work, now.person.id, _HASHER.hash(_secret_bytes(password)))
    return _open_session(work, now.person)


def _person_to_link(work: Work, email: str) -> Credentials | None:
    address = _as_email(email)
    found = None if address is None else people.by_email(work, address)
    # An account that is somebody else's at the same provider does not take the place of the one that is known.
    return None if found is None or found.oidc_subject is not None or found.is_disabled else found


def _open_session(work: Work, person: Person) -> SignedIn:
    key, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    sessions.add(work, digest=_digest(key), person=person.id, csrf=csrf, lasts=_SESSION_LASTS)
    return SignedIn(key=key, csrf=csrf, reader=_reader(work, person))


def _reader(work: Work, person: Person) -> Reader:
    return Reader(person=person, roles=people.roles_of(work, person.id))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _hash_of(password: str) -> str:
    if len(password) < _SHORTEST_PASSWORD:
        raise BadRequest(f"A password has at least {_SHORTEST_PASSWORD} characters; choose a longer one.")
    if len(password) > _LONGEST_PASSWORD:
        raise BadRequest(f"A password has at most {_LONGEST_PASSWORD} characters; choose a shorter one.")
    return _HASHER.hash(_secret_bytes(password))


def _secret_bytes(password: str) -> bytes:
    # The same letters typed on two systems may be composed differently.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _is_password(password: str, password_hash: str | None) -> bool:
    # Made before the branch, so that its first time does not tell an unknown address from a known one.
    nobodys = _nobodys_hash()
    try:
        _HASHER.verify(password_hash or nobodys, _secret_bytes(password[: _LONGEST_PASSWORD + 1]))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_bytes(32))
