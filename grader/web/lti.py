"""What travels through a browser during a launch: the state that is bound to it, and what still has to be said.

Both are signed and short-lived. The state's cookie comes back with a form that the platform's page sends, so it is
SameSite=None where there is TLS; the session that follows is as strict as any other.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Role
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.lti import Launch, Platform
from grader.http.settings import ServerSettings
from grader.service.lti.tokens import BadLaunch, is_ours

LOGIN, LAUNCH, KEYS = "/lti/login", "/lti/launch", "/lti/jwks.json"
_BROWSER, _PENDING = "grader_lti", "grader_lti_launch"
_PATH = "/lti"
_PATIENCE_S = 600
_SAID = ("iss", "login_hint", "target_link_uri", "lti_message_hint", "client_id", "lti_deployment_id")
_LONGEST = 8000
# A page in the platform's frame that holds one link: whoever frames it gains nothing.
FRAMED = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors *",
    # Browsers that know frame-ancestors leave this one out; those that do not refuse the frame.
    "X-Frame-Options": "",
}


class Asked(NamedTuple):
    """What a state says: who was asked, and under which nonce."""

    platform: int
    nonce: str


def require_on(settings: ServerSettings) -> None:
    """Raise UnknownThing where this service has no keys for LTI."""
    path = settings.lti_keys
    if path is None or not path.exists() or not path.stat().st_size:
        raise UnknownThing("This service is not set up for LTI; docs/lti.md says how its operator does that.")


def said_by(given: Any) -> dict[str, str]:
    """The parameters of a login request. Raises BadRequest."""
    said = {name: str(given.get(name) or "") for name in _SAID}
    if not said["iss"] or not said["login_hint"] or not said["target_link_uri"]:
        raise BadRequest("A learning platform's login request names iss, login_hint and target_link_uri.")
    if any(len(word) > _LONGEST or "\x00" in word for word in said.values()):
        raise BadRequest("The login request is too long.")
    return said


def is_framed(request: Request) -> bool:
    return request.headers.get("Sec-Fetch-Dest", "") in ("iframe", "frame", "embed", "object")


def to_platform(request: Request, settings: ServerSettings, platform: Platform, said: dict[str, str]) -> Response:
    """A redirect to the platform's log-in address, with a state that this browser alone can bring back."""
    if not is_ours(said["target_link_uri"], settings.public_url):
        raise BadRequest("The link leads to another place than this service; its staff have to mend it.")
    kept = request.cookies.get(_BROWSER, "")
    # Several launches at once share one value, so that each works.
    browser = kept if 20 <= len(kept) <= 100 else secrets.token_urlsafe(32)
    nonce = secrets.token_urlsafe(32)
    asked = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": f"{settings.public_url}{LAUNCH}",
        "login_hint": said["login_hint"],
        "state": _states(settings).dumps([platform.id, nonce, _mark(browser)]),
        "nonce": nonce,
    }
    if said["lti_message_hint"]:
        asked["lti_message_hint"] = said["lti_message_hint"]
    mark = "&" if urlsplit(platform.auth_url).query else "?"
    response = RedirectResponse(f"{platform.auth_url}{mark}{urlencode(asked)}", status_code=HTTPStatus.FOUND)
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(
        _BROWSER, browser, max_age=_PATIENCE_S, path=_PATH, secure=settings.has_tls, httponly=True,
        samesite="none" if settings.has_tls else "lax",
    )  # fmt: skip
    return response


def has_cookie(request: Request) -> bool:
    return bool(request.cookies.get(_BROWSER))


def asked_in(request: Request, settings: ServerSettings, state: str) -> Asked:
    """What we asked in this browser. Raises BadLaunch."""
    try:
        platform, nonce, mark = _states(settings).loads(state, max_age=_PATIENCE_S)
    except (BadSignature, ValueError, TypeError) as error:
        raise BadLaunch("This launch was not asked for, or took too long; begin again from the platform.") from error
    if not hmac.compare_digest(_mark(request.cookies.get(_BROWSER, "")), str(mark)):
        raise BadLaunch("This launch began in another browser; begin again from the platform.")
    return Asked(int(platform), str(nonce))


def keep(response: Response, settings: ServerSettings, launch: Launch) -> None:
    """Remember a verified launch for what has to be said first."""
    plain = asdict(launch) | {"role": None if launch.role is None else launch.role.value}
    response.set_cookie(
        _PENDING, _launches(settings).dumps(plain), max_age=_PATIENCE_S, path=_PATH, secure=settings.has_tls,
        httponly=True, samesite="lax",
    )  # fmt: skip


def kept(request: Request, settings: ServerSettings) -> Launch:
    """The launch that this browser came with. Raises BadLaunch."""
    try:
        plain = _launches(settings).loads(request.cookies.get(_PENDING, ""), max_age=_PATIENCE_S)
    except BadSignature as error:
        raise BadLaunch("That was too long ago; begin again from the platform.") from error
    return Launch(**plain | {"role": None if plain["role"] is None else Role(plain["role"])})


def forget(response: Response) -> None:
    response.delete_cookie(_PENDING, path=_PATH)


def _states(settings: ServerSettings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret, salt="lti state")


def _launches(settings: ServerSettings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret, salt="lti launch")


def _mark(browser: str) -> str:
    return hashlib.sha256(browser.encode("utf-8", "replace")).hexdigest()
