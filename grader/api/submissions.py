"""Submissions, their runs, their bytes, and the pictures beside their checks."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from grader.answers.given import unpacked
from grader.api.access import MayGrade, MayRead, TheServices, UuidInPath, Words
from grader.api.conditional import conditional
from grader.api.document import NOT_MODIFIED, media, problems
from grader.api.schemas.assignments import StateName
from grader.api.schemas.common import Listed
from grader.api.schemas.runs import RunAnswer, StaffRunAnswer, run_answer
from grader.api.schemas.submissions import (
    SubmissionAnswer,
    SubmissionLineAnswer,
    line_answer,
    submission_answer,
)
from grader.domain.course import Reader
from grader.domain.errors import NotYours
from grader.domain.grading import GradingRun, OfferedAssignment
from grader.domain.ids import PersonId
from grader.domain.submission import Submission
from grader.http.doings import tell_new_run
from grader.http.downloads import attachment
from grader.service import adjustments, assignments, progress, runs, submissions, visibility
from grader.service.submissions import SubmissionQuery
from grader.storage.blobs import Blobs
from grader.storage.database import Work

router = APIRouter(tags=["submissions"])
_LARGEST_ID = 2**31 - 1
_NO_PICTURE = "There is no such picture."


@router.get("/submissions", responses=problems(404))
def list_submissions(
    reader: MayRead,
    services: TheServices,
    assignment: Annotated[Words, Query(max_length=80, description="An assignment's slug.")] = "",
    person: Annotated[int | None, Query(ge=1, le=_LARGEST_ID, description="A person's id.")] = None,
    state: StateName | Literal[""] = "",
    flagged: Annotated[bool, Query(description="Staff: those with something that looks deliberate.")] = False,
    cursor: Annotated[Words, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Listed[SubmissionLineAnswer]:
    """Submissions, newest first: one's own and one's team's; for staff, those of their courses."""
    query = SubmissionQuery(
        assignment=assignment,
        person=None if person is None else PersonId(person),
        state=state,
        flagged=flagged,
        cursor=cursor,
        limit=limit,
    )
    with services.database.begin() as work:
        page = submissions.list_submissions(work, reader, query)
    return Listed(
        items=[line_answer(line, for_staff=reader.is_staff(line.submission.course_id)) for line in page.lines],
        next_cursor=page.next_cursor or None,
    )


@router.get("/submissions/{submission}", response_model=SubmissionAnswer, responses=problems(404) | NOT_MODIFIED)
def read_submission(request: Request, submission: UuidInPath, reader: MayRead, services: TheServices) -> Response:
    """One submission with its newest run, as this reader may see it."""
    with services.database.begin() as work:
        answer = shown_submission(work, services.blobs, reader, submissions.find(work, reader, submission))
    return conditional(request, answer)


@router.get("/submissions/{submission}/runs", responses=problems(404))
def list_runs(submission: UuidInPath, reader: MayRead, services: TheServices) -> Listed[StaffRunAnswer]:
    """Every run, newest first. Staff only."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        reader.require_staff(found.course_id)
        offered = assignments.offered(work, reader, found.assignment)
        answers = [
            shown_run(work, reader, offered, run, for_staff=True) for run in submissions.runs_of(work, reader, found)
        ]
    return Listed(items=[answer for answer in answers if isinstance(answer, StaffRunAnswer)])


@router.get(
    "/submissions/{submission}/file",
    response_class=Response,
    responses=problems(404, 410)
    | media("application/octet-stream", description="The bytes that were handed in, as an attachment."),
)
def read_file(submission: UuidInPath, reader: MayRead, services: TheServices) -> Response:
    """The bytes that were handed in, exactly."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
    return attachment(found.file, services.blobs.get(found.kept_sha256()))


@router.get(
    "/artifacts/{artifact}",
    response_class=Response,
    responses=problems(404) | media("image/png", "application/json", description="A picture or a curve."),
)
def read_artifact(artifact: UuidInPath, reader: MayRead, services: TheServices) -> Response:
    """A picture (PNG) or a curve (JSON) beside a check's message."""
    with services.database.begin() as work:
        try:
            kind, sha256 = submissions.artifact_for(work, reader, artifact)
        except NotYours as error:
            # The same words whether it is another's or does not exist.
            raise NotYours(_NO_PICTURE) from error
    media_type = "image/png" if kind == "picture" else "application/json"
    # Bytes under an id never change.
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return Response(services.blobs.get(sha256), media_type=media_type, headers=headers)


@router.post("/submissions/{submission}/rerun", status_code=202, responses=problems(404, 409, 410))
def rerun(
    request: Request,
    submission: UuidInPath,
    reader: MayGrade,
    services: TheServices,
    fresh: Annotated[bool, Query(description="Run every check, also those whose results could be reused.")] = False,
) -> StaffRunAnswer:
    """A new run by the assignment's current spec version. Staff only; an unfinished run is given back as it is."""
    began_ns = time.time_ns()
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        reader.require_staff(found.course_id)
        offered = assignments.offered(work, reader, found.assignment)
        answer = shown_run(work, reader, offered, runs.rerun(work, reader, found, is_fresh=fresh), for_staff=True)
    assert isinstance(answer, StaffRunAnswer)
    tell_new_run(request, "rerun", run=answer.id, submission=found.id, began_ns=began_ns)
    return answer


def shown_submission(work: Work, blobs: Blobs, reader: Reader, found: Submission) -> SubmissionAnswer:
    """The submission object for this reader."""
    for_staff = reader.is_staff(found.course_id)
    offered = submissions.offered_to_owner(work, reader, found)
    run = submissions.latest_run(work, reader, found)
    return submission_answer(
        line_answer(submissions.line_of(work, reader, found), for_staff=for_staff),
        shown_run(work, reader, offered, run, for_staff=for_staff),
        progress.queue_place(work, reader, found),
        unpacked(blobs.get(found.answers_sha256)) if found.answers_sha256 else None,
        adjustments.shown_with(work, reader, offered, found, run),
    )


def shown_run(work: Work, reader: Reader, offered: OfferedAssignment, run: GradingRun, *, for_staff: bool) -> RunAnswer:
    """A run that was already cut to what this reader may see, as an object."""
    now = submissions.seen_at(work)
    withheld = frozenset(
        str(check.id) for check in run.plan if not visibility.may_see_check(run, check.id, offered, reader, now)
    )
    return run_answer(run, offered.spec.definition, withheld=withheld, for_staff=for_staff)
