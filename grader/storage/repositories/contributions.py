"""Who did what in a team's work: the newest paragraph holds, and of what is said about it each member's newest."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from grader.domain.contribution import Stance
from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.storage.database import Work
from grader.storage.models import ContributionRow, PersonRow
from grader.storage.plain_text import keepable


class Said(NamedTuple):
    """`person` and `name` are None where they were erased."""

    id: int
    person: PersonId | None
    name: str | None
    stance: Stance
    text: str
    said_at: datetime


def paragraph(work: Work, assignment: AssignmentId, owner: Owner) -> Said | None:
    row = ContributionRow
    query = _query().where(
        row.assignment_id == assignment, row.owner == owner, row.stance == Stance.WRITTEN.value
    )  # fmt: skip
    found = work.session.execute(query.order_by(row.id.desc()).limit(1)).one_or_none()
    return None if found is None else _said(found)


def about(work: Work, paragraph: int) -> dict[PersonId, Said]:
    """By member."""
    row = ContributionRow
    query = (
        _query()
        .where(row.about_id == paragraph, row.person_id.is_not(None))
        .ext(distinct_on(row.person_id))
        .order_by(row.person_id, row.id.desc())
    )
    found = (_said(one) for one in work.session.execute(query))
    return {one.person: one for one in found if one.person is not None}


def add(
    work: Work,
    assignment: AssignmentId,
    owner: Owner,
    *,
    person: PersonId,
    stance: Stance,
    text: str,
    about: int | None,
) -> None:
    values = {
        "assignment_id": assignment, "owner": owner, "person_id": person, "stance": stance.value,
        "text": keepable(text), "about_id": about,
    }  # fmt: skip
    work.session.execute(insert(ContributionRow).values(values))


def _query() -> Select[int, int | None, str, str, str, datetime]:
    row = ContributionRow
    return select(row.id, row.person_id, PersonRow.name, row.stance, row.text, row.said_at).outerjoin(
        PersonRow, PersonRow.id == row.person_id
    )


def _said(row: Any) -> Said:
    return Said(row.id, row.person_id, row.name, Stance(row.stance), row.text, row.said_at)
