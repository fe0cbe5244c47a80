"""What a worker that has just started will most likely be asked for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from grader.storage.database import Work
from grader.storage.models import AssignmentRow, SpecVersionRow, SubmissionRow


def likeliest_definition(work: Work, *, queue: str | None = None) -> dict[str, Any] | None:
    """Of the assignment that was handed in last, else of the one offered last; None when there is none.

    With a queue, only those that train there count.
    """
    latest = (
        select(func.max(SubmissionRow.received_at))
        .where(SubmissionRow.assignment_id == AssignmentRow.id)
        .scalar_subquery()
    )
    query = (
        select(SpecVersionRow.definition)
        .join(AssignmentRow, AssignmentRow.spec_version_id == SpecVersionRow.id)
        .order_by(latest.desc().nulls_last(), AssignmentRow.id.desc())
        .limit(1)
    )
    if queue is not None:
        query = query.where(SpecVersionRow.definition["queue"].astext == queue)
    return work.session.scalars(query).first()
