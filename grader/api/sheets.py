"""What graders look at: pages of the report and cells of the notebook, made in a sandbox of what was handed in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from grader.api.access import MayGrade, MayRead, TheServices, UuidInPath
from grader.api.document import media, problems
from grader.api.schemas.sheets import SheetsAnswer, sheets_answer
from grader.http.downloads import shown_picture
from grader.service import assignments, sheets, submissions

router = APIRouter(tags=["sheets"])


@router.get("/submissions/{submission}/sheets", responses=problems(404))
def read_sheets(submission: UuidInPath, reader: MayRead, services: TheServices) -> SheetsAnswer:
    """The sheets of a submission, as far as they are made: one's own and one's team's; for staff, of their courses."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        offered = assignments.offered(work, reader, found.assignment)
        return sheets_answer(sheets.of_submission(work, reader, found), offered.spec.definition)


@router.post("/submissions/{submission}/sheets", status_code=202, responses=problems(404, 410))
def want_sheets(submission: UuidInPath, reader: MayGrade, services: TheServices) -> SheetsAnswer:
    """Have them made, or made again, by the next worker that has nothing to grade. Staff only."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        offered = assignments.offered(work, reader, found.assignment)
        return sheets_answer(sheets.want(work, reader, found), offered.spec.definition)


@router.get(
    "/sheet-pictures/{sheet_picture}",
    response_class=Response,
    responses=problems(404) | media("image/png", "image/jpeg", description="A page, or a picture of an output."),
)
def read_sheet_picture(sheet_picture: UuidInPath, reader: MayRead, services: TheServices) -> Response:
    """A page or a picture of an output, encoded by the service from pixels."""
    with services.database.begin() as work:
        kind, sha256 = sheets.picture_for(work, reader, sheet_picture)
    return shown_picture(kind, services.blobs.get(sha256))
