"""Pages of the report and cells of the notebook, for graders to look at; a student may see their own."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.http.downloads import shown_picture
from grader.service import assignments, courses, sheets, submissions
from grader.web.access import IdInPath, TheCommand, TheServices, TheVisitor, Words
from grader.web.render import page
from grader.web.sheets import sheets_view

router = APIRouter()


@router.get("/submissions/{submission}/sheets")
def show(
    request: Request, submission: IdInPath, visitor: TheVisitor, services: TheServices, item: Words = ""
) -> Response:
    """Everything that is there to look at; `item` is the manual item that is read, and says where to open."""
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        offered = assignments.offered(work, reader, found.assignment)
        course = courses.course_of(work, reader, offered.course_slug)
        made = sheets.of_submission(work, reader, found)
    return page(
        request,
        "sheets.html",
        visitor=visitor,
        submission=found,
        assignment=offered,
        course=course,
        is_staff=reader.is_staff(found.course_id),
        view=sheets_view(made, offered.spec.definition, item=item),
    )


@router.post("/submissions/{submission}/sheets")
def want(submission: IdInPath, command: TheCommand, services: TheServices) -> Response:
    """Have them made, or made again. Staff only."""
    reader = command.visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        sheets.want(work, reader, found)
    return RedirectResponse(f"/submissions/{found.id}/sheets", status_code=HTTPStatus.SEE_OTHER)


@router.get("/sheet-pictures/{picture}")
def picture(picture: IdInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """A page, or a picture of an output."""
    with services.database.begin() as work:
        kind, sha256 = sheets.picture_for(work, visitor.reader, picture)
    return shown_picture(kind, services.blobs.get(sha256))
