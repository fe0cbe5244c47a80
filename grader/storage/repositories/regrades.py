"""Regrade requests: asked once, answered or withdrawn once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from grader.domain.adjustment import Target, TargetKind
from grader.domain.ids import Owner, PersonId, SubmissionId
from grader.domain.regrade import RegradeRequest, RegradeState
from grader.domain.submission import Submission
from grader.storage.database import Work
from grader.storage.models import (
    AdjustmentRow,
    AssignmentRow,
    CourseRow,
    PersonRow,
    RegradeRow,
    SubmissionRow,
    TeamRow,
)
from grader.storage.plain_text import keepable
from grader.storage.repositories.people import person_of
from grader.storage.repositories.submissions import Owned


class After(NamedTuple):
    """The request that the page before ended with."""

    is_closed: bool
    asked_at: datetime
    id: int


class RegradeFilter(NamedTuple):
    """None means any.

    What a reader may see is what is in one of the courses they are `within`, and `owned` by them or in one of those
    they are `staff_of`.
    """

    owned: Owned
    within: Sequence[int] | None
    staff_of: Sequence[int] | None
    course: int | None = None
    assignment: int | None = None
    submission: UUID | None = None
    state: str | None = None
    after: After | None = None


def add(work: Work, submission: Submission, person: PersonId, *, target: Target, title: str, reason: str) -> int | None:
    """Its id; None when a request about the same is open."""
    values = {
        "assignment_id": submission.assignment_id,
        "submission_id": UUID(submission.id),
        "owner": submission.owner,
        "person_id": person,
        "target": target.kind.value,
        "target_id": target.id,
        "title": title,
        "reason": keepable(reason),
    }
    statement = insert(RegradeRow).values(values).on_conflict_do_nothing().returning(RegradeRow.id)
    return work.session.execute(statement).scalar_one_or_none()


def count(work: Work, assignment: int, owner: str) -> int:
    """How often an owner's people asked about an assignment."""
    query = select(func.count()).where(RegradeRow.assignment_id == assignment, RegradeRow.owner == owner)
    return work.session.execute(query).scalar_one()


def count_open(work: Work, course: int) -> int:
    query = (
        select(func.count())
        .select_from(RegradeRow)
        .join(AssignmentRow, AssignmentRow.id == RegradeRow.assignment_id)
        .where(AssignmentRow.course_id == course, RegradeRow.state == RegradeState.OPEN.value)
    )
    return work.session.execute(query).scalar_one()


def get(work: Work, identity: int) -> RegradeRequest | None:
    found = _read(work, RegradeRow.id == identity, limit=1)
    return found[0] if found else None


def close(
    work: Work,
    identity: int,
    state: RegradeState,
    *,
    by: PersonId,
    answer: str = "",
    adjustment: int | None = None,
) -> bool:
    """Whether it was open until now: of two who answer at once, one is told."""
    statement = (
        update(RegradeRow)
        .where(RegradeRow.id == identity, RegradeRow.state == RegradeState.OPEN.value)
        .values(
            state=state.value,
            answered_by=by,
            answered_at=func.clock_timestamp(),
            answer=keepable(answer),
            adjustment_id=adjustment,
        )
        .returning(RegradeRow.id)
    )
    found = work.session.execute(statement, execution_options={"synchronize_session": False})
    return found.first() is not None


def select_page(work: Work, wanted: RegradeFilter, limit: int) -> list[RegradeRequest]:
    """Open ones first, then the oldest."""
    own = or_(
        RegradeRow.owner.in_(wanted.owned.owners),
        tuple_(RegradeRow.assignment_id, RegradeRow.owner).in_(wanted.owned.before),
    )
    conditions = [
        AssignmentRow.course_id.in_(wanted.within) if wanted.within is not None else None,
        or_(own, AssignmentRow.course_id.in_(wanted.staff_of)) if wanted.staff_of is not None else None,
        AssignmentRow.course_id == wanted.course if wanted.course is not None else None,
        RegradeRow.assignment_id == wanted.assignment if wanted.assignment is not None else None,
        RegradeRow.submission_id == wanted.submission if wanted.submission is not None else None,
        RegradeRow.state == wanted.state if wanted.state is not None else None,
        _order() > wanted.after if wanted.after is not None else None,
    ]
    return _read(work, and_(True, *(condition for condition in conditions if condition is not None)), limit=limit)


def _order() -> Any:
    return tuple_(RegradeRow.state != RegradeState.OPEN.value, RegradeRow.asked_at, RegradeRow.id)


def _read(work: Work, condition: ColumnElement[bool], limit: int) -> list[RegradeRequest]:
    asker, answerer = PersonRow, aliased(PersonRow)
    query = (
        select(
            RegradeRow,
            asker,
            answerer.name.label("answerer"),
            AssignmentRow.slug,
            AssignmentRow.title.label("assignment_title"),
            AssignmentRow.course_id,
            CourseRow.time_zone,
            SubmissionRow.number,
            TeamRow.name.label("team"),
            AdjustmentRow.points,
            AdjustmentRow.person_id.label("member"),
        )
        .join(asker, asker.id == RegradeRow.person_id)
        .join(AssignmentRow, AssignmentRow.id == RegradeRow.assignment_id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .join(SubmissionRow, SubmissionRow.id == RegradeRow.submission_id)
        .outerjoin(TeamRow, func.concat("t", TeamRow.id) == RegradeRow.owner)
        .outerjoin(answerer, answerer.id == RegradeRow.answered_by)
        .outerjoin(AdjustmentRow, AdjustmentRow.id == RegradeRow.adjustment_id)
        .where(condition)
        .order_by(RegradeRow.state != RegradeState.OPEN.value, RegradeRow.asked_at, RegradeRow.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [_request(found) for found in work.session.execute(query)]


def _request(found: Any) -> RegradeRequest:
    row: RegradeRow = found.RegradeRow
    return RegradeRequest(
        id=row.id,
        assignment=found.slug,
        assignment_title=found.assignment_title,
        course_id=found.course_id,
        time_zone=found.time_zone,
        submission=SubmissionId(str(row.submission_id)),
        number=found.number,
        owner=Owner(row.owner),
        team=found.team,
        person=person_of(found.PersonRow),
        target=Target(kind=TargetKind(row.target), id=row.target_id),
        title=row.title,
        reason=row.reason,
        state=RegradeState(row.state),
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        answered_by=found.answerer,
        answer=row.answer,
        points=found.points,
        for_member=found.member is not None,
    )
