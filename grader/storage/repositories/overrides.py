from __future__ import annotations

from sqlalchemy import func, insert, select, update

from grader.domain.course import Role
from grader.domain.ids import PersonId
from grader.storage.database import Work
from grader.storage.models import MembershipRow, OverrideRow


def is_student(work: Work, course: int, person: PersonId) -> bool:
    """Whether this is a student of the course who has not left."""
    query = select(MembershipRow.person_id).where(
        MembershipRow.course_id == course,
        MembershipRow.person_id == person,
        MembershipRow.role == Role.STUDENT.value,
        MembershipRow.left_at.is_(None),
    )
    return work.session.scalar(query) is not None


def holding(work: Work, assignment: int, person: PersonId) -> float | None:
    """The score of the override that holds; None when the run's score counts."""
    query = (
        select(OverrideRow.score)
        .where(
            OverrideRow.assignment_id == assignment,
            OverrideRow.person_id == person,
            OverrideRow.withdrawn_at.is_(None),
        )
        .order_by(OverrideRow.id.desc())
        .limit(1)
    )
    return work.session.scalar(query)


def add(work: Work, assignment: int, person: PersonId, *, score: float, reason: str, made_by: PersonId) -> None:
    values = {
        "assignment_id": assignment,
        "person_id": person,
        "score": score,
        "reason": reason,
        "made_by": made_by,
    }
    work.session.execute(insert(OverrideRow).values(values))


def withdraw(work: Work, assignment: int, person: PersonId) -> int:
    """Withdraw all that are not: an older one does not come back to life with the newest gone. How many there were."""
    statement = (
        update(OverrideRow)
        .where(
            OverrideRow.assignment_id == assignment,
            OverrideRow.person_id == person,
            OverrideRow.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=func.clock_timestamp())
        .returning(OverrideRow.id)
    )
    return len(work.session.execute(statement, execution_options={"synchronize_session": False}).all())
