"""Marks that only a person gives: of those for the same people, the newest that is not withdrawn holds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from grader.domain.ids import Owner, PersonId
from grader.storage.database import Work
from grader.storage.models import GivenMarkRow, GradebookEntryRow, PersonRow


class GivenMark(NamedTuple):
    """A mark that holds; `person` is the one member it is for, None for all of the owner's people."""

    person: PersonId | None
    value: float
    reason: str
    made_by: str
    made_at: datetime


def holding(work: Work, assignment: int, owner: Owner) -> list[GivenMark]:
    row = GivenMarkRow
    newest = (
        select(row.id)
        .where(row.assignment_id == assignment, row.owner == owner, row.withdrawn_at.is_(None))
        .ext(distinct_on(row.person_id))
        .order_by(row.person_id, row.id.desc())
    )
    query = (
        select(row.person_id, row.value, row.reason, PersonRow.name, row.made_at)
        .join(PersonRow, PersonRow.id == row.made_by)
        .where(row.id.in_(newest))
        .order_by(row.id)
    )
    return [
        GivenMark(None if person is None else PersonId(person), value, reason, name, at)
        for person, value, reason, name, at in work.session.execute(query)
    ]


def for_person(given: list[GivenMark], person: PersonId | None) -> GivenMark | None:
    """A member's own before everybody's."""
    own = next((one for one in given if one.person is not None and one.person == person), None)
    return own or next((one for one in given if one.person is None), None)


def counted(work: Work, assignment: int, person: PersonId) -> tuple[float | None, float]:
    """The mark that counts for a person before an override, and the points possible; there has to be an entry."""
    query = select(GradebookEntryRow.mark_value, GradebookEntryRow.max_score).filter_by(
        assignment_id=assignment, person_id=person
    )
    found = work.session.execute(query).one()
    return found[0], found[1]


def add(
    work: Work, *, assignment: int, owner: Owner, person: PersonId | None, value: float, reason: str, made_by: PersonId
) -> None:
    values = {
        "assignment_id": assignment, "owner": owner, "person_id": person, "value": value, "reason": reason,
        "made_by": made_by,
    }  # fmt: skip
    work.session.execute(insert(GivenMarkRow).values(values))


def withdraw(work: Work, assignment: int, owner: Owner, person: PersonId | None) -> None:
    """Withdraw all for these people."""
    row = GivenMarkRow
    statement = (
        update(row)
        .where(
            row.assignment_id == assignment,
            row.owner == owner,
            row.person_id.is_not_distinct_from(person),
            row.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.clock_timestamp())
    )
    work.session.execute(statement, execution_options={"synchronize_session": False})
