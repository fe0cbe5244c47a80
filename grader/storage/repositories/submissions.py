from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, cast, exists, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.orm import aliased

from grader.domain.course import Person
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId, Sha256, Slug, SubmissionId
from grader.domain.submission import Submission, Upload
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    GradebookEntryRow,
    MembershipRow,
    PersonRow,
    RunRow,
    SpecVersionRow,
    SubmissionRow,
    TeamRow,
)
from grader.storage.plain_text import keepable


class Owned(NamedTuple):
    """Whose work is a person's too: these owners', and what these owners handed in for these assignments.

    The second are teams the person was in: teams may be made anew, and what counts for somebody stays theirs to see.
    """

    owners: Sequence[str]
    before: Sequence[tuple[int, str]]

    def holds(self, submission: Submission) -> bool:
        return submission.owner in self.owners or (submission.assignment_id, submission.owner) in self.before


class SubmissionFilter(NamedTuple):
    """None means any.

    What the reader may see is what is in one of the courses they are `within`, and `owned` by them or in one of those
    they are `staff_of`.
    """

    owned: Owned
    within: Sequence[int] | None
    staff_of: Sequence[int] | None
    assignment: int | None
    person: int | None
    before: tuple[datetime, UUID] | None
    states: Sequence[str] | None
    # What students are not told cannot be asked for by them either: of the courses in `staff_of` alone.
    is_flagged: bool = False


def lock_owner(work: Work, assignment_id: int, owner: str) -> None:
    """One transaction at a time for an owner and assignment."""
    work.session.execute(
        text("SELECT pg_advisory_xact_lock(:assignment, hashtext(:owner))"),
        {"assignment": assignment_id, "owner": owner},
    )


def team_of(work: Work, course_id: int, person_id: int) -> int | None:
    """The team of a member, if there is one."""
    query = select(MembershipRow.team_id).where(
        MembershipRow.course_id == course_id, MembershipRow.person_id == person_id, MembershipRow.left_at.is_(None)
    )
    return work.session.execute(query).scalar_one_or_none()


def owned_by(work: Work, person_id: int) -> Owned:
    query = select(MembershipRow.team_id).where(
        MembershipRow.person_id == person_id, MembershipRow.team_id.is_not(None), MembershipRow.left_at.is_(None)
    )
    owners = [f"p{person_id}", *(f"t{team}" for team in work.session.scalars(query))]
    counted = (
        select(SubmissionRow.assignment_id, SubmissionRow.owner)
        .join(GradebookEntryRow, GradebookEntryRow.submission_id == SubmissionRow.id)
        .where(GradebookEntryRow.person_id == person_id, SubmissionRow.owner.not_in(owners))
    )
    return Owned(owners, [(assignment, owner) for assignment, owner in work.session.execute(counted)])


def spec_version_id(work: Work, spec_slug: str, version: str) -> int:
    query = select(SpecVersionRow.id).where(SpecVersionRow.spec_slug == spec_slug, SpecVersionRow.version == version)
    return work.session.execute(query).scalar_one()


def newest(work: Work, assignment_id: int, owner: str) -> SubmissionRow | None:
    query = (
        select(SubmissionRow)
        .where(SubmissionRow.assignment_id == assignment_id, SubmissionRow.owner == owner)
        .order_by(SubmissionRow.number.desc())
        .limit(1)
    )
    return work.session.scalars(query).first()


def by_key(work: Work, assignment_id: int, owner: str, key: str) -> SubmissionRow | None:
    query = select(SubmissionRow).where(
        SubmissionRow.assignment_id == assignment_id,
        SubmissionRow.owner == owner,
        SubmissionRow.idempotency_key == key,
    )
    return work.session.scalars(query).first()


def uploads_since(work: Work, assignment_id: int, owner: str, since: datetime) -> int:
    """Submissions received since then, without those whose newest run was rejected."""
    run = aliased(RunRow)
    newest_state = (
        select(run.state)
        .where(run.submission_id == SubmissionRow.id, ~run.is_trial)
        .order_by(run.created_at.desc())
        .limit(1)
        .correlate(SubmissionRow)
        .scalar_subquery()
    )
    query = select(func.count()).where(
        SubmissionRow.assignment_id == assignment_id,
        SubmissionRow.owner == owner,
        SubmissionRow.received_at >= since,
        newest_state.is_distinct_from("rejected"),
    )
    return work.session.execute(query).scalar_one()


def late_days_charged(work: Work, course_id: int, owners: Sequence[str]) -> dict[int, int]:
    """Assignment of the course to the most late days of any submission of these owners for it."""
    query = (
        select(SubmissionRow.assignment_id, func.max(SubmissionRow.late_days).label("days"))
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .where(AssignmentRow.course_id == course_id, SubmissionRow.owner.in_(owners))
        .group_by(SubmissionRow.assignment_id)
    )
    return {row.assignment_id: row.days for row in work.session.execute(query)}


def add(
    work: Work,
    *,
    assignment_id: int,
    person_id: int,
    owner: str,
    number: int,
    upload: Upload,
    late_days: int,
    idempotency_key: str | None,
    is_own: bool = False,
) -> SubmissionRow:
    row = SubmissionRow(
        id=uuid4(),
        assignment_id=assignment_id,
        person_id=person_id,
        owner=owner,
        number=number,
        file_name=keepable(upload.name),
        sha256=upload.sha256,
        size_bytes=upload.size_bytes,
        answers_sha256=upload.answers_sha256,
        late_days=late_days,
        idempotency_key=idempotency_key,
        is_own=is_own,
    )
    work.session.add(row)
    work.session.flush()
    return row  # fmt: skip


def get(work: Work, identity: UUID) -> Submission | None:
    rows = _read(work, SubmissionRow.id == identity, limit=1)
    return rows[0] if rows else None


def select_page(work: Work, wanted: SubmissionFilter, limit: int) -> list[Submission]:
    """Newest first."""
    own = or_(
        SubmissionRow.owner.in_(wanted.owned.owners),
        tuple_(SubmissionRow.assignment_id, SubmissionRow.owner).in_(wanted.owned.before),
    )
    conditions = [
        AssignmentRow.course_id.in_(wanted.within) if wanted.within is not None else None,
        own if wanted.staff_of is not None and not wanted.staff_of
        else or_(own, AssignmentRow.course_id.in_(wanted.staff_of)) if wanted.staff_of is not None
        else None,
        SubmissionRow.assignment_id == wanted.assignment if wanted.assignment is not None else None,
        SubmissionRow.person_id == wanted.person if wanted.person is not None else None,
        tuple_(SubmissionRow.received_at, SubmissionRow.id) < wanted.before if wanted.before is not None else None,
        _newest_state_in(wanted.states) if wanted.states is not None else None,
        _flagged_for(wanted.staff_of) if wanted.is_flagged else None,
    ]  # fmt: skip
    return _read(work, and_(True, *(condition for condition in conditions if condition is not None)), limit=limit)


def _newest_state_in(states: Sequence[str]) -> ColumnElement[bool]:
    return _newest_run(RunRow.state.in_(states))


def _flagged_for(staff_of: Sequence[int] | None) -> ColumnElement[bool]:
    is_flagged = _newest_run(func.jsonb_path_exists(RunRow.facts, cast("$.*.flags[*]", JSONPATH)))
    return is_flagged if staff_of is None else and_(is_flagged, AssignmentRow.course_id.in_(staff_of))


def _newest_run(holds: ColumnElement[bool]) -> ColumnElement[bool]:
    newer = aliased(RunRow)
    return exists().where(
        RunRow.submission_id == SubmissionRow.id,
        holds,
        ~RunRow.is_trial,
        ~exists().where(
            newer.submission_id == RunRow.submission_id, newer.created_at > RunRow.created_at, ~newer.is_trial
        ),
    )


def _read(work: Work, condition: ColumnElement[bool], limit: int) -> list[Submission]:
    query = (
        select(SubmissionRow, AssignmentRow.slug, AssignmentRow.course_id, PersonRow, TeamRow.name)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(PersonRow, PersonRow.id == SubmissionRow.person_id)
        .outerjoin(TeamRow, func.concat("t", TeamRow.id) == SubmissionRow.owner)
        .where(condition)
        .order_by(SubmissionRow.received_at.desc(), SubmissionRow.id.desc())
        .limit(limit)
    )
    return [
        Submission(
            id=SubmissionId(str(row.id)),
            assignment=Slug(slug),
            assignment_id=AssignmentId(row.assignment_id),
            course_id=CourseId(course_id),
            person=Person(
                id=PersonId(person.id), email=person.email, name=person.name, student_number=person.student_number,
                is_admin=person.is_admin,
            ),
            owner=Owner(row.owner),
            team=team,
            number=row.number,
            file=row.file_name,
            sha256=Sha256(row.sha256),
            size_bytes=row.size_bytes,
            received_at=row.received_at,
            late_days=row.late_days,
            answers_sha256=None if row.answers_sha256 is None else Sha256(row.answers_sha256),
            removed_at=row.removed_at,
            is_own=row.is_own,
        )
        for row, slug, course_id, person, team in work.session.execute(query)
    ]  # fmt: skip


def counting(work: Work, assignments: Sequence[int], submissions: Sequence[UUID]) -> set[UUID]:
    """Which of these submissions count for anybody."""
    found: set[UUID] = set()
    for column in (GradebookEntryRow.submission_id, GradebookEntryRow.own_submission_id):
        query = select(column).where(GradebookEntryRow.assignment_id.in_(assignments), column.in_(submissions))
        found.update(one for one in work.session.scalars(query) if one is not None)
    return found
