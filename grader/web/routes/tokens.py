"""My API tokens: made, shown once, revoked."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Scope
from grader.domain.errors import BadRequest
from grader.http.services import Services
from grader.service import submissions, tokens
from grader.service.accounts import SignedIn
from grader.service.tokens import NewToken
from grader.web.access import Command, PersonInPath, SentForm, TheCommand, TheServices, TheVisitor
from grader.web.render import page

router = APIRouter()

LIFETIMES = {"30": "30 days", "120": "a term (120 days)", "365": "a year", "": "no end"}


@router.get("/tokens")
def show(request: Request, visitor: TheVisitor, services: TheServices) -> Response:
    return _page(request, services, visitor)


@router.post("/tokens")
def make(request: Request, command: TheCommand, services: TheServices) -> Response:
    """Make a token; this answer is the only place that ever shows its secret."""
    try:
        made = _make(services, command)
    except BadRequest as problem:
        return _page(request, services, command.visitor, problem=str(problem))
    return _page(request, services, command.visitor, made=made)


@router.post("/tokens/{token}/revoke")
def revoke(token: PersonInPath, command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        tokens.revoke(work, command.visitor.reader.id, token)
    return RedirectResponse("/tokens", status_code=HTTPStatus.SEE_OTHER)


def _make(services: Services, command: Command) -> NewToken:
    name = command.form.line("name", limit=80)
    scopes = _scopes(command.form)
    days = command.form.line("days")
    if not name:
        raise BadRequest("Give the token a name, so that you know later which one to revoke.")
    if days not in LIFETIMES:
        raise BadRequest("Choose how long the token should work.")
    with services.database.begin() as work:
        expires_at = submissions.seen_at(work) + timedelta(days=int(days)) if days else None
        return tokens.issue(work, command.visitor.reader.id, name=name, scopes=scopes, expires_at=expires_at)


def _scopes(form: SentForm) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(word) for word in form.lines("scope"))
    except ValueError as error:
        raise BadRequest("There is no such permission; choose from the list.") from error
    if not scopes:
        raise BadRequest("Choose at least one thing the token may do.")
    return scopes


def _page(
    request: Request, services: Services, visitor: SignedIn, *, made: NewToken | None = None, problem: str = ""
) -> Response:
    with services.database.begin() as work:
        mine = tokens.list_tokens(work, visitor.reader.id)
        now = submissions.seen_at(work)
    return page(
        request,
        "tokens.html",
        visitor=visitor,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        tokens=mine,
        made=made,
        problem=problem,
        lifetimes=LIFETIMES,
        scopes=_offered_scopes(visitor),
        now=now,
    )


def _offered_scopes(visitor: SignedIn) -> list[tuple[Scope, str]]:
    """What a token of this person could be used for at all."""
    offered = [(Scope.READ, "Read assignments, submissions and scores"), (Scope.SUBMIT, "Hand in submissions")]
    if visitor.reader.person.is_admin or any(role.is_staff for role in visitor.reader.roles.values()):
        offered += [(Scope.GRADE, "Rerun and override (staff)"), (Scope.MANAGE, "Manage rosters and assignments")]
    return offered
