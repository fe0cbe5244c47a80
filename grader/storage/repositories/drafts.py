"""Drafts of written answers: one row for an owner and assignment, written over under the owner's lock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.storage.database import Work
from grader.storage.models import DraftRow, PersonRow


class Kept(NamedTuple):
    """`name` is who saved it last, None where they were erased."""

    version: int
    answers: dict[str, str]
    saved_by: PersonId | None
    name: str | None
    saved_at: datetime


def get(work: Work, assignment: AssignmentId, owner: Owner) -> Kept | None:
    query = (
        select(DraftRow.version, DraftRow.answers, DraftRow.saved_by, PersonRow.name, DraftRow.saved_at)
        .outerjoin(PersonRow, PersonRow.id == DraftRow.saved_by)
        .where(DraftRow.assignment_id == assignment, DraftRow.owner == owner)
    )
    found = work.session.execute(query).one_or_none()
    return None if found is None else Kept(*found)


def put(
    work: Work, assignment: AssignmentId, owner: Owner, *, version: int, answers: Mapping[str, str], by: PersonId
) -> None:
    """Write this version; the caller holds the owner's lock and has looked at the one before."""
    values = {"version": version, "answers": dict(answers), "saved_by": by, "saved_at": func.clock_timestamp()}
    statement = insert(DraftRow).values(assignment_id=assignment, owner=owner, **values)
    work.session.execute(statement.on_conflict_do_update(index_elements=["assignment_id", "owner"], set_=values))
