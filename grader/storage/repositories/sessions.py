"""Sessions of the web page, and the failed sign-ins that the rate limit counts."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select

from grader.domain.course import Person
from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import PersonRow, SessionRow, SignInAttemptRow
from grader.storage.repositories.people import person_of


class FoundSession(NamedTuple):
    person: Person
    csrf: str


def add(work: Work, *, digest: str, person: PersonId, csrf: str, lasts: timedelta) -> None:
    """Open a session, and forget the person's sessions that have ended."""
    now = func.clock_timestamp()
    work.session.execute(delete(SessionRow).where(SessionRow.person_id == person, SessionRow.expires_at < now))
    values = {"digest": digest, "person_id": person, "csrf": csrf, "expires_at": now + lasts}
    work.session.execute(insert(SessionRow).values(values))


def find(work: Work, digest: str) -> FoundSession | None:
    """A session that has not ended, of somebody who is not disabled."""
    query = (
        select(PersonRow, SessionRow.csrf)
        .join(SessionRow, SessionRow.person_id == PersonRow.id)
        .where(
            SessionRow.digest == digest,
            SessionRow.expires_at > func.clock_timestamp(),
            PersonRow.disabled_at.is_(None),
        )
    )
    found = work.session.execute(query).one_or_none()
    return None if found is None else FoundSession(person_of(found[0]), found[1])


def end(work: Work, digest: str) -> None:
    work.session.execute(delete(SessionRow).where(SessionRow.digest == digest))


def end_all(work: Work, person: PersonId) -> None:
    work.session.execute(delete(SessionRow).where(SessionRow.person_id == person))


def lock_keys(work: Work, *keys: str) -> None:
    """Let one transaction at a time count and add attempts of these keys."""
    # In order, so that two never wait in a ring.
    for key in sorted(keys):
        work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def wait_s(work: Work, key: str, *, allowed: int, within: timedelta) -> float:
    """Seconds until this key may try again; 0 when it may now: the `allowed`-th newest attempt has to grow old."""
    age_s = func.extract("epoch", func.clock_timestamp() - SignInAttemptRow.at)
    query = (
        select(age_s)
        .where(SignInAttemptRow.key == key, SignInAttemptRow.at > func.clock_timestamp() - within)
        .order_by(SignInAttemptRow.at.desc())
        .offset(allowed - 1)
        .limit(1)
    )
    found = work.session.scalar(query)
    return 0.0 if found is None else max(0.0, within.total_seconds() - float(found))


def add_attempt(work: Work, key: str) -> int:
    """The number of an attempt, counted as failed until it is taken back."""
    made = work.session.execute(insert(SignInAttemptRow).values(key=key).returning(SignInAttemptRow.id))
    return made.scalar_one()


def forget_key(work: Work, key: str) -> None:
    work.session.execute(delete(SignInAttemptRow).where(SignInAttemptRow.key == key))


def forget_attempt(work: Work, attempt: int) -> None:
    work.session.execute(delete(SignInAttemptRow).where(SignInAttemptRow.id == attempt))


def forget_older(work: Work, age: timedelta) -> None:
    """Attempts that no limit looks at any more; those that somebody else is deleting are left to them."""
    old = (
        select(SignInAttemptRow.id)
        .where(SignInAttemptRow.at < func.clock_timestamp() - age)
        .with_for_update(skip_locked=True)
    )
    work.session.execute(
        delete(SignInAttemptRow).where(SignInAttemptRow.id.in_(old)), execution_options={"synchronize_session": False}
    )
