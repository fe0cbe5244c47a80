"""Who sends this request: a bearer token, or the web page's session cookie."""

from __future__ import annotations

from starlette.requests import Request

from grader.domain.course import Reader
from grader.service.accounts import SignedIn

COOKIE = "grader_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"


def session_of_request(request: Request) -> SignedIn | None:
    """The web session of the cookie; None when there is none."""
    raise NotImplementedError


def reader_of_request(request: Request) -> Reader:
    """Whoever asks: by bearer token, else by session (then unsafe methods need the CSRF token in the header or form).

    Raises:
        NotSignedIn, BadCsrf.

    """
    raise NotImplementedError


def require_csrf(request: Request, signed_in: SignedIn, given: str) -> None:
    """Raise BadCsrf unless `given` is the session's token (compared in constant time)."""
    raise NotImplementedError
