"""Errors as pages, for people; whoever asks for JSON, and the API, get a problem document.

The invariant is the one of `grader.http.problems`: a page says what the reader can do, never how the server is built.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.domain.errors import GraderError, NotSignedIn
from grader.http import problems
from grader.web.render import page

log = logging.getLogger(__name__)

_HEADINGS = {
    401: "Sign in first",
    403: "This is not yours to see or do",
    404: "There is nothing here",
    405: "This page cannot be used like that",
    409: "Somebody was there first",
    413: "That is too large",
    422: "That cannot be used as it is",
    410: "No longer kept",
    429: "Too many for now",
    503: "Not right now",
}


def install(app: FastAPI) -> None:
    """Answer errors of pages with pages."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (GraderError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
    app.add_middleware(OurFaults)


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer: outside the API, with a browser that takes HTML."""
    return not request.url.path.startswith("/api") and "text/html" in request.headers.get("Accept", "")


def answer(request: Request, error: Exception) -> Response:
    """The page or the problem document for an error of any kind."""
    if not wants_page(request):
        return problems.answer(request, error)
    ours = problems.as_grader_error(error)
    if isinstance(ours, NotSignedIn):
        return to_sign_in(request)
    status = problems.status_of(type(ours))
    if status >= 500:
        log.warning("request %s: %s: %s", problems.request_id_of(request), type(ours).__name__, ours)
    return page(
        request,
        "error.html",
        visitor=None,
        status=status,
        headers={"Retry-After": "5"} if status == 503 else None,
        heading=_HEADINGS.get(status, "Something of ours broke"),
        detail=problems.detail_of(ours),
        request_id=problems.request_id_of(request) if status >= 500 else "",
        may_repeat=status in (403, 503) and request.method != "GET",
    )


def to_sign_in(request: Request) -> Response:
    """To the sign-in page; back to this page afterwards, where it can be asked for again."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(target, safe='/')}" if request.method == "GET" and target != "/" else ""
    return RedirectResponse(f"/sign-in{back}", status_code=303)


class OurFaults:
    """ASGI middleware: an unexpected error of a page becomes a page, and its traceback goes to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not wants_page(Request(scope)):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            raise
        except Exception as error:
            if has_begun:
                raise
            request = Request(scope)
            log.exception("request %s: %s failed", problems.request_id_of(request), scope["method"])
            await answer(request, error)(scope, receive, send)
