"""A launch from a learning platform: its login request, its signed message, and what may have to be said first."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from grader.domain.errors import AccessError, BadRequest
from grader.domain.lti import Launch
from grader.http import problems
from grader.http.identity import session_of_request
from grader.http.services import Services
from grader.service import courses
from grader.service.accounts import SignedIn
from grader.service.lti import keys, launches, platforms, tokens
from grader.service.lti.launches import Step
from grader.service.lti.tokens import BadLaunch
from grader.web import lti
from grader.web.access import SentForm, TheCommand, TheServices, TheVisitor, read_form
from grader.web.render import page
from grader.web.routes.sign_in import signed_in_answer

router = APIRouter()

_FORM_BYTES = 64 * 2**10
_KEYS_LAST = "public, max-age=300"
_NOT_READY = "This link is not ready yet: the course's staff have not said where it leads. Ask them."


@router.get(lti.KEYS)
def public_keys(services: TheServices) -> Response:
    """Our public keys, by which platforms verify what we sign."""
    lti.require_on(services.settings)
    assert services.settings.lti_keys is not None
    return JSONResponse(keys.public_set(services.settings.lti_keys), headers={"Cache-Control": _KEYS_LAST})


@router.get(lti.LOGIN)
def login(request: Request, services: TheServices) -> Response:
    """The platform says that somebody wants to come; it is asked who. In a frame, a new window is offered first."""
    return _login(request, services, request.query_params)


@router.post(lti.LOGIN)
async def login_by_form(request: Request, services: TheServices) -> Response:
    form = await read_form(request, limit=_FORM_BYTES)
    given = {name: values[0] for name, values in form.fields.items()}
    return await run_in_threadpool(_login, request, services, given)


@router.post(lti.LAUNCH)
async def launch(request: Request, services: TheServices) -> Response:
    """The platform's signed message, through the browser that asked for it."""
    form = await read_form(request, limit=_FORM_BYTES)
    return await run_in_threadpool(_launch, request, services, form)


@router.get("/lti/connect")
def show_connecting(request: Request, services: TheServices) -> Response:
    """Which account of ours the platform's user is: asked of whoever signs in."""
    came = lti.kept(request, services.settings)
    visitor = session_of_request(request)
    with services.database.begin() as work:
        platform = platforms.found(work, came.platform)
    return page(request, "lti_connect.html", visitor=visitor, launch=came, platform=platform, problem="")


@router.post("/lti/connect")
def connect(request: Request, command: TheCommand, services: TheServices) -> Response:
    came = lti.kept(request, services.settings)
    try:
        with services.database.begin() as work:
            launches.connect(work, command.visitor.reader, came)
    except BadRequest as problem:
        with services.database.begin() as work:
            platform = platforms.found(work, came.platform)
        words, status = problems.detail_of(problem), problems.status_of(type(problem))
        return page(
            request, "lti_connect.html", visitor=command.visitor, launch=came, platform=platform, problem=words,
            status=status,
        )  # fmt: skip
    with services.database.begin() as work:
        entered = launches.enter_again(work, command.visitor.reader, came)
    return _on(services, entered.target, entered.step, came)


@router.get("/lti/course")
def show_courses(request: Request, visitor: TheVisitor, services: TheServices) -> Response:
    """Which of my courses the platform's course is."""
    came = lti.kept(request, services.settings)
    with services.database.begin() as work:
        mine = [one for one in courses.courses_for(work, visitor.reader) if visitor.reader.is_instructor(one.id)]
        platform = platforms.found(work, came.platform)
    return page(request, "lti_course.html", visitor=visitor, launch=came, platform=platform, courses=mine)


@router.post("/lti/course")
def link_course(request: Request, command: TheCommand, services: TheServices) -> Response:
    came = lti.kept(request, services.settings)
    slug = command.form.line("course")
    with services.database.begin() as work:
        launches.link_course(work, command.visitor.reader, came, slug)
        entered = launches.enter_again(work, command.visitor.reader, came)
    return _on(services, entered.target, entered.step, came)


@router.get("/lti/not-ready")
def not_ready(request: Request, visitor: TheVisitor) -> Response:
    return _message(request, visitor, "Not ready yet", _NOT_READY)


def _login(request: Request, services: Services, given: object) -> Response:
    lti.require_on(services.settings)
    said = lti.said_by(given)
    with services.database.begin() as work:
        platform = platforms.of_login(work, said["iss"], said["client_id"])
    if lti.is_framed(request):
        return _new_window(request, said)
    return lti.to_platform(request, services.settings, platform, said)


def _launch(request: Request, services: Services, form: SentForm) -> Response:
    settings = services.settings
    lti.require_on(settings)
    try:
        if not lti.has_cookie(request):
            raise BadLaunch(
                "Your browser did not send back the cookie that this sign-in needs. Allow cookies for this site, or "
                "open the link in a new window, and begin again from the platform."
            )
        asked = lti.asked_in(request, settings, form.exact("state"))
        if form.is_set("error"):
            raise BadLaunch("The platform did not say who you are; sign in there again, and repeat.")
        with services.database.begin() as work:
            platform = platforms.found(work, asked.platform)
        came = tokens.verified(
            form.exact("id_token"), platform, services.lti_keys, settings.networks, nonce=asked.nonce,
            public_url=settings.public_url,
        )  # fmt: skip
        with services.database.begin() as work:
            entered = launches.enter(work, came, asked.nonce)
    except AccessError as problem:
        status = problems.status_of(type(problem))
        return _message(request, None, "This did not work out", problems.detail_of(problem), status)
    if entered.signed_in is None:
        return _on(services, entered.target, entered.step, came)
    response = signed_in_answer(settings, entered.signed_in, entered.target)
    _keep_or_forget(response, services, entered.step, came)
    return response


def _on(services: Services, target: str, step: Step, came: Launch) -> Response:
    response = RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
    _keep_or_forget(response, services, step, came)
    return response


def _keep_or_forget(response: Response, services: Services, step: Step, came: Launch) -> None:
    if step in (Step.CONNECT, Step.LINK_COURSE):
        lti.keep(response, services.settings, came)
    else:
        lti.forget(response)


def _new_window(request: Request, said: dict[str, str]) -> Response:
    again = f"{lti.LOGIN}?{urlencode({name: word for name, word in said.items() if word})}"
    return page(request, "lti_window.html", visitor=None, again=again, headers=lti.FRAMED)


def _message(request: Request, visitor: SignedIn | None, heading: str, detail: str, status: int = 200) -> Response:
    return page(
        request, "error.html", visitor=visitor, status=status, heading=heading, detail=detail, may_repeat=False,
        request_id="",
    )  # fmt: skip
