"""Who sends this request: a bearer token, or the web page's session cookie."""

from __future__ import annotations

import hmac

from starlette.datastructures import FormData
from starlette.requests import Request

from grader.domain.course import Reader
from grader.domain.errors import BadCsrf, NotSignedIn
from grader.http.services import services_of
from grader.service import accounts, tokens
from grader.service.accounts import SignedIn

COOKIE = "grader_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Longer than any key or token of ours; not worth a look into the database.
_LONGEST_SECRET = 512


def session_of_request(request: Request) -> SignedIn | None:
    """The web session of the cookie; None when there is none."""
    key = request.cookies.get(COOKIE, "")
    if not _could_be_ours(key):
        return None
    with services_of(request).database.begin() as work:
        return accounts.session_of(work, key)


def bearer_of(request: Request) -> str | None:
    """The bearer token that came along; None when the request carries none."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.casefold() == "bearer" else None


def reader_of_request(request: Request) -> Reader:
    """Whoever asks: by bearer token, else by session (then unsafe methods need the CSRF token in the header or form).

    The form counts where it has been read before (`await request.form()`, or FastAPI's `Form`).

    Raises:
        NotSignedIn, BadCsrf.

    """
    secret = bearer_of(request)
    if secret is not None:
        return _reader_of_token(request, secret)
    signed_in = session_of_request(request)
    if signed_in is None:
        raise NotSignedIn
    if request.method not in _SAFE_METHODS:
        require_csrf(request, signed_in, request.headers.get(CSRF_HEADER) or _field_of_form(request))
    return signed_in.reader


def require_csrf(request: Request, signed_in: SignedIn, given: str) -> None:
    """Raise BadCsrf unless `given` is the session's token (compared in constant time)."""
    del request
    if not hmac.compare_digest(given.encode("utf-8", "replace"), signed_in.csrf.encode()):
        raise BadCsrf


def _reader_of_token(request: Request, secret: str) -> Reader:
    if not _could_be_ours(secret):
        raise NotSignedIn
    with services_of(request).database.begin() as work:
        reader = tokens.reader_of(work, secret)
    if reader is None:
        raise NotSignedIn
    return reader


def _could_be_ours(secret: str) -> bool:
    return 0 < len(secret) <= _LONGEST_SECRET and secret.isascii() and secret.isprintable()


def _field_of_form(request: Request) -> str:
    # Reading a form is asynchronous; whoever wants it to count has read it, and the request keeps it.
    form = getattr(request, "_form", None)
    value = form.get(CSRF_FIELD, "") if isinstance(form, FormData) else ""
    return value if isinstance(value, str) else ""
