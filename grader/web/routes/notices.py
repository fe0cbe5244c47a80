"""A course's webhooks and what was delivered; and which e-mails I get."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Course, Reader
from grader.domain.errors import BadRequest
from grader.domain.notices import MAILED, DeliveryState, NoticeKind, Webhook
from grader.http import problems
from grader.http.services import Services
from grader.service import courses, notices, submissions, webhooks
from grader.service.accounts import SignedIn
from grader.storage.database import Work
from grader.web.access import Command, PersonInPath, SlugInPath, TheCommand, TheServices, TheVisitor, Words
from grader.web.render import page

router = APIRouter()

MAIL_WORDS = {
    NoticeKind.GRADED: "A submission of mine was graded",
    NoticeKind.REGRADE_ANSWERED: "A regrade request of mine was answered",
    NoticeKind.ITEMS_RELEASED: "What persons gave for work of mine was released",
    NoticeKind.DUE_SOON: "Something is due soon, and I have not handed in",
}
KIND_WORDS = {
    NoticeKind.GRADED: "graded",
    NoticeKind.REGRADE_ANSWERED: "regrade answered",
    NoticeKind.ITEMS_RELEASED: "items released",
    NoticeKind.DUE_SOON: "due soon",
    NoticeKind.TEST: "test",
    NoticeKind.SCORE_CHANGED: "score for a learning platform",
}
STATE_WORDS = {
    DeliveryState.WAITING: "waiting",
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.GIVEN_UP: "given up",
    DeliveryState.DROPPED: "not needed",
}
_SHOWN = 100
_ACTIONS: dict[str, Callable[[Work, Reader, Course, int], None]] = {
    "remove": webhooks.remove,
    "enable": webhooks.enable,
    "test": webhooks.send_test,
}


@router.get("/courses/{slug}/notices")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices, state: Words = "") -> Response:
    """Webhooks, and what was delivered to whom. Staff only."""
    return _page(request, services, visitor, slug, state=state if state in set(DeliveryState) else "")


@router.post("/courses/{slug}/webhooks")
def add(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Register a webhook; this answer is the only place that ever shows its secret."""
    try:
        with services.database.begin() as work:
            course = courses.course_of(work, command.visitor.reader, slug)
            url, networks = command.form.exact("url"), services.settings.networks
            made = webhooks.register(work, command.visitor.reader, course, url, networks)
    except BadRequest as problem:
        return _page(request, services, command.visitor, slug, problem=problem)
    return _page(request, services, command.visitor, slug, made=made)


@router.post("/courses/{slug}/webhooks/{webhook}/{action}")
def act(
    request: Request,
    slug: SlugInPath,
    webhook: PersonInPath,
    action: Literal["remove", "enable", "test"],
    command: TheCommand,
    services: TheServices,
) -> Response:
    try:
        with services.database.begin() as work:
            course = courses.course_of(work, command.visitor.reader, slug)
            _ACTIONS[action](work, command.visitor.reader, course, webhook)
    except BadRequest as problem:
        return _page(request, services, command.visitor, slug, problem=problem)
    return RedirectResponse(f"/courses/{slug}/notices", status_code=HTTPStatus.SEE_OTHER)


@router.get("/mail")
def mail(request: Request, visitor: TheVisitor, services: TheServices, done: Words = "") -> Response:
    """Which e-mails I get."""
    with services.database.begin() as work:
        choices = notices.mail_choices(work, visitor.reader)
    return page(
        request, "mail.html", visitor=visitor, choices=choices, words=MAIL_WORDS, done=bool(done)
    )  # fmt: skip


@router.post("/mail")
def choose_mail(command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        notices.choose_mail(work, command.visitor.reader, _chosen(command))
    return RedirectResponse("/mail?done=1", status_code=HTTPStatus.SEE_OTHER)


def _chosen(command: Command) -> dict[NoticeKind, bool]:
    wanted = set(command.form.lines("kind"))
    return {kind: kind.value in wanted for kind in MAILED}


def _page(
    request: Request,
    services: Services,
    visitor: SignedIn,
    slug: str,
    *,
    problem: BadRequest | None = None,
    made: Webhook | None = None,
    state: str = "",
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        course = courses.course_of(work, reader, slug)
        registered = webhooks.listed(work, reader, course)
        log = notices.log(work, reader, course, state=state, limit=_SHOWN)
        now = submissions.seen_at(work)
    return page(
        request,
        "notices.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        course=course,
        webhooks=registered,
        log=log,
        most=_SHOWN,
        made=made,
        problem="" if problem is None else problems.detail_of(problem),
        is_instructor=reader.is_instructor(course.id),
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        state=state,
        now=now,
    )
