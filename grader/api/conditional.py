"""Reads that clients poll: an `ETag` on the answer, and 304 where nothing has changed for this reader.

The tag is a digest of what is answered, because what a reader sees changes with more than the submission's own events:
the queue before it, the due date, which submission counts.
"""

from __future__ import annotations

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from grader.kit.digest import sha256_of

_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


def conditional(request: Request, answer: BaseModel) -> Response:
    """The answer as JSON, or 304 when `If-None-Match` names it."""
    body = answer.model_dump_json(by_alias=True).encode()
    tag = f'"{sha256_of(body)[:32]}"'
    headers = _HEADERS | {"ETag": tag}
    if tag in _named(request.headers.get("If-None-Match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _named(header: str) -> set[str]:
    # A proxy that compresses marks our tags as weak.
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
