"""Points of a check, a part or the whole changed by a person. For staff."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import MayGrade, MayRead, NumberInPath, SlugInPath, TheServices, Words
from grader.api.document import problems
from grader.api.schemas.adjustments import AdjustmentMade, AdjustmentsAnswer, NewAdjustment, adjustment_answer
from grader.domain.adjustment import target_of
from grader.domain.ids import PersonId
from grader.service import adjustments, assignments

router = APIRouter(tags=["gradebook"])


@router.get("/assignments/{assignment}/adjustments/{person}", responses=problems(404))
def list_adjustments(
    assignment: SlugInPath, person: NumberInPath, reader: MayRead, services: TheServices
) -> AdjustmentsAnswer:
    """What holds for one student, their team's with it, oldest first."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        held = adjustments.of_line(work, reader, offered, PersonId(person))
    return AdjustmentsAnswer(items=[adjustment_answer(one) for one in held])


@router.post("/assignments/{assignment}/adjustments/{person}", status_code=201, responses=problems(404, 413))
def adjust(
    assignment: SlugInPath, person: NumberInPath, body: NewAdjustment, reader: MayGrade, services: TheServices
) -> AdjustmentMade:
    """Change what counts of a student's work by a difference in points; for all of a team whose work it is."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        made = adjustments.adjust(
            work,
            reader,
            offered,
            PersonId(person),
            target=target_of(body.target, body.id),
            points=body.points,
            reason=body.reason,
            for_member=body.for_member,
        )
    return AdjustmentMade(id=made)


@router.delete("/assignments/{assignment}/adjustments/{person}/{adjustment}", status_code=204, responses=problems(404))
def withdraw_adjustment(
    assignment: SlugInPath,
    person: NumberInPath,
    adjustment: NumberInPath,
    reader: MayGrade,
    services: TheServices,
    reason: Annotated[Words, Query(min_length=1, max_length=1000)],
) -> Response:
    """Take an adjustment back; none that it superseded comes to life again."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        adjustments.withdraw(work, reader, offered, PersonId(person), adjustment, reason=reason)
    return Response(status_code=204)
