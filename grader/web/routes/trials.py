"""Trials: rerun all with foresight. A spec version is tried, looked at, and published or dropped. Staff only."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import BadRequest, BadSpec, ConflictError, GraderError, InputError
from grader.domain.ids import CourseId
from grader.domain.trial import Direction, TrialScope
from grader.formats.trials import to_trial_csv
from grader.http import problems
from grader.http.downloads import disposition
from grader.http.services import Services
from grader.http.specs import folder_version, version_to_try
from grader.service import assignments, courses, runs, trials
from grader.service.accounts import SignedIn
from grader.web.access import NumberInPath, SlugInPath, TheCommand, TheServices, TheVisitor
from grader.web.render import page

router = APIRouter()
_REFUSALS = (InputError, ConflictError, BadSpec)
# More lines than a person reads; the CSV has all.
_MOST_LINES = 500


@router.get("/assignments/{slug}/rerun")
def ask_before_rerun(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """How many submissions a rerun of all would grade again; a spec version to try first; the trials so far."""
    return _rerun_page(request, services, visitor, slug)


@router.post("/assignments/{slug}/trials")
def begin(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    reader, form = command.visitor.reader, command.form
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            version = version_to_try(work, services.blobs, reader, offered, form.line("version"))
            made = trials.begin(
                work, reader, offered, version, reason=form.text("reason"), scope=_scope(form.line("submissions")),
                is_fresh=form.is_set("fresh"),
            )  # fmt: skip
    except _REFUSALS as problem:
        return _rerun_page(request, services, command.visitor, slug, problem, reason=form.text("reason"))
    return RedirectResponse(f"/assignments/{slug}/trials/{made.id}", status_code=HTTPStatus.SEE_OTHER)


@router.get("/assignments/{slug}/trials/{trial}")
def show(
    request: Request, slug: SlugInPath, trial: NumberInPath, visitor: TheVisitor, services: TheServices
) -> Response:
    """What a trial would change, and where it is published or dropped."""
    return _trial_page(request, services, visitor, slug, trial)


@router.get("/assignments/{slug}/trials/{trial}/csv")
def download(slug: SlugInPath, trial: NumberInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The report as a file."""
    with services.database.begin() as work:
        offered = assignments.offered(work, visitor.reader, slug)
        found = trials.report(work, visitor.reader, offered, trial)
    name = disposition(f"{offered.slug}-trial-{trial}.csv")
    return Response(to_trial_csv(found), media_type="text/csv", headers={"Content-Disposition": name})


@router.post("/assignments/{slug}/trials/{trial}/publish")
def publish(
    request: Request, slug: SlugInPath, trial: NumberInPath, command: TheCommand, services: TheServices
) -> Response:
    reader, form = command.visitor.reader, command.form
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            trials.publish(
                work, reader, offered, trial, reason=form.text("reason"), despite_errors=form.is_set("despite_errors")
            )  # fmt: skip
    except _REFUSALS as problem:
        return _trial_page(request, services, command.visitor, slug, trial, problem)
    return RedirectResponse(f"/assignments/{slug}/trials/{trial}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/trials/{trial}/drop")
def drop(
    request: Request, slug: SlugInPath, trial: NumberInPath, command: TheCommand, services: TheServices
) -> Response:
    reader = command.visitor.reader
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            trials.drop(work, reader, offered, trial, reason=command.form.text("reason"))
    except _REFUSALS as problem:
        return _trial_page(request, services, command.visitor, slug, trial, problem)
    return RedirectResponse(f"/assignments/{slug}/trials/{trial}", status_code=HTTPStatus.SEE_OTHER)


def _scope(text: str) -> TrialScope:
    if text not in set(TrialScope):
        raise BadRequest("Choose whether what counts is tried, or all submissions.")
    return TrialScope(text)


def _rerun_page(
    request: Request, services: Services, visitor: SignedIn, slug: str, problem: GraderError | None = None,
    reason: str = "",
) -> Response:  # fmt: skip
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        count = runs.rerun_all(work, reader, offered, dry_run=True)
        course = courses.course_of(work, reader, offered.course_slug)
        kept = [one.version for one in trials.versions(work, reader, offered)]
        so_far = trials.list_trials(work, reader, offered)
    return page(
        request,
        "rerun_all.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        course=course,
        submissions=count,
        in_folder=folder_version(offered.spec.spec_slug),
        kept=kept,
        trials=so_far,
        reason=reason,
        problem="" if problem is None else problems.detail_of(problem),
    )


def _trial_page(
    request: Request, services: Services, visitor: SignedIn, slug: str, trial: int, problem: GraderError | None = None
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        report = trials.report(work, reader, offered, trial)
        course = courses.course_of(work, reader, offered.course_slug)
    lines = [line for line in report.lines if line.checks or line.direction is not Direction.SAME]
    return page(
        request,
        "trial.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        course=course,
        report=report,
        trial=report.trial,
        lines=lines[:_MOST_LINES],
        left_out=max(0, len(lines) - _MOST_LINES),
        may_publish=reader.is_instructor(CourseId(offered.course_id)),
        problem="" if problem is None else problems.detail_of(problem),
    )
