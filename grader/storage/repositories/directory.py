from __future__ import annotations

from sqlalchemy import or_, select

from grader.domain.course import Person
from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import PersonRow


def people_after(work: Work, email: str, *, search: str, limit: int) -> list[Person]:
    """Up to `limit` people whose address comes after `email`, by address; `search` is part of what names them."""
    query = select(PersonRow).where(PersonRow.email > email, PersonRow.disabled_at.is_(None))
    if search:
        columns = (PersonRow.email, PersonRow.name, PersonRow.student_number)
        query = query.where(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    rows = work.session.scalars(query.order_by(PersonRow.email).limit(limit))
    return [
        Person(
            id=PersonId(row.id),
            email=row.email,
            name=row.name,
            student_number=row.student_number,
            is_admin=row.is_admin,
        )
        for row in rows
    ]
