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

    `is_own` says that it is a member's own, for parts that each hands in alone; `parts` are those that its run judges,
    None for all. `late_days` as they are kept; `beyond_days` and `penalty` (points) are somebody's to fill in, and
    `score` with them; so is what persons gave for items. `without_items` is the score without that, and
    `waiting_points` what is still waiting of `max_score`.
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
    items_points: float | None = None
    items_waiting: int = 0
    waiting_points: float = 0.0
    without_items: float | None = None
    given_mark: float | None = None
    is_own: bool = False
    parts: tuple[str, ...] | None = None


class Entry(NamedTuple):
    """What counts for one person, before anybody's override; `judged` are the checks its run has results of.

    `without_items` is the score without what persons gave for items, None where they gave nothing, and `run_max` what
    that is out of.
    """

    state: str
    score: float | None
    max_score: float
    submissions: int
    judged: tuple[CheckDefinition, ...]
    without_items: float | None = None
    run_max: float | None = None


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
            RunRow.parts,
            SubmissionRow.is_own,
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
            is_own=row.is_own,
            parts=None if row.parts is None else tuple(row.parts),
        )
        for row in work.session.execute(query)
    ]


def people(work: Work, assignment: AssignmentId, owner: Owner, newest_at: datetime) -> list[PersonId]:
    """Whose entries the owner's work decides; `newest_at` is when its newest submission came in.

    Those whose entry is this owner's work already keep following it, members of the team or not. Somebody who is the
    owner, or in the team, takes it over when they have no entry, or when it came in after their entry, which is of
    another owner's work, was written, or when that is of what they have handed in alone. So teams that are made anew
    for the next assignment change nothing about the last one, also when that is run again.
    """
    entry, theirs = GradebookEntryRow, aliased(SubmissionRow)
    is_theirs = (theirs.id == entry.submission_id, theirs.assignment_id == assignment, theirs.owner == owner)
    follows = exists().where(*is_theirs)
    following = select(entry.person_id).where(entry.assignment_id == assignment, follows)
    found = set(work.session.scalars(following))
    present = _present(owner)
    is_alone = entry.submission_id == entry.own_submission_id
    taking = (
        select(present.c.person_id)
        .outerjoin(entry, and_(entry.person_id == present.c.person_id, entry.assignment_id == assignment))
        .where(or_(entry.person_id.is_(None), entry.updated_at < newest_at, is_alone))
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
    own: Tried | None = None,
) -> None:
    """Let this count for these people; `own` is what of it they have handed in alone."""
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
        "items_points": counted.items_points,
        "items_waiting": counted.items_waiting,
        "score_without_items": counted.without_items,
        "given_mark": counted.given_mark,
        "own_submission_id": None if own is None else own.submission,
        "own_run_id": None if own is None else own.run,
        "received_at": counted.received_at,
        "updated_at": func.clock_timestamp(),
    }
    for person in persons:
        row = statement.values(assignment_id=assignment, person_id=person, **values)
        work.session.execute(row.on_conflict_do_update(index_elements=["assignment_id", "person_id"], set_=values))


def of_person(work: Work, assignment: int, person: PersonId) -> Entry | None:
    entry = GradebookEntryRow
    found = work.session.execute(
        select(
            entry.state, entry.score, entry.max_score, entry.submissions, entry.run_id, entry.own_run_id,
            entry.score_without_items, RunRow.max_score.label("run_max"),
        )
        .outerjoin(RunRow, RunRow.id == entry.run_id)
        .where(entry.assignment_id == assignment, entry.person_id == person)
    ).one_or_none()  # fmt: skip
    if found is None:
        return None
    both = CheckResultRow.run_id.in_((found.run_id, found.own_run_id))
    results = work.session.scalars(select(CheckResultRow).where(both))
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
    return Entry(
        found.state, found.score, found.max_score, found.submissions, judged, found.score_without_items, found.run_max
    )


def has_own(work: Work, assignment: AssignmentId, owner: Owner) -> bool:
    """Whether a person has handed in anything of the parts that each member of a team hands in alone."""
    row = SubmissionRow
    query = select(row.id).where(row.assignment_id == assignment, row.owner == owner, row.is_own)
    return work.session.scalar(query.limit(1)) is not None


def team_of(work: Work, assignment: AssignmentId, person: PersonId) -> Owner | None:
    """The team whose work counts for a person; where none does yet, the team that they are in."""
    entry = GradebookEntryRow
    followed = (
        select(SubmissionRow.owner)
        .join(entry, entry.submission_id == SubmissionRow.id)
        .where(entry.assignment_id == assignment, entry.person_id == person, SubmissionRow.owner.like("t%"))
    )
    found = work.session.scalar(followed)
    if found is None:
        member = (
            select(func.concat("t", MembershipRow.team_id))
            .join(AssignmentRow, AssignmentRow.course_id == MembershipRow.course_id)
            .where(
                AssignmentRow.id == assignment, MembershipRow.person_id == person, MembershipRow.left_at.is_(None),
                MembershipRow.team_id.is_not(None),
            )
        )  # fmt: skip
        found = work.session.scalar(member)
    return None if found is None else Owner(found)


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
