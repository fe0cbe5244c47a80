"""Regrade requests: students ask about what counts, staff answer."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import (
    MayGrade,
    MayManage,
    MayRead,
    MaySubmit,
    NumberInPath,
    SlugInPath,
    TheServices,
    UuidInPath,
    Words,
)
from grader.api.document import problems
from grader.api.schemas.common import Listed
from grader.api.schemas.regrades import (
    NewRegrade,
    NewRegradeAnswer,
    RegradeAnswer,
    RegradeStateName,
    RegradeWindow,
    regrade_answer,
)
from grader.domain.adjustment import target_of
from grader.service import assignments, regrades, submissions
from grader.service.regrades import RegradeQuery

router = APIRouter(tags=["regrades"])


@router.get("/regrades", responses=problems(404))
def list_regrades(
    reader: MayRead,
    services: TheServices,
    course: Annotated[Words, Query(max_length=80, description="A course's slug.")] = "",
    assignment: Annotated[Words, Query(max_length=80, description="An assignment's slug.")] = "",
    submission: Annotated[Words, Query(max_length=80, description="A submission's id.")] = "",
    state: RegradeStateName | Literal[""] = "",
    cursor: Annotated[Words, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Listed[RegradeAnswer]:
    """Open ones first, then the oldest: one's own and one's team's; for staff, those of their courses."""
    query = RegradeQuery(
        course=course, assignment=assignment, submission=submission, state=state, cursor=cursor, limit=limit
    )
    with services.database.begin() as work:
        page = regrades.list_requests(work, reader, query)
    return Listed(items=[regrade_answer(one) for one in page.requests], next_cursor=page.next_cursor or None)


@router.get("/regrades/{regrade}", responses=problems(404))
def read_regrade(regrade: NumberInPath, reader: MayRead, services: TheServices) -> RegradeAnswer:
    """One request with its answer."""
    with services.database.begin() as work:
        return regrade_answer(regrades.find(work, reader, regrade))


@router.post("/submissions/{submission}/regrades", status_code=201, responses=problems(404, 409, 413))
def ask_for_regrade(
    submission: UuidInPath, body: NewRegrade, reader: MaySubmit, services: TheServices
) -> RegradeAnswer:
    """Ask staff to look again at a check, a part, an item or the whole of the submission that counts."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        made = regrades.ask(work, reader, found, target=target_of(body.target, body.id), reason=body.reason)
    return regrade_answer(made)


@router.delete("/regrades/{regrade}", status_code=204, responses=problems(404, 409))
def withdraw_regrade(regrade: NumberInPath, reader: MaySubmit, services: TheServices) -> Response:
    """Take an open request back. Whoever asked."""
    with services.database.begin() as work:
        regrades.withdraw(work, reader, regrade)
    return Response(status_code=204)


@router.put("/regrades/{regrade}/answer", responses=problems(404, 409, 413))
def answer_regrade(
    regrade: NumberInPath, body: NewRegradeAnswer, reader: MayGrade, services: TheServices
) -> RegradeAnswer:
    """Grant or decline a request, with words; with `points` adjust in the same step. Staff only."""
    with services.database.begin() as work:
        answered = regrades.answer(
            work,
            reader,
            regrade,
            granted=body.granted,
            words=body.words,
            points=body.points,
            for_member=body.for_member,
        )
    return regrade_answer(answered)


@router.put("/assignments/{assignment}/regrade-window", status_code=204, responses=problems(404, 413))
def set_regrade_window(
    assignment: SlugInPath, body: RegradeWindow, reader: MayManage, services: TheServices
) -> Response:
    """For how many days a result may be asked about. Instructors only."""
    with services.database.begin() as work:
        regrades.set_window(work, reader, assignments.offered(work, reader, assignment), days=body.days)
    return Response(status_code=204)
