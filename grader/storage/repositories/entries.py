"""Gradebook entries: what counts for a person and assignment now, derived from submissions and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, case, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import aliased

from grader.domain.check import CheckDefinition, Stage, Visibility
from grader.domain.grading import Counting, RunState
from grader.domain.ids import AssignmentId, CheckId, Owner, PartId, PersonId
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CheckResultRow,
    GradebookEntryRow,
    MembershipRow,
    RunRow,
    SubmissionRow,
)

_PUBLISHED = (RunState.GRADED.value, RunState.REJECTED.value)


class Tried(NamedTuple):
    """A submission with the run that speaks for it: the newest that came to an end, else the newest.

    `late_days` as they are kept; `beyond_days` and `penalty` (points) are somebody's to fill in, and `score` with them.
    """

    submission: UUID
    received_at: datetime
    late_days: int
    run: UUID | None
    state: RunState
    score: float | None
    max_score: float
    mark_value: float | None
    mark_label: str | None
    beyond_days: int = 0
    penalty: float = 0.0


class Entry(NamedTuple):
    """What counts for one person, before anybody's override; `judged` are the checks its run has results of."""

    state: str
    score: float | None
    max_score: float
    submissions: int
    judged: tuple[CheckDefinition, ...]


def lock(work: Work, assignment: AssignmentId, owner: Owner) -> None:
    """Let one transaction at a time rewrite the owner's entries: whoever comes second reads what the first one did."""
    key = func.hashtextextended(f"gradebook:{assignment}:{owner}", 0)
    work.session.execute(select(func.pg_advisory_xact_lock(key)))


def counting(work: Work, assignment: AssignmentId) -> Counting:
    return Counting(work.session.execute(select(AssignmentRow.counting).filter_by(id=assignment)).scalar_one())


def tried(work: Work, assignment: AssignmentId, owner: Owner, *, trial: int | None = None) -> list[Tried]:
    """Every submission of the owner, oldest first; with a trial as if its runs had been published."""
    is_published = RunRow.state.in_(_PUBLISHED)
    speaks = ~RunRow.is_trial
    if trial is not None:
        speaks |= and_(RunRow.trial_id == trial, is_published)
    query = (
        select(
            SubmissionRow.id,
            SubmissionRow.received_at,
            SubmissionRow.late_days,
            RunRow.id.label("run"),
            RunRow.state,
            RunRow.score,
            RunRow.max_score,
            RunRow.mark_value,
            RunRow.mark_label,
        )
        .outerjoin(RunRow, and_(RunRow.submission_id == SubmissionRow.id, speaks))
        .where(SubmissionRow.assignment_id == assignment, SubmissionRow.owner == owner)
        .ext(distinct_on(SubmissionRow.received_at, SubmissionRow.id))
        .order_by(
            SubmissionRow.received_at,
            SubmissionRow.id,
            case((RunRow.is_trial, 0), (is_published, 1), else_=2),
            RunRow.created_at.desc(),
            RunRow.id,
        )
    )
    return [
        Tried(
            submission=row.id,
            received_at=row.received_at,
            late_days=row.late_days,
            run=row.run,
            # A submission is written with its run; without one it waits.
            state=RunState.WAITING if row.state is None else RunState(row.state),
            score=row.score if row.state == RunState.GRADED.value else None,
            max_score=row.max_score or 0.0,
            mark_value=row.mark_value,
            mark_label=row.mark_label,
        )
        for row in work.session.execute(query)
    ]


def people(work: Work, assignment: AssignmentId, owner: Owner, newest_at: datetime) -> list[PersonId]:
    """Whose entries the owner's work decides; `newest_at` is when its newest submission came in.

    Those whose entry is this owner's work already keep following it, members of the team or not. Somebody who is the
    owner, or in the team, takes it over when they have no entry, or when it came in after their entry, which is of
    another owner's work, was written. So teams that are made anew for the next assignment change nothing about the last
    one, also when that is run again.
    """
    entry, theirs = GradebookEntryRow, aliased(SubmissionRow)
    is_theirs = (theirs.id == entry.submission_id, theirs.assignment_id == assignment, theirs.owner == owner)
    follows = exists().where(*is_theirs)
    following = select(entry.person_id).where(entry.assignment_id == assignment, follows)
    found = set(work.session.scalars(following))
    present = _present(owner)
    taking = (
        select(present.c.person_id)
        .outerjoin(entry, and_(entry.person_id == present.c.person_id, entry.assignment_id == assignment))
        .where(or_(entry.person_id.is_(None), entry.updated_at < newest_at))
    )
    found |= set(work.session.scalars(taking))
    return [PersonId(person) for person in sorted(found)]


def _present(owner: Owner) -> Any:
    number = int(owner[1:])
    if owner.startswith("t"):
        members = select(MembershipRow.person_id)
        return members.where(MembershipRow.team_id == number, MembershipRow.left_at.is_(None)).subquery()
    return select(literal(number).label("person_id")).subquery()


def write(
    work: Work,
    assignment: AssignmentId,
    persons: Sequence[PersonId],
    counted: Tried,
    *,
    submissions: int,
    is_adjusted: bool = False,
) -> None:
    """Let this count for these people."""
    statement = insert(GradebookEntryRow)
    values = {
        "submission_id": counted.submission,
        "run_id": counted.run,
        "state": counted.state.value,
        "score": counted.score,
        "max_score": counted.max_score,
        "mark_value": counted.mark_value if counted.score is not None else None,
        "mark_label": counted.mark_label if counted.score is not None else None,
        "late_days": counted.late_days,
        "beyond_days": counted.beyond_days,
        "penalty": counted.penalty,
        "submissions": submissions,
        "is_adjusted": is_adjusted,
        "received_at": counted.received_at,
        "updated_at": func.clock_timestamp(),
    }
    for person in persons:
        row = statement.values(assignment_id=assignment, person_id=person, **values)
        work.session.execute(row.on_conflict_do_update(index_elements=["assignment_id", "person_id"], set_=values))


def of_person(work: Work, assignment: int, person: PersonId) -> Entry | None:
    entry = GradebookEntryRow
    found = work.session.execute(
        select(entry.state, entry.score, entry.max_score, entry.submissions, entry.run_id).where(
            entry.assignment_id == assignment, entry.person_id == person
        )
    ).one_or_none()
    if found is None:
        return None
    results = work.session.scalars(select(CheckResultRow).where(CheckResultRow.run_id == found.run_id))
    judged = tuple(
        CheckDefinition(
            id=CheckId(row.check_id),
            part=PartId(row.part),
            title=row.title,
            points=row.max_points,
            stage=Stage(row.stage),
            visibility=Visibility(row.visibility),
        )
        for row in results
    )
    return Entry(found.state, found.score, found.max_score, found.submissions, judged)


def say_grading(work: Work, assignment: int, submission: UUID) -> None:
    """A worker has begun with a submission that stands in the gradebook as waiting."""
    statement = (
        update(GradebookEntryRow)
        .where(
            GradebookEntryRow.assignment_id == assignment,
            GradebookEntryRow.submission_id == submission,
            GradebookEntryRow.state == "waiting",
        )
        .values(state="grading")
    )
    work.session.execute(statement, execution_options={"synchronize_session": False})
