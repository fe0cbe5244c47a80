"""An assignment: what to hand in, handing it in, and what was handed in."""

from __future__ import annotations

from http import HTTPStatus
from secrets import token_urlsafe

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from grader.domain.errors import ConflictError, GraderError, InputError, StorageFull
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId
from grader.http import problems
from grader.http.services import Services
from grader.http.uploads import receive_upload
from grader.service import assignments, courses, submissions
from grader.service.accounts import SignedIn
from grader.service.submissions import SubmissionQuery
from grader.web.access import SlugInPath, TheServices, TheVisitor
from grader.web.errors import wants_page
from grader.web.render import page
from grader.web.standing import cost_of

router = APIRouter()

_HISTORY = 50


@router.get("/assignments/{slug}")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The assignment as whoever looks stands to it; for staff, with the newest submissions of the course."""
    return _page(request, services, visitor, slug)


@router.post("/assignments/{slug}/submissions")
async def hand_in(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """Take an upload in, then on to its page; a script gets the page's address, or a problem document."""
    offered = await run_in_threadpool(_offered, services, visitor, slug)
    try:
        receipt = await receive_upload(request, visitor.reader, offered, idempotency_key=None)
    except (InputError, ConflictError, StorageFull) as problem:
        if not wants_page(request):
            raise
        # What is wrong is said beside the form, where it can be mended.
        return await run_in_threadpool(_page, request, services, visitor, slug, problem)
    target = f"/submissions/{receipt.id}" + ("" if receipt.is_new else "?again=1")
    if wants_page(request):
        return RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
    return JSONResponse({"page": target, "id": receipt.id}, status_code=HTTPStatus.CREATED)


def _offered(services: Services, visitor: SignedIn, slug: str) -> OfferedAssignment:
    with services.database.begin() as work:
        return assignments.offered(work, visitor.reader, slug)


def _page(
    request: Request, services: Services, visitor: SignedIn, slug: str, problem: GraderError | None = None
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        is_staff = reader.is_staff(CourseId(offered.course_id))
        standing = assignments.for_student(work, reader, offered)
        course = courses.course_of(work, reader, offered.course_slug)
        history = submissions.list_submissions(work, reader, SubmissionQuery(assignment=slug, limit=_HISTORY))
        now = submissions.seen_at(work)
    return page(
        request,
        "assignment.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        definition=offered.spec.definition,
        course=course,
        standing=standing,
        is_staff=is_staff,
        lines=history.lines,
        has_more=bool(history.next_cursor),
        cost="" if is_staff else cost_of(standing, history.lines),
        key=token_urlsafe(16),
        problem="" if problem is None else problems.detail_of(problem),
        now=now,
    )
