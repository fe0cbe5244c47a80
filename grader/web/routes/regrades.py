"""Regrade requests: asking, the queue of those who answer, and one request with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.adjustment import Adjustment, Target, TargetKind
from grader.domain.check import CheckResult
from grader.domain.course import Course
from grader.domain.errors import BadRequest, ConflictError, GraderError, InputError
from grader.domain.ids import CourseId, PersonId
from grader.domain.regrade import LONGEST_ANSWER, LONGEST_REASON, MOST_DAYS, RegradeState
from grader.http import problems
from grader.http.services import Services
from grader.service import adjustments, assignments, courses, regrades, submissions
from grader.service.accounts import SignedIn
from grader.service.adjustments import target_from
from grader.service.regrades import RegradeQuery
from grader.service.shown_items import ShownItem
from grader.web.access import (
    IdInPath,
    PersonInPath,
    SentForm,
    SlugInPath,
    TheCommand,
    TheServices,
    TheVisitor,
    Words,
    number_of,
)
from grader.web.render import page

router = APIRouter()

_GRANT, _DECLINE = "grant", "decline"
# What is too long comes back whole, to be shortened.
_MOST_TYPED = 20_000


@router.get("/submissions/{submission}/regrade")
def form(
    request: Request, submission: IdInPath, visitor: TheVisitor, services: TheServices, about: Words = ""
) -> Response:
    """Where a student asks; `about` is what is chosen already."""
    return _form(request, services, visitor, submission, about=about)


@router.post("/submissions/{submission}/regrade")
def ask(request: Request, submission: IdInPath, command: TheCommand, services: TheServices) -> Response:
    reader, sent = command.visitor.reader, command.form
    about, reason = sent.line("about"), sent.text("reason", limit=_MOST_TYPED)
    try:
        target = target_from(about)
        with services.database.begin() as work:
            found = submissions.find(work, reader, submission)
            made = regrades.ask(work, reader, found, target=target, reason=reason)
    except (InputError, ConflictError) as problem:
        return _form(request, services, command.visitor, submission, about=about, reason=reason, problem=problem)
    return RedirectResponse(f"/regrades/{made.id}", status_code=HTTPStatus.SEE_OTHER)


@router.get("/regrades/{regrade}")
def show(request: Request, regrade: PersonInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """One request with its answer; for staff, where it is answered."""
    return _one(request, services, visitor, regrade)


@router.post("/regrades/{regrade}/answer")
def answer(request: Request, regrade: PersonInPath, command: TheCommand, services: TheServices) -> Response:
    sent = command.form
    try:
        verdict = sent.line("verdict")
        if verdict not in (_GRANT, _DECLINE):
            raise BadRequest("Choose whether the request is granted or declined.")
        wrote = sent.line("points")
        points = number_of(wrote, "the difference as a number, such as 1.5 or -2") if wrote else None
        with services.database.begin() as work:
            done = regrades.answer(
                work, command.visitor.reader, regrade, granted=verdict == _GRANT,
                words=sent.text("words", limit=_MOST_TYPED), points=points, for_member=sent.is_set("for_member"),
            )  # fmt: skip
    except (InputError, ConflictError) as problem:
        return _one(request, services, command.visitor, regrade, sent=sent, problem=problem)
    return RedirectResponse(f"/assignments/{done.assignment}/regrades", status_code=HTTPStatus.SEE_OTHER)


@router.post("/regrades/{regrade}/withdraw")
def withdraw(request: Request, regrade: PersonInPath, command: TheCommand, services: TheServices) -> Response:
    try:
        with services.database.begin() as work:
            regrades.withdraw(work, command.visitor.reader, regrade)
    except ConflictError as problem:
        return _one(request, services, command.visitor, regrade, problem=problem)
    return RedirectResponse(f"/regrades/{regrade}", status_code=HTTPStatus.SEE_OTHER)


@router.get("/assignments/{slug}/regrades")
def of_assignment(
    request: Request,
    slug: SlugInPath,
    visitor: TheVisitor,
    services: TheServices,
    state: Words = "",
    cursor: Words = "",
) -> Response:
    """The queue of an assignment. Staff only."""
    return _of_assignment(request, services, visitor, slug, state=state, cursor=cursor)


@router.post("/assignments/{slug}/regrades/window")
def set_window(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """For how many days a result may be asked about. Instructors only."""
    try:
        days = number_of(command.form.line("days"), f"the window as a number of days from 0 to {MOST_DAYS}")
        with services.database.begin() as work:
            offered = assignments.offered(work, command.visitor.reader, slug)
            regrades.set_window(work, command.visitor.reader, offered, days=_whole(days))
    except InputError as problem:
        return _of_assignment(request, services, command.visitor, slug, problem=problem)
    return RedirectResponse(f"/assignments/{slug}/regrades", status_code=HTTPStatus.SEE_OTHER)


@router.get("/courses/{slug}/regrades")
def of_course(
    request: Request,
    slug: SlugInPath,
    visitor: TheVisitor,
    services: TheServices,
    state: Words = "",
    cursor: Words = "",
) -> Response:
    """The queue of a course, over all its assignments. Staff only."""
    reader = visitor.reader
    with services.database.begin() as work:
        course = courses.course_of(work, reader, slug)
        reader.require_staff(course.id)
        found = regrades.list_requests(work, reader, RegradeQuery(course=slug, state=state, cursor=cursor))
        now = submissions.seen_at(work)
    return page(
        request, "regrades.html", visitor=visitor, course=course, assignment=None, found=found, state=state,
        states=list(RegradeState), cursor=cursor, here=f"/courses/{slug}/regrades", problem="", now=now,
        most_days=MOST_DAYS, is_instructor=False,
    )  # fmt: skip


def _whole(days: float) -> int:
    if not days.is_integer():
        raise BadRequest("The window is a whole number of days.")
    return int(days)


def _of_assignment(
    request: Request,
    services: Services,
    visitor: SignedIn,
    slug: str,
    *,
    state: str = "",
    cursor: str = "",
    problem: GraderError | None = None,
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        reader.require_staff(CourseId(offered.course_id))
        course = courses.course_of(work, reader, offered.course_slug)
        found = regrades.list_requests(work, reader, RegradeQuery(assignment=slug, state=state, cursor=cursor))
        now = submissions.seen_at(work)
    return page(
        request, "regrades.html", visitor=visitor, status=_status(problem), course=course, assignment=offered,
        found=found, state=state, states=list(RegradeState), cursor=cursor, here=f"/assignments/{slug}/regrades",
        problem=_detail(problem), now=now, most_days=MOST_DAYS, is_instructor=reader.is_instructor(course.id),
    )  # fmt: skip


def _form(
    request: Request,
    services: Services,
    visitor: SignedIn,
    submission: str,
    *,
    about: str = "",
    reason: str = "",
    problem: GraderError | None = None,
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        offered = assignments.offered(work, reader, found.assignment)
        course = courses.course_of(work, reader, offered.course_slug)
        run = submissions.latest_run(work, reader, found)
        asking = regrades.asking(work, reader, offered, found, run)
    return page(
        request, "regrade_ask.html", visitor=visitor, status=_status(problem), submission=found, assignment=offered,
        course=course, asking=asking, about=about, reason=reason, limit=LONGEST_REASON, problem=_detail(problem),
    )  # fmt: skip


def _one(
    request: Request,
    services: Services,
    visitor: SignedIn,
    regrade: int,
    *,
    sent: SentForm | None = None,
    problem: GraderError | None = None,
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        found = regrades.find(work, reader, regrade)
        offered = assignments.offered(work, reader, found.assignment)
        course: Course = courses.course_of(work, reader, offered.course_slug)
        is_staff = reader.is_staff(course.id)
        held: tuple[Adjustment, ...] = ()
        result: CheckResult | None = None
        item: ShownItem | None = None
        if is_staff and found.is_open:
            submission = submissions.find(work, reader, found.submission)
            run = submissions.latest_run(work, reader, submission)
            item = _item(adjustments.shown_with(work, reader, offered, submission, run).items, found.target)
            result = next((one for one in run.checks if _is_about(found.target, one)), None)
            held = adjustments.shown_of(work, reader, offered, PersonId(found.person.id), found.target)
    written = sent or SentForm(fields={}, files={})
    return page(
        request, "regrade.html", visitor=visitor, status=_status(problem), regrade=found, assignment=offered,
        course=course, is_staff=is_staff, result=result, held=held, item=item,
        may_withdraw=found.is_open and found.person.id == reader.id,
        words=written.text("words", limit=_MOST_TYPED), points=written.line("points"), verdict=written.line("verdict"),
        limit=LONGEST_ANSWER, problem=_detail(problem),
    )  # fmt: skip


def _is_about(target: Target, result: CheckResult) -> bool:
    return target.kind is TargetKind.CHECK and target.id == result.id


def _item(items: Sequence[ShownItem], target: Target) -> ShownItem | None:
    return next((one for one in items if target.kind is TargetKind.ITEM and target.id == one.id), None)


def _status(problem: GraderError | None) -> int:
    return HTTPStatus.OK if problem is None else problems.status_of(type(problem))


def _detail(problem: GraderError | None) -> str:
    return "" if problem is None else problems.detail_of(problem)
