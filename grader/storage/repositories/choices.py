"""Which of an owner's submissions they chose to count: the newest choice holds."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import insert, select

from grader.domain.ids import AssignmentId, Owner, PersonId, SubmissionId
from grader.storage.database import Work
from grader.storage.models import ChoiceRow


def holding(work: Work, assignment: AssignmentId, owner: Owner) -> SubmissionId | None:
    query = (
        select(ChoiceRow.submission_id)
        .where(ChoiceRow.assignment_id == assignment, ChoiceRow.owner == owner)
        .order_by(ChoiceRow.id.desc())
        .limit(1)
    )
    found = work.session.scalar(query)
    return None if found is None else SubmissionId(str(found))


def add(
    work: Work, assignment: AssignmentId, owner: Owner, submission: UUID, *, reason: str, made_by: PersonId
) -> None:
    values = {
        "assignment_id": assignment, "owner": owner, "submission_id": submission, "reason": reason, "made_by": made_by,
    }  # fmt: skip
    work.session.execute(insert(ChoiceRow).values(values))
