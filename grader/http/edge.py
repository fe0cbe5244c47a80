"""The outermost layer of the server: a name for each request, headers on each answer, one place for our own faults.

The invariant: whatever happens inside, the caller gets a problem document without traceback, and the log gets the
traceback under the id that the caller was told.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.http import problems
from grader.http.metrics import Metrics

log = logging.getLogger(__name__)

API_PREFIX = "/api/v1"
REQUEST_ID = "X-Request-ID"
_STREAMED = ("multipart/", "text/csv")
# More than any form or JSON of ours needs.
_MOST_BODY_BYTES = 256 * 2**10
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """ASGI middleware. `headers` are set on every answer that does not set them itself."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], metrics: Metrics) -> None:
        self._app = app
        self._headers = dict(headers)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, self._headers | {REQUEST_ID: request_id}, private=scope["path"].startswith("/api/"))
        begun_at = time.monotonic()
        try:
            await self._app(scope, _bounded(scope, receive), answer)
        except ClientDisconnect:
            log.info("request %s: the client went away", request_id)
        except Exception as error:
            log.exception("request %s: %s %r failed", request_id, scope["method"], scope["path"])
            if not answer.status:
                await problems.answer(Request(scope), error)(scope, receive, answer)
        if answer.status:
            seconds = answer.begun_at - begun_at
            self._metrics.latency.labels(_method(scope), _route(scope), str(answer.status)).observe(seconds)


class _Answer:
    """Passes an answer on, with headers; remembers when it began (monotonic seconds) and its status (0: not begun)."""

    def __init__(self, send: Send, headers: Mapping[str, str], *, private: bool) -> None:
        self.status = 0
        self.begun_at = 0.0
        self._send = send
        self._headers = headers
        self._private = private

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.begun_at = message["status"], time.monotonic()
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            if self._private:
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive` for a body that is read into memory as a whole; files are counted by whoever streams them."""
    kind = Headers(scope=scope).get("Content-Type", "").casefold()
    if kind.startswith(_STREAMED):
        return receive
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > _MOST_BODY_BYTES:
            # Of all errors, the framework passes on only its own while it reads a body.
            raise HTTPException(413)
        return message

    return bounded


def _method(scope: Scope) -> str:
    # A made-up method must not make a series of its own.
    return scope["method"] if scope["method"] in _METHODS else "other"


def _route(scope: Scope) -> str:
    template = getattr(scope.get("route"), "path", None)
    if not isinstance(template, str):
        return "other"
    # The framework knows a route by its router's path; pages and the API have some of these in common.
    is_short = scope["path"].startswith(API_PREFIX) and not template.startswith(API_PREFIX)
    return API_PREFIX + template if is_short else template
