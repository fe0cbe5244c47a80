"""Assignments, and handing in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from grader.api.access import MayRead, MaySubmit, Own, SlugInPath, TheServices
from grader.api.document import UPLOAD_BODY, problems
from grader.api.schemas.assignments import AssignmentAnswer, QuestionAnswer, assignment_answer, question_answer
from grader.api.schemas.common import Listed
from grader.api.schemas.submissions import ReceiptAnswer, receipt_answer
from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId
from grader.http.edge import API_PREFIX
from grader.http.services import Services
from grader.http.uploads import receive_upload
from grader.service import assignments
from grader.storage.database import Work

router = APIRouter(tags=["assignments"])


@router.get("/assignments", responses=problems())
def list_assignments(reader: MayRead, services: TheServices) -> Listed[AssignmentAnswer]:
    """What the reader's courses offer, by due date."""
    with services.database.begin() as work:
        offered = assignments.offered_for(work, reader)
        return Listed(items=[shown_assignment(work, reader, assignment) for assignment in offered])


@router.get("/assignments/{assignment}", responses=problems(404))
def read_assignment(assignment: SlugInPath, reader: MayRead, services: TheServices) -> AssignmentAnswer:
    """One assignment, and how it stands for whoever asks."""
    with services.database.begin() as work:
        return shown_assignment(work, reader, assignments.offered(work, reader, assignment))


@router.get("/assignments/{assignment}/questions", responses=problems(404))
def list_questions(assignment: SlugInPath, reader: MayRead, services: TheServices) -> Listed[QuestionAnswer]:
    """The questions that are answered in writing, in the assignment's order; none for most assignments."""
    offered = _offered(services, reader, assignment)
    asked, definition = services.questions.of(services.blobs, offered.spec), offered.spec.definition
    return Listed(items=[question_answer(question, definition) for question in asked])


@router.post(
    "/assignments/{assignment}/submissions",
    status_code=202,
    response_model=ReceiptAnswer,
    responses=problems(404, 413, 429),
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def hand_in(
    request: Request,
    assignment: SlugInPath,
    reader: MaySubmit,
    services: TheServices,
    own: Own = False,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key gives the same receipt, however often the upload is sent.", max_length=200),
    ] = None,
) -> Response:
    """Hand in one zip file, notebook or Python file, and written answers with it if you like.

    With `own` the answers, or an `answers.toml` as the file, may be all there is.

    The receipt means that it is safe and will be graded.
    """
    offered = await run_in_threadpool(_offered, services, reader, assignment)
    receipt = await receive_upload(request, reader, offered, idempotency_key=idempotency_key, own=own)
    answer = receipt_answer(receipt, API_PREFIX)
    return JSONResponse(answer.model_dump(mode="json"), status_code=202, headers={"Location": answer.links.self})


def shown_assignment(work: Work, reader: Reader, assignment: OfferedAssignment) -> AssignmentAnswer:
    """The assignment with the reader's standing; staff have none."""
    is_staff = reader.is_staff(CourseId(assignment.course_id))
    standing = None if is_staff else assignments.for_student(work, reader, assignment)
    return assignment_answer(assignment, standing)


def _offered(services: Services, reader: Reader, slug: str) -> OfferedAssignment:
    with services.database.begin() as work:
        return assignments.offered(work, reader, slug)
