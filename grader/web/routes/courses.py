"""A course as its staff see it: assignments with counts, and the roster."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import BadRequest, BadRoster, InputError
from grader.http import problems
from grader.http.exports import ExportName, export_term
from grader.http.services import Services
from grader.service import assignments, courses, gradebook, notices, regrades, submissions
from grader.service.accounts import SignedIn
from grader.service.courses import RosterChange, RosterFile
from grader.service.term import term_gradebook
from grader.web.access import SlugInPath, TheCommand, TheServices, TheVisitor, Words
from grader.web.render import page

router = APIRouter()

_ROSTER_BYTES = 1_000_000


@router.get("/courses/{slug}")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The course's assignments with how many students handed in. Staff only."""
    reader = visitor.reader
    with services.database.begin() as work:
        course = courses.course_of(work, reader, slug)
        counts = gradebook.course_overview(work, reader, course)
        asked = regrades.count_open(work, reader, course)
        offered = [one for one in assignments.offered_for(work, reader) if one.course_id == course.id]
        trouble = notices.trouble(work, reader, course)
        now = submissions.seen_at(work)
    return page(
        request,
        "course.html",
        visitor=visitor,
        course=course,
        assignments=offered,
        counts=counts,
        trouble=trouble,
        asked=asked,
        now=now,
    )


@router.get("/courses/{slug}/gradebook")
def term(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """Every assignment of the course, one line for each student. Staff only."""
    with services.database.begin() as work:
        course = courses.course_of(work, visitor.reader, slug)
        book = term_gradebook(work, visitor.reader, course)
    return page(request, "term.html", visitor=visitor, course=course, book=book)


@router.get("/courses/{slug}/gradebook/export")
def export(
    slug: SlugInPath,
    visitor: TheVisitor,
    services: TheServices,
    form: Literal["csv", "canvas", "moodle", "gradescope"] = "csv",
) -> Response:
    """The whole term's gradebook as a file."""
    name: ExportName = form
    with services.database.begin() as work:
        course = courses.course_of(work, visitor.reader, slug)
        return export_term(work, visitor.reader, course, name)


@router.get("/courses/{slug}/roster")
def roster(
    request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices, done: Words = ""
) -> Response:
    return _roster(request, services, visitor, slug, done=done)


@router.post("/courses/{slug}/roster")
def import_roster(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Show what a roster would change; apply it when it comes again with the reader's consent."""
    content = command.form.file("roster") or command.form.exact("content").encode("utf-8", "replace")
    removes, applies = command.form.is_set("remove_missing"), command.form.is_set("apply")
    domain = command.form.line("email_domain", limit=200)
    reader = command.visitor.reader
    try:
        text = _text(content)
        with services.database.begin() as work:
            course = courses.course_of(work, reader, slug)
            file, change = courses.apply_roster(
                work, reader, course, content, email_domain=domain, remove_missing=removes, dry_run=not applies
            )
    except InputError as problem:
        return _roster(request, services, command.visitor, slug, problem=problem)
    if applies:
        return RedirectResponse(f"/courses/{slug}/roster?done=1", status_code=HTTPStatus.SEE_OTHER)
    would = _Would(file=file, change=change, content=text, removes=removes, domain=domain)
    return _roster(request, services, command.visitor, slug, would=would)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Would:
    """What a roster would do, and what has to come again to have it done."""

    file: RosterFile
    change: RosterChange
    content: str
    removes: bool
    domain: str


def _text(content: bytes) -> str:
    """As it travels in the form that asks for consent."""
    if not content:
        raise BadRoster("Choose a roster file first.")
    if len(content) > _ROSTER_BYTES:
        raise BadRequest("The roster is larger than 1 MB; send only its columns for e-mail, name, role and section.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRoster("The roster is not UTF-8 text; save it as CSV (UTF-8) and choose it again.") from error


def _roster(
    request: Request,
    services: Services,
    visitor: SignedIn,
    slug: str,
    *,
    problem: InputError | None = None,
    would: _Would | None = None,
    done: str = "",
) -> Response:
    with services.database.begin() as work:
        course = courses.course_of(work, visitor.reader, slug)
        members = courses.members(work, visitor.reader, course)
    return page(
        request,
        "roster.html",
        visitor=visitor,
        status=_status(problem, would),
        course=course,
        members=members,
        is_instructor=visitor.reader.is_instructor(course.id),
        problem="" if problem is None else problems.detail_of(problem),
        would=would,
        done=bool(done),
    )


def _status(problem: InputError | None, would: _Would | None) -> int:
    if problem is not None:
        return problems.status_of(type(problem))
    return HTTPStatus.UNPROCESSABLE_ENTITY if would is not None and would.file.problems else HTTPStatus.OK
