"""What lateness is worked out from: due dates, the policies that hold, and one person's uploads of a term."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from grader.domain.assignment import LatePolicy, Part, Scale
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId, SubmissionId
from grader.domain.late import Upload
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CourseRow,
    GradebookEntryRow,
    LatePolicyRow,
    PersonRow,
    SpecVersionRow,
    SubmissionRow,
)


class Terms(NamedTuple):
    """What an assignment asks of everybody; `due_at` is everybody's.

    Where each member of a team hands some parts in alone, `own_points` and `team_points` are full marks of those and of
    the others; else `own_points` is None.
    """

    assignment: AssignmentId
    course: CourseId
    due_at: datetime | None
    time_zone: str
    late: LatePolicy
    scale: Scale
    own_points: float | None = None
    team_points: float = 0.0


class SetPolicy(NamedTuple):
    """A policy that somebody set instead of the spec's."""

    policy: LatePolicy
    reason: str
    made_by: str
    made_at: datetime


def policies() -> Select[int, dict[str, Any]]:
    """(assignment, policy) of those that hold instead of a spec's."""
    return (
        select(LatePolicyRow.assignment_id, LatePolicyRow.policy)
        .where(LatePolicyRow.withdrawn_at.is_(None))
        .ext(distinct_on(LatePolicyRow.assignment_id))
        .order_by(LatePolicyRow.assignment_id, LatePolicyRow.id.desc())
    )


def terms(work: Work, assignment: AssignmentId) -> Terms:
    chosen = policies().subquery()
    row = work.session.execute(
        select(
            AssignmentRow.course_id, AssignmentRow.due_at, CourseRow.time_zone, chosen.c.policy,
            SpecVersionRow.definition["late"].label("late"), SpecVersionRow.definition["scale"].label("scale"),
            SpecVersionRow.definition["part"].label("part"),
        )
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .join(SpecVersionRow, SpecVersionRow.id == AssignmentRow.spec_version_id)
        .outerjoin(chosen, chosen.c.assignment_id == AssignmentRow.id)
        .where(AssignmentRow.id == assignment)
    ).one()  # fmt: skip
    parts = [Part.model_validate(part) for part in row.part if not part.get("extra")]
    is_split = any(part.get("individual") for part in row.part)
    return Terms(
        assignment=assignment,
        course=CourseId(row.course_id),
        due_at=row.due_at,
        time_zone=row.time_zone,
        late=LatePolicy.model_validate(row.policy or row.late or {}),
        scale=Scale.model_validate(row.scale),
        own_points=sum(part.full_points for part in parts if part.individual) if is_split else None,
        team_points=sum(part.full_points for part in parts if not part.individual),
    )


def budgets(work: Work, course: CourseId) -> dict[AssignmentId, int]:
    """The term's late days by each assignment's policy."""
    chosen = policies().subquery()
    rows = work.session.execute(
        select(AssignmentRow.id, chosen.c.policy, SpecVersionRow.definition["late"].label("late"))
        .join(SpecVersionRow, SpecVersionRow.id == AssignmentRow.spec_version_id)
        .outerjoin(chosen, chosen.c.assignment_id == AssignmentRow.id)
        .where(AssignmentRow.course_id == course)
    )
    found = ((row.id, LatePolicy.model_validate(row.policy or row.late or {})) for row in rows)
    return {AssignmentId(assignment): policy.extension_days_per_term for assignment, policy in found}


def works_of(work: Work, person: PersonId, course: CourseId) -> set[tuple[int, str]]:
    """(assignment, owner) of all that is a person's in a course: their own work, and what counts for them."""
    entry = GradebookEntryRow
    in_course = select(AssignmentRow.id).where(AssignmentRow.course_id == course)
    counted = (
        select(entry.assignment_id, SubmissionRow.owner)
        .join(SubmissionRow, SubmissionRow.id == entry.submission_id)
        .where(entry.person_id == person, entry.assignment_id.in_(in_course))
    )
    own = in_course.with_only_columns(AssignmentRow.id)
    found = {(assignment, owner) for assignment, owner in work.session.execute(counted)}
    return found | {(assignment, f"p{person}") for assignment in work.session.scalars(own)}


def uploads_of(work: Work, works: Iterable[tuple[int, str]], budget: Mapping[AssignmentId, int]) -> list[Upload]:
    query = select(
        SubmissionRow.id, SubmissionRow.assignment_id, SubmissionRow.received_at, SubmissionRow.late_days
    ).where(tuple_(SubmissionRow.assignment_id, SubmissionRow.owner).in_(sorted(works)))
    return [
        Upload(
            submission=SubmissionId(str(row.id)),
            assignment=AssignmentId(row.assignment_id),
            received_at=row.received_at,
            late_days=row.late_days,
            budget=budget.get(AssignmentId(row.assignment_id), 0),
        )
        for row in work.session.execute(query)
    ]


def set_late_days(work: Work, days: Mapping[UUID, int]) -> None:
    for submission, count in days.items():
        statement = update(SubmissionRow).where(SubmissionRow.id == submission).values(late_days=count)
        work.session.execute(statement)


def counted_people(work: Work, assignment: AssignmentId, owners: Iterable[str] | None) -> list[PersonId]:
    """For whom work of these owners, or (None) of any, counts."""
    query = (
        select(GradebookEntryRow.person_id)
        .join(SubmissionRow, SubmissionRow.id == GradebookEntryRow.submission_id)
        .where(GradebookEntryRow.assignment_id == assignment)
    )
    if owners is not None:
        query = query.where(SubmissionRow.owner.in_(list(owners)))
    return [PersonId(person) for person in sorted(work.session.scalars(query))]


def set_policy(work: Work, assignment: int) -> SetPolicy | None:
    """The one that holds instead of the spec's, with who set it and why."""
    who = aliased(PersonRow)
    row = work.session.execute(
        select(LatePolicyRow.policy, LatePolicyRow.reason, who.email, LatePolicyRow.made_at)
        .join(who, who.id == LatePolicyRow.made_by)
        .where(LatePolicyRow.assignment_id == assignment, LatePolicyRow.withdrawn_at.is_(None))
        .order_by(LatePolicyRow.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else SetPolicy(LatePolicy.model_validate(row[0]), *row[1:])


def add_policy(work: Work, assignment: int, policy: LatePolicy, *, reason: str, made_by: PersonId) -> None:
    values = {
        "assignment_id": assignment, "policy": policy.model_dump(mode="json"), "reason": reason, "made_by": made_by,
    }  # fmt: skip
    work.session.execute(insert(LatePolicyRow).values(values))


def withdraw_policy(work: Work, assignment: int) -> int:
    """Withdraw all that are not, so that the spec's holds again. How many there were."""
    statement = (
        update(LatePolicyRow)
        .where(LatePolicyRow.assignment_id == assignment, LatePolicyRow.withdrawn_at.is_(None))
        .values(withdrawn_at=func.clock_timestamp())
        .returning(LatePolicyRow.id)
    )
    return len(work.session.execute(statement, execution_options={"synchronize_session": False}).all())


def late_works(work: Work, course: CourseId, but: AssignmentId) -> list[tuple[AssignmentId, Owner]]:
    """(assignment, owner) of what came in late for the course's other assignments, in the order to lock them in."""
    query = (
        select(SubmissionRow.assignment_id, SubmissionRow.owner)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .where(AssignmentRow.course_id == course, AssignmentRow.id != but, SubmissionRow.late_days > 0)
        .distinct()
    )
    return sorted((AssignmentId(assignment), Owner(owner)) for assignment, owner in work.session.execute(query))


def lock_course(work: Work, course: CourseId) -> None:
    """One change at a time of what lateness in a course is worked out from."""
    work.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"lateness:{course}", 0))))


def lock_terms(work: Work, course: CourseId, persons: Iterable[PersonId]) -> None:
    """One late upload at a time of each of these: two at once would both take the same last day."""
    for person in sorted(persons):
        key = func.hashtextextended(f"term:{course}:{person}", 0)
        work.session.execute(select(func.pg_advisory_xact_lock(key)))
