"""Errors as RFC 9457 problem documents: the one table from error class to HTTP status, and one sentence for each.

The invariant: what leaves the server says what the caller can do, and never how the server is built. A `SetupError` is
the operator's business, so its sentence (which names paths and settings) goes to the log and the caller reads a plain
one; a spec's fault is told, because only instructors can meet it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from grader.answers.given import BadAnswers
from grader.domain.errors import (
    AccessError,
    BadCsrf,
    BadRequest,
    BadSpec,
    ConflictError,
    GraderError,
    InputError,
    NoLongerKept,
    NotSignedIn,
    NotYours,
    PastDeadline,
    QuotaUsed,
    RegradeClosed,
    SetupError,
    SignInFailed,
    StudentFault,
    TooManyAttempts,
    TransientError,
    UnknownAssignment,
    UnknownThing,
    UploadTooLarge,
)
from grader.kit.text import one_line

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPES = "/api/problems/"


class NoPage(InputError):
    """There is nothing at this address."""

    code = "unknown-path"


class BadMethod(InputError):
    """This address does not take this method; the header Allow names those it takes."""

    code = "bad-method"


# The nearest base class counts.
STATUSES: dict[type[GraderError], int] = {
    GraderError: 500,
    InputError: 422,
    UnknownAssignment: 404,
    UnknownThing: 404,
    UploadTooLarge: 413,
    PastDeadline: 403,
    RegradeClosed: 403,
    NoLongerKept: 410,
    QuotaUsed: 429,
    ConflictError: 409,
    AccessError: 403,
    NotSignedIn: 401,
    SignInFailed: 401,
    TooManyAttempts: 429,
    # Whether a submission exists is itself a secret.
    NotYours: 404,
    BadCsrf: 403,
    SetupError: 503,
    TransientError: 503,
    StudentFault: 500,
    NoPage: 404,
    BadMethod: 405,
}
_OPERATOR = "The service cannot do this until its operator mends something; tell them the time and the request's id."
_OURS = "The service has a fault of its own, which is in its log; tell its operator the request's id."
_RETRY_AFTER_S = "5"


def status_of(error: type[BaseException]) -> int:
    """The HTTP status of an error of this class; what is not ours is a fault of ours."""
    return next((STATUSES[base] for base in error.__mro__ if base in STATUSES), 500)


def title_of(error: type[GraderError]) -> str:
    """What an error of this class is called, whatever happened in the single case."""
    return (error.__doc__ or error.code).strip().rstrip(".")


def detail_of(error: GraderError) -> str:
    """The sentence that whoever asks may read."""
    if isinstance(error, SetupError) and not isinstance(error, BadSpec):
        return _OPERATOR
    return one_line(str(error), limit=1000)


def as_grader_error(error: Exception) -> GraderError:
    """What the framework raised, as one of ours."""
    if isinstance(error, GraderError):
        return error
    if isinstance(error, RequestValidationError):
        return BadRequest(_first_misfit(error.errors()))
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NoPage()
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return BadMethod()
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return UploadTooLarge("The request is larger than this address takes.")
        return BadRequest("The request cannot be read; check its body and headers.")
    return GraderError(_OURS)


def request_id_of(request: Request) -> str:
    """The id under which the log knows this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def answer(request: Request, error: Exception) -> Response:
    """The problem document for an error of any kind."""
    ours = as_grader_error(error)
    status = status_of(type(ours))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request %s: %s: %s", request_id_of(request), type(ours).__name__, one_line(str(ours), limit=1000))
    body: dict[str, Any] = {
        "type": TYPES + ours.code,
        "title": title_of(type(ours)),
        "status": status,
        "detail": detail_of(ours),
        "code": ours.code,
    }
    if request_id_of(request):
        body["instance"] = f"urn:request:{request_id_of(request)}"
    if isinstance(error, RequestValidationError):
        body["errors"] = _misfits(error.errors())
    elif isinstance(error, BadAnswers):
        body["errors"] = [{"place": name, "problem": _shortened(words)} for name, words in error.problems.items()]
    given = error.headers if isinstance(error, HTTPException) and error.headers else {}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=_headers(ours, status) | dict(given))


def install(app: FastAPI) -> None:
    """Answer every error of ours and of the framework with a problem document."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (GraderError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _headers(error: GraderError, status: int) -> dict[str, str]:
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": 'Bearer realm="grader"'}
    return {"Retry-After": _RETRY_AFTER_S} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def _place(error: Mapping[str, Any]) -> str:
    # A position in broken JSON says nothing to a reader; the message does.
    return ".".join(str(step) for step in error.get("loc", ()) if not isinstance(step, int) or step < 1000)


def _misfits(errors: Sequence[Any]) -> list[dict[str, str]]:
    # The value itself is left out: it may be a password.
    return [{"place": one_line(_place(error), limit=200), "problem": _problem(error)} for error in errors[:20]]


def _shortened(words: str) -> str:
    return one_line(words, limit=500)


def _problem(error: Mapping[str, Any]) -> str:
    return one_line(str(error.get("msg", "is not as it should be")), limit=300)


def _first_misfit(errors: Sequence[Any]) -> str:
    if not errors:
        return "The request does not say what it should."
    more = f" There are {len(errors) - 1} more." if len(errors) > 1 else ""
    return f"{one_line(_place(errors[0]), limit=200)}: {_problem(errors[0])}.{more}"
