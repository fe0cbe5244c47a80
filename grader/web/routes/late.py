"""Late work: an assignment's late policy and who has more time, for staff; which submission counts, for its owner."""

from __future__ import annotations

from datetime import datetime, time
from http import HTTPStatus
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import BadRequest, GraderError, InputError
from grader.domain.ids import CourseId, PersonId
from grader.http import problems
from grader.http.services import Services
from grader.service import assignments, choices, courses, extensions, late_policy, submissions
from grader.service.accounts import SignedIn
from grader.service.late_policy import in_words
from grader.web.access import Command, IdInPath, PersonInPath, SlugInPath, TheCommand, TheServices, TheVisitor
from grader.web.render import page
from grader.web.routes.gradebook import person_page

router = APIRouter()
_PERCENT = 100


@router.get("/assignments/{slug}/late")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The policy, everybody's due date, and who has more time. Staff only."""
    return _page(request, services, visitor, slug)


@router.post("/assignments/{slug}/late")
def change(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Set another policy, or with the field `reset` let the spec's hold again."""
    visitor, form = command.visitor, command.form
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, visitor.reader, slug)
            if form.is_set("reset"):
                late_policy.withdraw(work, visitor.reader, offered, reason=form.text("reason"))
            else:
                late_policy.change(work, visitor.reader, offered, _policy(command), reason=form.text("reason"))
    except InputError as problem:
        return _page(request, services, visitor, slug, problem)
    return RedirectResponse(f"/assignments/{slug}/late", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/extension")
def give(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    reader, form = command.visitor.reader, command.form
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            extensions.give(
                work, reader, offered, PersonId(person), due_at=_due(form.line("due_at"), offered.time_zone),
                extra_days=_days(form.line("extra_days")), reason=form.text("reason"),
            )  # fmt: skip
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, PersonId(person), problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/extension/withdraw")
def withdraw(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    reader = command.visitor.reader
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            extensions.withdraw(work, reader, offered, PersonId(person), reason=command.form.text("reason"))
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, PersonId(person), problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/submissions/{submission}/choice")
def choose(submission: IdInPath, command: TheCommand, services: TheServices) -> Response:
    """Let this submission count; what is refused is said on a page of its own."""
    with services.database.begin() as work:
        choices.choose(work, command.visitor.reader, submission, reason=command.form.text("reason"))
    return RedirectResponse(f"/submissions/{submission}", status_code=HTTPStatus.SEE_OTHER)


def _page(
    request: Request, services: Services, visitor: SignedIn, slug: str, problem: GraderError | None = None
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        given = extensions.list_extensions(work, reader, offered)
        chosen = late_policy.set_policy(work, reader, offered)
        trail = late_policy.trail(work, reader, offered)
        now = submissions.seen_at(work)
    return page(
        request,
        "late.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        course=course,
        policy=offered.late,
        in_words=in_words(offered.late),
        specs_words=in_words(offered.spec.definition.late),
        chosen=chosen,
        given=given,
        trail=trail,
        may_change=reader.is_instructor(CourseId(offered.course_id)),
        problem="" if problem is None else problems.detail_of(problem),
        now=now,
    )


def _policy(command: Command) -> dict[str, int | float | str]:
    form = command.form
    wanted: dict[str, int | float | str] = {
        "extension_days_per_term": _whole(form.line("days"), "The term's late days"),
        "grace_minutes": _whole(form.line("grace"), "Grace minutes"),
        "beyond": form.line("beyond"),
    }
    if form.line("beyond") == "penalise":
        wanted["penalty_per_day"] = _share(form.line("per_day"), "The penalty")
        wanted["most_penalty"] = _share(form.line("most") or "100", "The most penalty")
    return wanted


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise BadRequest(f"{what} are a whole number.")
    return int(text)


def _share(text: str, what: str) -> float:
    try:
        # People in many places write a comma, and some the sign.
        return round(float(text.removesuffix("%").replace(",", ".")) / _PERCENT, 6)
    except ValueError as error:
        raise BadRequest(f"{what} is a number of percent, such as 10.") from error


def _days(text: str) -> int | None:
    return _whole(text, "Days of an extension") if text else None


def _due(text: str, time_zone: str) -> datetime | None:
    """What a browser's field for a date and time gives, in the course's zone; a date alone is the end of that day."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("Write the due date like 2026-03-02T23:59.") from error
    if len(text) <= len("2026-03-02"):
        found = datetime.combine(found.date(), time(23, 59, 59))
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(time_zone))
