"""Extensions: the newest of an owner and assignment that is not withdrawn holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.storage.database import Work
from grader.storage.models import ExtensionRow, MembershipRow, PersonRow, TeamRow


class Given(NamedTuple):
    """One of `due_at` and `extra_days` is set."""

    owner: Owner
    due_at: datetime | None
    extra_days: int | None
    reason: str
    made_by: str
    made_at: datetime


def holding(work: Work, assignment: AssignmentId, owners: Sequence[str] | None = None) -> dict[Owner, Given]:
    """By owner, of these owners or (None) of all."""
    who = aliased(PersonRow)
    query = (
        select(
            ExtensionRow.owner, ExtensionRow.due_at, ExtensionRow.extra_days, ExtensionRow.reason,
            who.email.label("made_by"), ExtensionRow.made_at,
        )
        .join(who, who.id == ExtensionRow.made_by)
        .where(ExtensionRow.assignment_id == assignment, ExtensionRow.withdrawn_at.is_(None))
        .ext(distinct_on(ExtensionRow.owner))
        .order_by(ExtensionRow.owner, ExtensionRow.id.desc())
    )  # fmt: skip
    if owners is not None:
        query = query.where(ExtensionRow.owner.in_(owners))
    found = [Given(Owner(row.owner), *row[1:]) for row in work.session.execute(query)]
    return {given.owner: given for given in found}


def add(
    work: Work, assignment: AssignmentId, owner: Owner, *, due_at: datetime | None, extra_days: int | None,
    reason: str, made_by: PersonId,
) -> None:  # fmt: skip
    values = {
        "assignment_id": assignment, "owner": owner, "due_at": due_at, "extra_days": extra_days, "reason": reason,
        "made_by": made_by,
    }  # fmt: skip
    work.session.execute(insert(ExtensionRow).values(values))


def withdraw(work: Work, assignment: AssignmentId, owner: Owner) -> int:
    """Withdraw all that are not: an older one does not come back to life with the newest gone. How many there were."""
    statement = (
        update(ExtensionRow)
        .where(
            ExtensionRow.assignment_id == assignment, ExtensionRow.owner == owner, ExtensionRow.withdrawn_at.is_(None)
        )
        .values(withdrawn_at=func.clock_timestamp())
        .returning(ExtensionRow.id)
    )
    return len(work.session.execute(statement, execution_options={"synchronize_session": False}).all())


def members(work: Work, owner: Owner) -> list[tuple[PersonId, str]]:
    """(id, name) of whose work the owner's is now, by name."""
    number = int(owner[1:])
    query = select(PersonRow.id, PersonRow.name).order_by(PersonRow.name, PersonRow.id)
    if owner.startswith("t"):
        query = query.join(MembershipRow, MembershipRow.person_id == PersonRow.id).where(
            MembershipRow.team_id == number, MembershipRow.left_at.is_(None)
        )
    else:
        query = query.where(PersonRow.id == number)
    return [(PersonId(row.id), row.name) for row in work.session.execute(query)]


def team_names(work: Work, owners: Sequence[str]) -> dict[Owner, str]:
    numbers = [int(owner[1:]) for owner in owners if owner.startswith("t")]
    query = select(TeamRow.id, TeamRow.name).where(TeamRow.id.in_(numbers))
    return {Owner(f"t{row.id}"): row.name for row in work.session.execute(query)}


def teams_of(work: Work, course: int, owners: Sequence[str]) -> dict[Owner, Owner]:
    """The team that each of these persons is in, both as owners; who is in none is left out."""
    persons = [int(owner[1:]) for owner in owners if owner.startswith("p")]
    query = select(MembershipRow.person_id, MembershipRow.team_id).where(
        MembershipRow.course_id == course, MembershipRow.person_id.in_(persons), MembershipRow.team_id.is_not(None),
        MembershipRow.left_at.is_(None),
    )  # fmt: skip
    return {Owner(f"p{person}"): Owner(f"t{team}") for person, team in work.session.execute(query)}
