"""Who looks at a page, and what a form said. Pages know sessions alone: a bearer token opens no page.

The invariant: a form changes something only when it came with its session's CSRF token, and no form is read to its end
before it is known who sends it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path
from pydantic import AfterValidator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from grader.domain.errors import BadRequest, NotSignedIn, UploadTooLarge
from grader.http.identity import CSRF_FIELD, CSRF_HEADER, require_csrf, session_of_request
from grader.http.services import Services, services_of
from grader.kit.text import one_line, plain
from grader.service.accounts import SignedIn

# A roster of some thousand people; every other form is a few words.
FORM_BYTES = 2 * 2**20
# A form with a written answer for each of two hundred questions is the longest.
_MOST_FIELDS = 250
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
# PostgreSQL's integer.
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SentForm:
    """What a form said: the values of each field, and the bytes of each file."""

    fields: dict[str, list[str]]
    files: dict[str, bytes]

    def line(self, name: str, *, limit: int = 300) -> str:
        """A field's text on one line; empty when it is not there."""
        return one_line(self.exact(name), limit=limit).strip()

    def text(self, name: str, *, limit: int = 4000) -> str:
        """A field's text without control characters."""
        return plain(self.exact(name), limit=limit).strip()

    def exact(self, name: str) -> str:
        """A field as it came (passwords); empty when it is not there."""
        return self.fields.get(name, [""])[0]

    def lines(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return [one_line(value) for value in self.fields.get(name, [])]

    def is_set(self, name: str) -> bool:
        return bool(self.exact(name))

    def file(self, name: str) -> bytes:
        """A file's bytes; empty when none was chosen."""
        return self.files.get(name, b"")


@dataclass(frozen=True, slots=True)
class Command:
    """A form that may change something: who sent it, and its fields."""

    visitor: SignedIn
    form: SentForm


def _visitor(request: Request) -> SignedIn:
    signed_in = session_of_request(request)
    if signed_in is None:
        raise NotSignedIn
    return signed_in


async def _command(request: Request) -> Command:
    visitor = await run_in_threadpool(_visitor, request)
    form = await read_form(request)
    require_csrf(request, visitor, request.headers.get(CSRF_HEADER) or form.exact(CSRF_FIELD))
    return Command(visitor=visitor, form=form)


async def read_form(request: Request, *, limit: int = FORM_BYTES) -> SentForm:
    """The form of a request, bounded while it comes in.

    Raises:
        BadRequest: it is not a form that can be read.
        UploadTooLarge: it is larger than `limit` bytes.

    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
    stream = _bounded(request, limit)
    parser: FormParser | MultiPartParser
    if kind == "multipart/form-data":
        parser = MultiPartParser(
            request.headers, stream, max_files=1, max_fields=_MOST_FIELDS, max_part_size=FORM_BYTES
        )
    else:
        parser = FormParser(request.headers, stream)
    try:
        data = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise BadRequest("The form cannot be read; load the page again and repeat.") from error
    try:
        return await _sent(data)
    finally:
        await data.close()


async def _sent(data: FormData) -> SentForm:
    form = SentForm(fields={}, files={})
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            form.files[name] = await value.read()
        else:
            form.fields.setdefault(name, []).append(value)
    return form


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise UploadTooLarge(f"The form is larger than {limit // 2**20} MiB; send less at once.")
        yield chunk


def safe_next(target: str) -> str:
    """A path on this server to go to after signing in; the first page for anything else."""
    if not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return "/"
    if not target.isascii() or not target.isprintable():
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def number_of(text: str, wanted: str) -> float:
    """What a person wrote as a number, a comma or a minus sign of typography included. Raises BadRequest."""
    try:
        # People in many places write a comma.
        return float(text.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except ValueError as error:
        raise BadRequest(f"Write {wanted}.") from error


def _possible_slug(value: str) -> str:
    # What no slug can be is looked up as the empty one: unknown, in the words of whoever looks.
    return value if _SLUG.fullmatch(value) else ""


def _possible_id(value: str) -> str:
    return value if value.isascii() and value.isprintable() and len(value) <= 80 else ""


def _clean(value: str) -> str:
    return one_line(value, limit=500)


TheVisitor = Annotated[SignedIn, Depends(_visitor)]
TheCommand = Annotated[Command, Depends(_command)]
TheServices = Annotated[Services, Depends(services_of)]
SlugInPath = Annotated[str, AfterValidator(_possible_slug)]
IdInPath = Annotated[str, AfterValidator(_possible_id)]
NumberInPath = Annotated[int, Path(ge=1, le=_LARGEST_ID)]
PersonInPath = Annotated[int, Path(ge=1, le=_LARGEST_ID)]
Words = Annotated[str, AfterValidator(_clean)]
