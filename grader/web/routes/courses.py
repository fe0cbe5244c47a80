"""A course as its staff see it: assignments with counts, and the roster."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import BadRequest, BadRoster, InputError
from grader.http import problems
from grader.http.services import Services
from grader.service import assignments, courses, gradebook, regrades, submissions
from grader.service.accounts import SignedIn
from grader.service.courses import RosterChange
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
        now = submissions.seen_at(work)
    return page(
        request,
        "course.html",
        visitor=visitor,
        course=course,
        assignments=offered,
        counts=counts,
        asked=asked,
        now=now,
    )


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
    reader = command.visitor.reader
    try:
        text = _text(content)
        with services.database.begin() as work:
            course = courses.course_of(work, reader, slug)
            reader.require_instructor(course.id)
            lines = courses.read_roster(content)
            change = courses.import_roster(work, reader, course, lines, remove_missing=removes, preview=not applies)
    except InputError as problem:
        return _roster(request, services, command.visitor, slug, problem=problem)
    if applies:
        return RedirectResponse(f"/courses/{slug}/roster?done=1", status_code=HTTPStatus.SEE_OTHER)
    return _roster(request, services, command.visitor, slug, preview=change, content=text, removes=removes)


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
    preview: RosterChange | None = None,
    content: str = "",
    removes: bool = False,
    done: str = "",
) -> Response:
    with services.database.begin() as work:
        course = courses.course_of(work, visitor.reader, slug)
        members = courses.members(work, visitor.reader, course)
    return page(
        request,
        "roster.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        course=course,
        members=members,
        is_instructor=visitor.reader.is_instructor(course.id),
        problem="" if problem is None else problems.detail_of(problem),
        preview=preview,
        content=content,
        removes=removes,
        done=bool(done),
    )
