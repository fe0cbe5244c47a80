from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from grader.domain.course import Person, Role
from grader.domain.ids import CourseId, PersonId
from grader.storage.database import Work
from grader.storage.models import CourseRow, MembershipRow, PersonRow


class Credentials(NamedTuple):
    """`password_hash` is None for people who only sign in elsewhere."""

    person: Person
    password_hash: str | None
    oidc_subject: str | None
    is_disabled: bool


def person_of(row: PersonRow) -> Person:
    return Person(
        id=PersonId(row.id),
        email=row.email,
        name=row.name,
        student_number=row.student_number,
        is_admin=row.is_admin,
    )


def name_order() -> ColumnElement[str]:
    """What people are sorted by: their name with capitals and accents set aside, so that Ç and ç stand by c.

    The servers' own collations differ, and some have none but that of bytes.
    """
    bare = func.regexp_replace(func.normalize(PersonRow.name, literal_column("NFD")), r"[\u0300-\u036f]", "", "g")
    # The dotless i has no mark that could be taken away.
    return func.lower(func.replace(bare, "\u0131", "i")).collate("C")


def add(
    work: Work, *, email: str, name: str, password_hash: str | None, student_number: str | None, is_admin: bool
) -> Person | None:
    """The new person; None when the address is somebody's already."""
    values = {
        "email": email,
        "name": name,
        "password_hash": password_hash,
        "student_number": student_number,
        "is_admin": is_admin,
    }
    statement = insert(PersonRow).values(values).on_conflict_do_nothing(index_elements=["email"]).returning(PersonRow)
    row = work.session.scalars(statement).one_or_none()
    return None if row is None else person_of(row)


def by_id(work: Work, person: PersonId) -> Credentials | None:
    return _credentials(work.session.scalar(select(PersonRow).where(PersonRow.id == person)))


def by_email(work: Work, email: str) -> Credentials | None:
    return _credentials(work.session.scalar(select(PersonRow).where(PersonRow.email == email)))


def by_subject(work: Work, subject: str) -> Credentials | None:
    return _credentials(work.session.scalar(select(PersonRow).where(PersonRow.oidc_subject == subject)))


def lock(work: Work, person: PersonId) -> Credentials | None:
    """As the newest commit left them; nobody else changes them before this transaction ends."""
    query = select(PersonRow).where(PersonRow.id == person).with_for_update().execution_options(populate_existing=True)
    return _credentials(work.session.scalar(query))


def set_password_hash(work: Work, person: PersonId, password_hash: str) -> None:
    work.session.execute(update(PersonRow).where(PersonRow.id == person).values(password_hash=password_hash))


def set_subject(work: Work, person: PersonId, subject: str) -> None:
    work.session.execute(update(PersonRow).where(PersonRow.id == person).values(oidc_subject=subject))


def set_names(work: Work, person: PersonId, *, name: str, student_number: str | None) -> None:
    values = {"name": name, "student_number": student_number}
    work.session.execute(update(PersonRow).where(PersonRow.id == person).values(values))


def roles_of(work: Work, person: PersonId) -> dict[CourseId, Role]:
    """Roles in the courses the person has not left."""
    query = (
        select(MembershipRow.course_id, MembershipRow.role)
        .join(CourseRow, CourseRow.id == MembershipRow.course_id)
        .where(MembershipRow.person_id == person, MembershipRow.left_at.is_(None))
    )
    return {CourseId(row.course_id): Role(row.role) for row in work.session.execute(query)}


def _credentials(row: PersonRow | None) -> Credentials | None:
    if row is None:
        return None
    return Credentials(person_of(row), row.password_hash, row.oidc_subject, row.disabled_at is not None)
