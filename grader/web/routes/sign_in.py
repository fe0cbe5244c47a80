"""Signing in and out.

The hazard is a form that somebody else's page sends: it would sign a student into the attacker's account, where the
student then uploads. So the form carries a signed value that belongs to a cookie of the same browser.
"""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus

from fastapi import APIRouter
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.errors import AccessError, SignInFailed
from grader.http import problems
from grader.http.identity import COOKIE, session_of_request
from grader.http.services import Services
from grader.http.settings import ServerSettings
from grader.service import accounts
from grader.service.accounts import SignedIn
from grader.web import oidc
from grader.web.access import SentForm, TheCommand, TheServices, Words, read_form, safe_next
from grader.web.render import page

router = APIRouter()

_FORM_COOKIE = "grader_form"
_FORM_LASTS_S = 3600
# As long as the session itself lasts.
_COOKIE_LASTS_S = 14 * 86_400
_FIELD = "form"
_FORM_BYTES = 16 * 2**10


@router.get("/sign-in")
def show(request: Request, services: TheServices, next: Words = "") -> Response:  # noqa: A002  # the address's own word
    """The form; whoever is signed in goes on at once."""
    target = safe_next(next)
    if session_of_request(request) is not None:
        return RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
    return _form(request, services.settings, target=target)


@router.post("/sign-in")
async def sign_in(request: Request, services: TheServices) -> Response:
    """Check the password, and go where the reader wanted to go."""
    form = await read_form(request, limit=_FORM_BYTES)
    return await run_in_threadpool(_sign_in, request, services, form)


@router.post("/sign-out")
def sign_out(command: TheCommand, services: TheServices) -> Response:
    with services.database.begin() as work:
        accounts.sign_out(work, command.visitor.key)
    response = RedirectResponse("/sign-in", status_code=HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path="/")
    # Whatever a browser kept of these pages goes too.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.get(oidc.PATH)
async def to_provider(request: Request, services: TheServices, next: Words = "") -> Response:  # noqa: A002
    return await oidc.to_provider(request, services.settings, safe_next(next))


@router.get(oidc.CALLBACK)
async def from_provider(request: Request, services: TheServices) -> Response:
    try:
        subject = await oidc.from_provider(request)
        signed_in = await run_in_threadpool(_sign_in_with, services, subject)
    except SignInFailed as error:
        return _form(request, services.settings, target="/", problem=error)
    return signed_in_answer(services.settings, signed_in, safe_next(subject.next_page))


def _sign_in(request: Request, services: Services, form: SentForm) -> Response:
    target = safe_next(form.exact("next"))
    email = form.line("email")
    if not _belongs(request, services.settings, form.exact(_FIELD)):
        expired = SignInFailed("The form had expired; sign in again.")
        return _form(request, services.settings, target=target, problem=expired, email=email)
    address = request.client.host if request.client else "unknown"
    try:
        signed_in = accounts.sign_in(services.database, email=email, password=form.exact("password"), address=address)
    except AccessError as error:
        return _form(request, services.settings, target=target, problem=error, email=email)
    return signed_in_answer(services.settings, signed_in, target)


def _sign_in_with(services: Services, subject: oidc.Subject) -> SignedIn:
    with services.database.begin() as work:
        return accounts.sign_in_with_subject(
            work,
            subject=subject.name,
            email=subject.email,
            email_is_verified=subject.email_is_verified,
            name=subject.person_name,
        )


def signed_in_answer(settings: ServerSettings, signed_in: SignedIn, target: str) -> Response:
    """Go on to a page of ours, with the session's cookie."""
    response = RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        signed_in.key,
        max_age=_COOKIE_LASTS_S,
        path="/",
        secure=settings.has_tls,
        httponly=True,
        samesite="lax",
    )
    response.delete_cookie(_FORM_COOKIE, path="/sign-in")
    return response


def _form(
    request: Request,
    settings: ServerSettings,
    *,
    target: str,
    problem: AccessError | None = None,
    email: str = "",
) -> Response:
    # Several open tabs share one value, so that signing in works in each.
    value = request.cookies.get(_FORM_COOKIE, "") or secrets.token_urlsafe(16)
    response = page(
        request,
        "sign_in.html",
        visitor=None,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        form=_signer(settings).dumps(value),
        next_page=target,
        problem="" if problem is None else problems.detail_of(problem),
        email=email,
        has_oidc=oidc.is_configured(request),
    )
    response.set_cookie(
        _FORM_COOKIE,
        value,
        max_age=_FORM_LASTS_S,
        path="/sign-in",
        secure=settings.has_tls,
        httponly=True,
        samesite="lax",
    )
    return response


def _belongs(request: Request, settings: ServerSettings, given: str) -> bool:
    """Whether the form was made by us, lately, for this browser."""
    try:
        value = _signer(settings).loads(given, max_age=_FORM_LASTS_S)
    except BadSignature:
        return False
    kept = request.cookies.get(_FORM_COOKIE, "")
    return bool(kept) and isinstance(value, str) and hmac.compare_digest(value.encode(), kept.encode())


def _signer(settings: ServerSettings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret, salt="sign-in form")
