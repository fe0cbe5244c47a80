"""The gradebook, one student's line of it, exports, overrides, statistics. Staff only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Course, Reader
from grader.domain.errors import BadRequest, GraderError, InputError, UnknownThing
from grader.domain.gradebook import GradebookQuery, GradebookRow, GradebookSort
from grader.domain.grading import OfferedAssignment, RunState
from grader.domain.ids import PersonId
from grader.domain.statistics import FEWEST_RUNS, CheckNote, CheckRate
from grader.http import problems
from grader.http.exports import ExportName, export_gradebook
from grader.http.services import Services
from grader.service import adjustments, assignments, audit, courses, extensions, given_marks, gradebook, submissions
from grader.service.accounts import SignedIn
from grader.service.adjustments import target_from
from grader.service.overrides import subject_of
from grader.service.submissions import SubmissionQuery
from grader.storage.database import Work
from grader.web import charts
from grader.web.access import PersonInPath, SlugInPath, TheCommand, TheServices, TheVisitor, Words, number_of
from grader.web.render import page

router = APIRouter()

_HARDEST = 6
PAGE_SIZES = (50, 100, 200)
COLUMNS = (
    (GradebookSort.NAME, "Student"),
    (GradebookSort.SCORE, "Score"),
    (GradebookSort.SUBMISSIONS, "Submissions"),
    (GradebookSort.RECEIVED, "Handed in"),
)


@router.get("/assignments/{slug}/gradebook")
def show(
    request: Request,
    slug: SlugInPath,
    visitor: TheVisitor,
    services: TheServices,
    sort: Words = "name",
    descending: Words = "",
    search: Words = "",
    section: Words = "",
    state: Words = "",
    cursor: Words = "",
    limit: Words = "",
) -> Response:
    """A page of the gradebook: sorted, filtered, searched by the address alone, so that a link keeps all of it."""
    query = GradebookQuery(
        sort=GradebookSort(sort) if sort in set(GradebookSort) else GradebookSort.NAME,
        descending=bool(descending),
        search=search,
        section=section,
        state=state,
        cursor=cursor,
        limit=int(limit) if limit in {str(size) for size in PAGE_SIZES} else PAGE_SIZES[0],
    )
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        found = gradebook.page(work, reader, offered, query)
        sections = _sections(work, reader, course)
        now = submissions.seen_at(work)
    return page(
        request,
        "gradebook.html",
        visitor=visitor,
        assignment=offered,
        course=course,
        book=found,
        query=query,
        sections=sections,
        states=[*(str(state) for state in RunState), "missing"],
        columns=COLUMNS,
        sizes=PAGE_SIZES,
        address=_address,
        filters=bool(search or section or state),
        now=now,
    )


@router.get("/assignments/{slug}/gradebook/export")
def export(
    slug: SlugInPath,
    visitor: TheVisitor,
    services: TheServices,
    form: Literal["csv", "canvas", "moodle", "gradescope"] = "csv",
) -> Response:
    """The whole gradebook as a file."""
    name: ExportName = form
    with services.database.begin() as work:
        offered = assignments.offered(work, visitor.reader, slug)
        return export_gradebook(work, visitor.reader, offered, name)


@router.get("/assignments/{slug}/statistics")
def statistics(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        figures = gradebook.statistics(work, reader, offered)
    return page(
        request,
        "statistics.html",
        visitor=visitor,
        assignment=offered,
        course=course,
        figures=figures,
        histogram=charts.histogram(figures.histogram, max_score=offered.spec.definition.full_points),
        groups=_by_part(figures.checks, offered),
        hardest=sorted(figures.checks, key=_share)[:_HARDEST],
        doubtful=[check for check in figures.checks if check.note in (CheckNote.HARDLY_PASSED, CheckNote.INVERSE)],
        too_easy=[check for check in figures.checks if check.note is CheckNote.ALWAYS_PASSED],
        fewest=FEWEST_RUNS,
        uploads=charts.uploads(figures.full_marks.uploads),
    )


@router.get("/assignments/{slug}/people/{person}")
def person(
    request: Request, slug: SlugInPath, person: PersonInPath, visitor: TheVisitor, services: TheServices
) -> Response:
    """One student's line of the gradebook: what was handed in, what counts, who changed it and why."""
    return person_page(request, services, visitor, slug, PersonId(person))


@router.post("/assignments/{slug}/people/{person}/override")
def override(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    reader, student = command.visitor.reader, PersonId(person)
    try:
        score = number_of(command.form.line("score"), "the score as a number, such as 31.5")
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            gradebook.override(work, reader, offered, student, score=score, reason=command.form.text("reason"))
    except BadRequest as problem:
        return person_page(request, services, command.visitor, slug, student, problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/withdraw")
def withdraw(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    reader, student = command.visitor.reader, PersonId(person)
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            gradebook.withdraw_override(work, reader, offered, student, reason=command.form.text("reason"))
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, student, problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/adjust")
def adjust(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    """A difference in points for a check, a part or the whole."""
    reader, student, form = command.visitor.reader, PersonId(person), command.form
    try:
        points = number_of(form.line("points"), "the difference as a number, such as 1.5 or -2")
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            adjustments.adjust(
                work, reader, offered, student, target=target_from(form.line("target")), points=points,
                reason=form.text("reason"), for_member=form.is_set("for_member"),
            )  # fmt: skip
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, student, problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/adjustments/{adjustment}/withdraw")
def withdraw_adjustment(
    request: Request,
    slug: SlugInPath,
    person: PersonInPath,
    adjustment: PersonInPath,
    command: TheCommand,
    services: TheServices,
) -> Response:
    reader, student = command.visitor.reader, PersonId(person)
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            adjustments.withdraw(work, reader, offered, student, adjustment, reason=command.form.text("reason"))
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, student, problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


def person_page(
    request: Request,
    services: Services,
    visitor: SignedIn,
    slug: str,
    person: PersonId,
    problem: GraderError | None = None,
) -> Response:
    """The page of one student's line, with what is wrong about a form of it."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        row = _row_of(work, reader, course, offered, person)
        held = adjustments.of_line(work, reader, offered, person)
        targets = adjustments.targets_of(work, reader, offered, person)
        query = SubmissionQuery(assignment=slug, person=person, limit=200)
        history = submissions.list_submissions(work, reader, query)
        trail = audit.trail(work, reader, subject_of(offered, person))
        mark = given_marks.held(work, reader, offered, person)
        extension = extensions.of_person(work, offered, person)
        now = submissions.seen_at(work)
    return page(
        request,
        "person.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        course=course,
        row=row,
        adjustments=held,
        targets=targets,
        marks=given_marks.possible(offered),
        given_mark=mark,
        lines=history.lines,
        trail=trail,
        extension=extension,
        has_own=row.team is not None and bool(offered.spec.definition.individual_parts),
        problem="" if problem is None else problems.detail_of(problem),
        now=now,
    )


def _row_of(work: Work, reader: Reader, course: Course, offered: OfferedAssignment, person: PersonId) -> GradebookRow:
    """Raises NeedsRole; UnknownThing when nobody of this id is a student of the course."""
    member = next((one for one in courses.members(work, reader, course) if one.person.id == person), None)
    if member is not None:
        found = gradebook.page(work, reader, offered, GradebookQuery(search=member.person.email, limit=200))
        for row in found.rows:
            if row.person.id == person:
                return row
    raise UnknownThing("There is no such student in the course.")


def _by_part(rates: Sequence[CheckRate], offered: OfferedAssignment) -> list[tuple[str, str, list[CheckRate]]]:
    """(part, its title, its checks) in the document's order; parts that it no longer names come last."""
    titles = {part.id: part.title for part in offered.spec.definition.part}
    order = [*titles, *dict.fromkeys(rate.part for rate in rates if rate.part not in titles)]
    groups = [(part, titles.get(part, ""), [rate for rate in rates if rate.part == part]) for part in order]
    return [group for group in groups if group[2]]


def _share(rate: CheckRate) -> float:
    return rate.passed / rate.judged if rate.judged else 1.0


def _sections(work: Work, reader: Reader, course: Course) -> list[str]:
    return sorted({member.section for member in courses.members(work, reader, course) if member.section})


def _address(query: GradebookQuery, **changes: object) -> str:
    """The query string of this page with some things changed; the cursor is left out unless it is given."""
    wanted = replace(query, **({"cursor": ""} | changes))  # type: ignore[arg-type]  # names are checked by replace
    fields = {
        "sort": "" if wanted.sort is GradebookSort.NAME else wanted.sort.value,
        "descending": "1" if wanted.descending else "",
        "search": wanted.search,
        "section": wanted.section,
        "state": wanted.state,
        "cursor": wanted.cursor,
        "limit": "" if wanted.limit == PAGE_SIZES[0] else str(wanted.limit),
    }
    return "?" + urlencode({name: value for name, value in fields.items() if value})
