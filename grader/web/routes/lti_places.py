"""Learning platforms as administrators see them, and what of a course they lead to as its staff see it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Role
from grader.domain.errors import AlreadyExists, BadRequest, GraderError
from grader.http import problems
from grader.http.services import Services
from grader.service import assignments, courses, submissions
from grader.service.accounts import SignedIn
from grader.service.lti import connections, launches, links, platforms, scores
from grader.service.lti.platforms import Registration
from grader.web import lti
from grader.web.access import NumberInPath, SentForm, SlugInPath, TheCommand, TheServices, TheVisitor
from grader.web.render import page

router = APIRouter()

_FIELDS = ("name", "issuer", "client_id", "deployments", "auth_url", "token_url", "jwks_url")


@router.get("/lti/platforms")
def show(request: Request, visitor: TheVisitor, services: TheServices) -> Response:
    """Registered platforms and the courses on them. Administrators only."""
    return _platforms(request, services, visitor)


@router.post("/lti/platforms")
def register(request: Request, command: TheCommand, services: TheServices) -> Response:
    try:
        with services.database.begin() as work:
            platforms.register(work, command.visitor.reader, _said(command.form), services.settings.networks)
    except (BadRequest, AlreadyExists) as problem:
        return _platforms(request, services, command.visitor, problem=problem, form=command.form)
    return _back("/lti/platforms")


@router.post("/lti/platforms/{platform}")
def change(request: Request, platform: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    try:
        with services.database.begin() as work:
            platforms.change(work, command.visitor.reader, platform, _said(command.form), services.settings.networks)
    except BadRequest as problem:
        return _platforms(request, services, command.visitor, problem=problem)
    return _back("/lti/platforms")


@router.post("/lti/platforms/{platform}/remove")
def remove(platform: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        platforms.remove(work, command.visitor.reader, platform)
    return _back("/lti/platforms")


@router.post("/lti/contexts/{context}")
def link_context(request: Request, context: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    """Link a platform's course to ours, or to none."""
    try:
        with services.database.begin() as work:
            launches.link_by_admin(work, command.visitor.reader, context, command.form.line("course"))
    except BadRequest as problem:
        return _platforms(request, services, command.visitor, problem=problem)
    return _back("/lti/platforms")


@router.get("/lti/mine")
def show_mine(request: Request, visitor: TheVisitor, services: TheServices) -> Response:
    """Platforms from which I may come."""
    with services.database.begin() as work:
        found, now = connections.mine(work, visitor.reader), submissions.seen_at(work)
    return page(request, "lti_mine.html", visitor=visitor, connections=found, now=now)


@router.post("/lti/mine/{platform}/disconnect")
def disconnect(platform: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        connections.disconnect(work, command.visitor.reader, platform, command.visitor.reader.id)
    return _back("/lti/mine")


@router.get("/courses/{slug}/lti")
def show_course(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """Links from platforms, where they lead, and how their scores do. Staff only."""
    return _course(request, services, visitor, slug)


@router.post("/courses/{slug}/lti/links/{link}")
def bind(slug: SlugInPath, link: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        course = courses.course_of(work, command.visitor.reader, slug)
        links.bind(work, command.visitor.reader, course, link, command.form.line("assignment"))
    return _back(f"/courses/{slug}/lti")


@router.post("/courses/{slug}/lti/contexts/{context}/unlink")
def unlink(slug: SlugInPath, context: NumberInPath, command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        course = courses.course_of(work, command.visitor.reader, slug)
        launches.unlink(work, command.visitor.reader, course, context)
    return _back(f"/courses/{slug}/lti")


@router.post("/courses/{slug}/lti/resend")
def resend(slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Send every released score once more."""
    with services.database.begin() as work:
        course = courses.course_of(work, command.visitor.reader, slug)
        scores.resend(work, command.visitor.reader, course)
    return _back(f"/courses/{slug}/lti")


def _said(form: SentForm) -> Registration:
    wanted = set(form.lines("role"))
    return Registration(
        name=form.line("name"), issuer=form.exact("issuer").strip(), client_id=form.line("client_id"),
        deployments=form.text("deployments").splitlines(), auth_url=form.exact("auth_url"),
        token_url=form.exact("token_url"), jwks_url=form.exact("jwks_url"), trusts_email=form.is_set("trusts_email"),
        roles=frozenset(role for role in Role if role.value in wanted),
    )  # fmt: skip


def _platforms(
    request: Request,
    services: Services,
    visitor: SignedIn,
    *,
    problem: GraderError | None = None,
    form: SentForm | None = None,
) -> Response:
    with services.database.begin() as work:
        registered = platforms.listed(work, visitor.reader)
        contexts = links.all_contexts(work, visitor.reader)
        ours = courses.courses_for(work, visitor.reader)
        now = submissions.seen_at(work)
    here = services.settings.public_url
    return page(
        request, "lti_platforms.html", visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        platforms=registered, contexts=contexts, courses=ours, now=now, roles=list(Role), is_on=_is_on(services),
        problem="" if problem is None else problems.detail_of(problem),
        given={name: "" if form is None else form.exact(name) for name in _FIELDS},
        ours={"login": here + lti.LOGIN, "launch": here + lti.LAUNCH, "jwks": here + lti.KEYS},
    )  # fmt: skip


def _is_on(services: Services) -> bool:
    try:
        lti.require_on(services.settings)
    except GraderError:
        return False
    return True


def _course(request: Request, services: Services, visitor: SignedIn, slug: str) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        course = courses.course_of(work, reader, slug)
        contexts = links.contexts(work, reader, course)
        found = links.listed(work, reader, course)
        offered = [one for one in assignments.offered_for(work, reader) if one.course_id == course.id]
        now = submissions.seen_at(work)
    return page(
        request, "lti.html", visitor=visitor, course=course, contexts=contexts, links=found, assignments=offered,
        is_instructor=reader.is_instructor(course.id), now=now,
    )  # fmt: skip


def _back(target: str) -> Response:
    return RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
