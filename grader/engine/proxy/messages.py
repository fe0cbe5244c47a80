"""One HTTP request, read strictly, and one reply.

The invariant: nothing that could be read in two ways goes on. A request is taken apart completely here and written
anew for the engine, so the engine never sees a byte of the worker's own framing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MOST_HEAD_BYTES = 16 * 1024
MOST_BODY_BYTES = 256 * 1024
HEAD_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(r"(GET|HEAD|POST|DELETE) (/[\x21-\x7e]*) HTTP/1\.1")
_HEADER = re.compile(r"([A-Za-z0-9-]{1,64}):[ \t]*([\x20-\x7e]*)")
_LENGTH = re.compile(r"[0-9]{1,9}")
# Each of them lets the two ends disagree about where a request ends.
_NEVER = ("transfer-encoding", "trailer", "te", "expect")
REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden",
           404: "Not Found", 409: "Conflict", 500: "Internal Server Error", 502: "Bad Gateway"}  # fmt: skip


class BadRequest(Exception):
    """The bytes are not one plain request; the connection is closed after the answer."""


class Refused(Exception):
    """A well-formed request for something that is not let through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def wants_upgrade(self) -> bool:
        return "upgrade" in self.headers or "upgrade" in self.headers.get("connection", "").lower()

    @property
    def wants_close(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


def parse_head(head: bytes) -> tuple[Request, int]:
    """The request without its body, and how many bytes of body follow. `head` ends before the empty line."""
    try:
        lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError as error:
        raise BadRequest("the request's head is not plain ASCII") from error
    first = _REQUEST_LINE.fullmatch(lines[0])
    if first is None:
        raise BadRequest("the request line is not one this proxy reads")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise BadRequest("a header line is malformed")
        name = match[1].lower()
        if name in headers:
            raise BadRequest(f"the header {name} stands twice")
        headers[name] = match[2].strip()
    for name in _NEVER:
        if name in headers:
            raise BadRequest(f"the header {name} is not taken here")
    length = headers.get("content-length", "0")
    if _LENGTH.fullmatch(length) is None:
        raise BadRequest("Content-Length is not a number")
    if int(length) > MOST_BODY_BYTES:
        raise BadRequest(f"a body may have {MOST_BODY_BYTES} bytes, not {int(length)}")
    return Request(method=first[1], target=first[2], headers=headers), int(length)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, read as nobody else could read it differently.

    The engine takes keys in any case and the last of two equal ones, so a key may stand once whatever its case.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_no_number
        )
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Refused("the body is not one plain JSON object") from error
    if not isinstance(value, dict):
        raise Refused("the body is not one plain JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key.casefold() for key, _ in pairs}) != len(pairs):
        raise Refused("a key stands twice in the body")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise Refused(f"{text[:20]} is not a whole number")


def reply(status: int, body: bytes = b"", *, content_type: str = "application/json", close: bool = False) -> bytes:
    """A complete answer; 204 and 304 have no body."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Answer')}"]
    if status not in (204, 304):
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (b"" if status in (204, 304) else body)


def told(status: int, sentence: str, *, close: bool = False) -> bytes:
    """An answer in the engine's own form, so that clients show the sentence."""
    return reply(status, json.dumps({"message": f"engine proxy: {sentence}"}).encode(), close=close)


def request_bytes(method: str, target: str, body: bytes = b"", *, upgrade: bool = False) -> bytes:
    """What goes to the engine: our own head, and one request for each connection."""
    lines = [f"{method} {target} HTTP/1.1", "Host: engine", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else ["Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
