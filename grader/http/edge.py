"""The outermost layer of the server: a name for each request, headers on each answer, one place for our own faults.

The invariant: whatever happens inside, the caller gets a problem document without traceback, and the log gets the
traceback under the id that the caller was told.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.http import problems
from grader.http.doings import Doings
from grader.http.metrics import Metrics
from grader.kit.logs import about, without_secrets
from grader.kit.tracing import NoTraces, Span, Traces

log = logging.getLogger(__name__)

API_PREFIX = "/api/v1"
REQUEST_ID = "X-Request-ID"
_STREAMED = ("multipart/", "text/csv")
# More than any form or JSON of ours needs.
_MOST_BODY_BYTES = 256 * 2**10
# What a proxy in front of us may call a request; anything else, and a name of ours is taken.
_A_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
# Slugs, numbers and ids. What else somebody puts into an address may be anything, a name as well.
_PLAIN_STEP = re.compile(r"[A-Za-z0-9._~-]{0,80}")
_MOST_STEPS = 12
# Asked every few seconds by machines.
_UNTOLD = frozenset(f"{prefix}{path}" for prefix in ("", API_PREFIX) for path in ("/healthz", "/readyz", "/metrics"))
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """ASGI middleware. `headers` are set on every answer that does not set them itself."""

    def __init__(
        self, app: ASGIApp, *, headers: Mapping[str, str], metrics: Metrics, traces: Traces | None = None
    ) -> None:
        self._app = app
        self._headers = dict(headers)
        self._metrics = metrics
        self._traces = traces or NoTraces()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {}).update(request_id=request_id, doings=Doings())
        answer = _Answer(send, self._headers | {REQUEST_ID: request_id}, private=scope["path"].startswith("/api/"))
        begun_at, began_ns = time.monotonic(), time.time_ns()
        with about(request=request_id):
            await self._answered(scope, receive, answer)
            self._tell(scope, answer, begun_at)
        if self._traces.is_on and scope["path"] not in _UNTOLD:
            self._trace(scope, answer, began_ns)

    async def _answered(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, _bounded(scope, receive), answer)
        except ClientDisconnect:
            log.info("the client went away")
        except Exception as error:
            log.exception("request %s: %s %s failed", answer.request_id, _method(scope), _shown(scope["path"]))
            if not answer.status:
                await problems.answer(Request(scope), error)(scope, receive, answer)

    def _tell(self, scope: Scope, answer: _Answer, begun_at: float) -> None:
        if answer.status:
            seconds = answer.begun_at - begun_at
            self._metrics.latency.labels(_method(scope), _route(scope), str(answer.status)).observe(seconds)
        level = logging.DEBUG if scope["path"] in _UNTOLD else logging.INFO
        took_s = time.monotonic() - begun_at
        log.log(level, "%s %s %d in %.3f s", _method(scope), _shown(scope["path"]), answer.status, took_s)

    def _trace(self, scope: Scope, answer: _Answer, began_ns: int) -> None:
        state = scope["state"]
        span = Span(
            name=f"{_method(scope)} {_route(scope)}",
            began_ns=began_ns,
            ended_ns=time.time_ns(),
            about={
                "http.request.method": _method(scope),
                "http.route": _route(scope),
                "http.response.status_code": answer.status,
                "grader.request": state["request_id"],
            },
            children=tuple(state["doings"].spans),
            problem="" if 0 < answer.status < 500 else f"status {answer.status}",
            kind="server",
            run=state["doings"].run,
        )
        self._traces.tell_request(span, parent=Headers(scope=scope).get("traceparent", ""))


class _Answer:
    """Passes an answer on, with headers; remembers when it began (monotonic seconds) and its status (0: not begun)."""

    def __init__(self, send: Send, headers: Mapping[str, str], *, private: bool) -> None:
        self.status = 0
        self.begun_at = 0.0
        self.request_id = headers[REQUEST_ID]
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


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    # It goes into logs, answers and traces: a token that somebody took for an id does not.
    is_fit = _A_REQUEST_ID.fullmatch(given) and without_secrets(given) == given
    return given if is_fit else secrets.token_hex(8)


def _shown(path: str) -> str:
    """An address without what may be anybody's name in it."""
    steps = path.split("/", _MOST_STEPS)
    return "/".join(step if _PLAIN_STEP.fullmatch(step) else "*" for step in steps)


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
