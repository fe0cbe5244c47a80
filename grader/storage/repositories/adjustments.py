"""Adjustments: of those with the same target and the same people, the newest that is not withdrawn holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, case, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from grader.domain.adjustment import Adjustment, Target, TargetKind
from grader.domain.ids import Owner, PersonId
from grader.storage.database import Work
from grader.storage.models import (
    AdjustmentRow,
    AssignmentRow,
    GradebookEntryRow,
    PersonRow,
    RunRow,
    SubmissionRow,
)


class Line(NamedTuple):
    """Whose work counts for a person: its owner, the submission, and the run; `score` is what counts of it."""

    owner: Owner
    submission: UUID
    run: UUID | None
    score: float | None


class Held(NamedTuple):
    """An adjustment that holds; `person` is the one member it is for, None for all of the owner's people."""

    person: PersonId | None
    adjustment: Adjustment


def line_of(work: Work, assignment: int, person: PersonId, *, own: bool = False) -> Line | None:
    """None when nothing of theirs was handed in; with `own` of what they as a team's member hand in alone."""
    entry = GradebookEntryRow
    submission, run = (entry.own_submission_id, entry.own_run_id) if own else (entry.submission_id, entry.run_id)
    query = (
        select(SubmissionRow.owner, SubmissionRow.id, run, entry.score)
        .join(SubmissionRow, SubmissionRow.id == submission)
        .where(entry.assignment_id == assignment, entry.person_id == person)
    )
    found = work.session.execute(query).one_or_none()
    return None if found is None else Line(Owner(found[0]), found[1], found[2], found[3])


def followers(work: Work, assignment: int, owner: Owner) -> list[PersonId]:
    """For whom the owner's work counts."""
    entry = GradebookEntryRow
    query = (
        select(entry.person_id)
        .join(SubmissionRow, SubmissionRow.id.in_((entry.submission_id, entry.own_submission_id)))
        .where(entry.assignment_id == assignment, SubmissionRow.owner == owner)
        .distinct()
        .order_by(entry.person_id)
    )
    return [PersonId(person) for person in work.session.scalars(query)]


def holding(work: Work, assignment: int, owner: Owner) -> list[Held]:
    """Those that hold for an owner's work, oldest first; `made_by` and `member` are names."""
    row, maker, member = AdjustmentRow, aliased(PersonRow), aliased(PersonRow)
    key = (row.target, row.target_id, row.person_id)
    newest = (
        select(row.id)
        .where(row.assignment_id == assignment, row.owner == owner, row.withdrawn_at.is_(None))
        .ext(distinct_on(*key))
        .order_by(*key, row.id.desc())
    )
    query = (
        select(row, maker.name, member.name)
        .join(maker, maker.id == row.made_by)
        .outerjoin(member, member.id == row.person_id)
        .where(row.id.in_(newest))
        .order_by(row.id)
    )
    return [
        Held(None if found.person_id is None else PersonId(found.person_id), _adjustment(found, made_by, whose))
        for found, made_by, whose in work.session.execute(query)
    ]


def add(
    work: Work,
    *,
    assignment: int,
    owner: Owner,
    person: PersonId | None,
    target: Target,
    title: str,
    points: float,
    reason: str,
    made_by: PersonId,
) -> int:
    """Its id."""
    values = {
        "assignment_id": assignment,
        "owner": owner,
        "person_id": person,
        "target": target.kind.value,
        "target_id": target.id,
        "title": title,
        "points": points,
        "reason": reason,
        "made_by": made_by,
    }
    return work.session.execute(insert(AdjustmentRow).values(values).returning(AdjustmentRow.id)).scalar_one()


def withdraw(work: Work, assignment: int, owner: Owner, target: Target, person: PersonId | None) -> None:
    """Withdraw all of this target and these people: an older one does not come back to life with the newest gone."""
    row = AdjustmentRow
    statement = (
        update(row)
        .where(
            row.assignment_id == assignment,
            row.owner == owner,
            row.target == target.kind.value,
            row.target_id == target.id,
            row.person_id.is_not_distinct_from(person),
            row.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.clock_timestamp())
    )
    work.session.execute(statement, execution_options={"synchronize_session": False})


def _adjustment(row: AdjustmentRow, made_by: str, member: str | None) -> Adjustment:
    return Adjustment(
        id=row.id,
        target=Target(kind=TargetKind(row.target), id=row.target_id),
        title=row.title,
        points=row.points,
        reason=row.reason,
        made_at=row.made_at,
        made_by=made_by,
        member=member,
    )


class Changed(NamedTuple):
    """What counts of a submission where persons changed it; `with_items` where they gave points for items."""

    score: float
    max_score: float
    with_items: bool


def changed_scores(work: Work, submissions: Sequence[UUID], person: PersonId | None) -> dict[UUID, Changed]:
    """What counts of these submissions, where persons changed it: for this student, or (None) as staff see it.

    A student reads what was given for items once it is released.
    """
    entry = GradebookEntryRow
    is_shown = literal(True) if person is None else AssignmentRow.items_released_at.is_not(None)
    with_items = and_(entry.items_points.is_not(None), is_shown)
    score = case((is_shown, entry.score), else_=func.coalesce(entry.score_without_items, entry.score))
    query = (
        select(entry.submission_id, score, case((is_shown, entry.max_score), else_=RunRow.max_score), with_items)
        .join(SubmissionRow, SubmissionRow.id == entry.submission_id)
        .join(AssignmentRow, AssignmentRow.id == entry.assignment_id)
        .join(RunRow, RunRow.id == entry.run_id)
        .where(entry.submission_id.in_(submissions), or_(entry.is_adjusted, with_items), entry.score.is_not(None))
        # What counts is more than this submission where some parts are each member's own.
        .where(SubmissionRow.is_own.is_(False), entry.own_submission_id.is_(None))
        .where(entry.person_id == (SubmissionRow.person_id if person is None else person))
    )
    return {row[0]: Changed(*row[1:]) for row in work.session.execute(query)}
