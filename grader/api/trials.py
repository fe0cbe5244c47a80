"""Trials: a spec version tried on what was handed in, what it would change, publishing and dropping it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import MayGrade, MayManage, MayRead, NumberInPath, SlugInPath, TheServices, Words
from grader.api.document import problems
from grader.api.schemas.common import Listed
from grader.api.schemas.trials import (
    NewTrial,
    TrialAnswer,
    TrialPublication,
    TrialReportAnswer,
    report_answer,
    trial_answer,
)
from grader.domain.trial import TrialScope
from grader.formats.trials import to_trial_csv
from grader.http.downloads import disposition
from grader.http.specs import version_to_try
from grader.service import assignments, trials

router = APIRouter(tags=["trials"])


@router.get("/assignments/{assignment}/trials", responses=problems(404))
def list_trials(assignment: SlugInPath, reader: MayRead, services: TheServices) -> Listed[TrialAnswer]:
    """Newest first. Staff only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = trials.list_trials(work, reader, offered)
        items = [trial_answer(offered.slug, trial, trials.progress(work, trial)) for trial in found]
    return Listed(items=items)


@router.post("/assignments/{assignment}/trials", status_code=201, responses=problems(404, 409, 413, 503))
def begin_trial(assignment: SlugInPath, body: NewTrial, reader: MayGrade, services: TheServices) -> TrialAnswer:
    """Try a spec version, behind all other work; nobody but staff sees anything of it. One at a time."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        version = version_to_try(work, services.blobs, reader, offered, body.spec_version)
        made = trials.begin(
            work, reader, offered, version,
            reason=body.reason, scope=TrialScope(body.submissions), is_fresh=body.fresh,
        )  # fmt: skip
        return trial_answer(offered.slug, made, trials.progress(work, made))


@router.get("/assignments/{assignment}/trials/{trial}", responses=problems(404))
def read_trial(assignment: SlugInPath, trial: NumberInPath, reader: MayRead, services: TheServices) -> TrialAnswer:
    """A trial and how far it is. Staff only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = trials.find(work, reader, offered, trial)
        return trial_answer(offered.slug, found, trials.progress(work, found))


@router.get(
    "/assignments/{assignment}/trials/{trial}/report",
    response_model=TrialReportAnswer,
    responses=problems(404) | {200: {"description": "What publishing would change.", "content": {"text/csv": {}}}},
)
def read_report(
    assignment: SlugInPath,
    trial: NumberInPath,
    reader: MayRead,
    services: TheServices,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response | TrialReportAnswer:
    """Whose score would change, by how much and through which checks. Staff only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = trials.report(work, reader, offered, trial)
    if form == "csv":
        name = disposition(f"{offered.slug}-trial-{found.trial.id}.csv")
        return Response(to_trial_csv(found), media_type="text/csv", headers={"Content-Disposition": name})
    return report_answer(offered.slug, found)


@router.post("/assignments/{assignment}/trials/{trial}/publish", responses=problems(404, 409, 413))
def publish_trial(
    assignment: SlugInPath, trial: NumberInPath, body: TrialPublication, reader: MayManage, services: TheServices
) -> TrialAnswer:
    """The assignment takes the version, and what the trial came to counts. Nothing is run again. Instructors only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        done = trials.publish(
            work, reader, offered, trial, reason=body.reason, despite_errors=body.despite_errors
        )  # fmt: skip
        return trial_answer(offered.slug, done, trials.progress(work, done))


@router.delete("/assignments/{assignment}/trials/{trial}", responses=problems(404, 409))
def drop_trial(
    assignment: SlugInPath,
    trial: NumberInPath,
    reader: MayGrade,
    services: TheServices,
    reason: Annotated[Words, Query(min_length=1, max_length=1000)],
) -> TrialAnswer:
    """Throw a trial away; what of it still waits is not run. Staff only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        done = trials.drop(work, reader, offered, trial, reason=reason)
        return trial_answer(offered.slug, done, trials.progress(work, done))
