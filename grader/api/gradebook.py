"""The gradebook, its statistics, overrides, and reruns of a whole assignment. For staff."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from grader.api.access import MayGrade, MayRead, NumberInPath, SlugInPath, TheServices, Words
from grader.api.conditional import conditional
from grader.api.document import NOT_MODIFIED, problems
from grader.api.schemas.gradebook import (
    GradebookAnswer,
    MassRerun,
    MassRerunAnswer,
    NewOverride,
    TermGradebookAnswer,
    gradebook_answer,
    term_answer,
)
from grader.api.schemas.statistics import StatisticsAnswer, statistics_answer
from grader.domain.course import Reader
from grader.domain.gradebook import GradebookQuery, GradebookSort
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId, PersonId
from grader.http.exports import ExportName, export_gradebook, export_term
from grader.service import assignments, courses, gradebook, runs
from grader.service.term import term_gradebook
from grader.storage.database import Work

router = APIRouter(tags=["gradebook"])
RowState = Literal["", "waiting", "grading", "graded", "rejected", "failed", "missing"]


@router.get(
    "/assignments/{assignment}/gradebook",
    response_model=GradebookAnswer,
    responses=problems(404)
    | NOT_MODIFIED
    | {200: {"description": "A page of rows, or the whole gradebook as CSV.", "content": {"text/csv": {}}}},
)
def read_gradebook(
    request: Request,
    assignment: SlugInPath,
    reader: MayRead,
    services: TheServices,
    sort: GradebookSort = GradebookSort.NAME,
    descending: bool = False,
    search: Annotated[Words, Query(max_length=200, description="Part of name, e-mail or student number.")] = "",
    section: Annotated[Words, Query(max_length=80)] = "",
    state: RowState = "",
    cursor: Annotated[Words, Query(max_length=1000)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    form: Annotated[
        ExportName | Literal["json"], Query(alias="format", description="`json` is paged; the others are whole.")
    ] = "json",
) -> Response:
    """One row for each student, whether they handed in or not."""
    with services.database.begin() as work:
        offered = _of_staff(work, reader, assignment)
        if form != "json":
            return export_gradebook(work, reader, offered, form)
        query = GradebookQuery(
            sort=sort, descending=descending, search=search, section=section, state=state, cursor=cursor, limit=limit
        )
        answer = gradebook_answer(gradebook.page(work, reader, offered, query))
    return conditional(request, answer)


@router.get(
    "/courses/{course}/gradebook",
    response_model=TermGradebookAnswer,
    responses=problems(404)
    | NOT_MODIFIED
    | {200: {"description": "The whole term's gradebook, as JSON or CSV.", "content": {"text/csv": {}}}},
)
def read_term_gradebook(
    request: Request,
    course: SlugInPath,
    reader: MayRead,
    services: TheServices,
    form: Annotated[ExportName | Literal["json"], Query(alias="format")] = "json",
) -> Response:
    """One row for each student of the course, with what counts for each of its assignments. Staff only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        if form != "json":
            return export_term(work, reader, found, form)
        answer = term_answer(term_gradebook(work, reader, found))
    return conditional(request, answer)


@router.get("/assignments/{assignment}/statistics", responses=problems(404))
def read_statistics(assignment: SlugInPath, reader: MayRead, services: TheServices) -> StatisticsAnswer:
    """Scores, how each check does, flaky checks, time to full marks, grading times and the queue."""
    with services.database.begin() as work:
        offered = _of_staff(work, reader, assignment)
        return statistics_answer(gradebook.statistics(work, reader, offered))


@router.post("/assignments/{assignment}/rerun", status_code=202, responses=problems(404, 413))
def rerun_all(
    assignment: SlugInPath, reader: MayGrade, services: TheServices, body: MassRerun | None = None
) -> MassRerunAnswer:
    """New runs of every student's counting submission, behind all live work. `dry_run` only counts them."""
    dry_run, is_fresh = (False, False) if body is None else (body.dry_run, body.fresh)
    with services.database.begin() as work:
        offered = _of_staff(work, reader, assignment)
        count = runs.rerun_all(work, reader, offered, dry_run=dry_run, is_fresh=is_fresh)
    return MassRerunAnswer(submissions=count, dry_run=dry_run)


@router.put("/assignments/{assignment}/overrides/{person}", status_code=204, responses=problems(404, 413))
def override(
    assignment: SlugInPath, person: NumberInPath, body: NewOverride, reader: MayGrade, services: TheServices
) -> Response:
    """Let another score count for one student."""
    with services.database.begin() as work:
        offered = _of_staff(work, reader, assignment)
        gradebook.override(work, reader, offered, PersonId(person), score=body.score, reason=body.reason)
    return Response(status_code=204)


@router.delete("/assignments/{assignment}/overrides/{person}", status_code=204, responses=problems(404))
def withdraw_override(
    assignment: SlugInPath,
    person: NumberInPath,
    reader: MayGrade,
    services: TheServices,
    reason: Annotated[Words, Query(min_length=1, max_length=1000)],
) -> Response:
    """Let the run's score count again."""
    with services.database.begin() as work:
        offered = _of_staff(work, reader, assignment)
        gradebook.withdraw_override(work, reader, offered, PersonId(person), reason=reason)
    return Response(status_code=204)


def _of_staff(work: Work, reader: Reader, slug: str) -> OfferedAssignment:
    offered = assignments.offered(work, reader, slug)
    reader.require_staff(CourseId(offered.course_id))
    return offered
