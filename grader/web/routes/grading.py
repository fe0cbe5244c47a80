"""What staff look at and do around one submission: its code, its runs side by side, running it again."""

from __future__ import annotations

import time
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import UnknownThing
from grader.domain.grading import GradingRun
from grader.http.doings import tell_new_run
from grader.service import assignments, courses, runs, submissions
from grader.web.access import IdInPath, SlugInPath, TheCommand, TheServices, TheVisitor, Words
from grader.web.code import handin_of
from grader.web.compare import compare
from grader.web.facts import claims_of
from grader.web.render import page

router = APIRouter()


@router.get("/submissions/{submission}/code")
def code(request: Request, submission: IdInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """What was handed in: the list of files, and the text where the upload is one text file. Staff only."""
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        reader.require_staff(found.course_id)
        offered = assignments.offered(work, reader, found.assignment)
        course = courses.course_of(work, reader, offered.course_slug)
        run = submissions.latest_run(work, reader, found)
    handin = handin_of(
        found.file, services.blobs.get(found.kept_sha256()), offered.spec.definition, claims_of(run.facts)
    )
    return page(
        request,
        "code.html",
        visitor=visitor,
        submission=found,
        assignment=offered,
        course=course,
        handin=handin,
    )


@router.get("/submissions/{submission}/runs")
def compare_runs(
    request: Request,
    submission: IdInPath,
    visitor: TheVisitor,
    services: TheServices,
    older: Words = "",
    newer: Words = "",
) -> Response:
    """Two runs side by side: the two newest unless told which. Staff only."""
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        reader.require_staff(found.course_id)
        all_runs = submissions.runs_of(work, reader, found)
        offered = assignments.offered(work, reader, found.assignment)
        course = courses.course_of(work, reader, offered.course_slug)
    one, other = _run(all_runs, newer, 0), _run(all_runs, older, 1)
    return page(
        request,
        "runs.html",
        visitor=visitor,
        submission=found,
        assignment=offered,
        course=course,
        runs=all_runs,
        comparison=None if one is None or other is None else compare(other, one),
    )


@router.post("/submissions/{submission}/rerun")
def rerun(request: Request, submission: IdInPath, command: TheCommand, services: TheServices) -> Response:
    """A new run by the spec as it is now. Staff only."""
    began_ns = time.time_ns()
    reader = command.visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        run = runs.rerun(work, reader, found, is_fresh=command.form.is_set("fresh"))
    tell_new_run(request, "rerun", run=run.id, submission=found.id, began_ns=began_ns)
    return RedirectResponse(f"/submissions/{found.id}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/rerun")
def rerun_all(slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Grade what counts for everybody again, by the spec as it is now. Staff only."""
    reader = command.visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        runs.rerun_all(work, reader, offered)
    return RedirectResponse(f"/assignments/{offered.slug}/statistics", status_code=HTTPStatus.SEE_OTHER)


def _run(all_runs: list[GradingRun], wanted: str, index: int) -> GradingRun | None:
    """The run of this id, or the one at this place from the newest."""
    if wanted:
        chosen = next((run for run in all_runs if run.id == wanted), None)
        if chosen is None:
            raise UnknownThing("This submission has no such run.")
        return chosen
    return all_runs[index] if index < len(all_runs) else None
