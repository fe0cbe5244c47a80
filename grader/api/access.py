"""What every endpoint asks for: who is there, with which scope; ids and addresses the database can be asked for."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from pydantic import AfterValidator, BeforeValidator
from starlette.requests import Request

from grader.domain.course import Reader, Scope
from grader.domain.errors import NeedsRole, UnknownThing
from grader.http.identity import COOKIE, reader_of_request
from grader.http.services import Services, services_of

# Both only describe, in the OpenAPI document, what `reader_of_request` does.
_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="An API token: `Authorization: Bearer grd_...`")
_SESSION = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="session",
    description="The web page's session; unsafe methods also need the header X-CSRF-Token.",
)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
# PostgreSQL's integer.
_LARGEST_ID = 2**31 - 1


def _reader(request: Request) -> Reader:
    return reader_of_request(request)


def _described(
    reader: Annotated[Reader, Depends(_reader)],
    _token: Annotated[object, Security(_BEARER)],
    _session: Annotated[object, Security(_SESSION)],
) -> Reader:
    return reader


def _may_read(reader: Annotated[Reader, Depends(_described)]) -> Reader:
    reader.require_scope(Scope.READ)
    return reader


def _may_submit(reader: Annotated[Reader, Depends(_described)]) -> Reader:
    reader.require_scope(Scope.SUBMIT)
    return reader


def _may_grade(reader: Annotated[Reader, Depends(_described)]) -> Reader:
    reader.require_scope(Scope.GRADE)
    return reader


def _may_manage(reader: Annotated[Reader, Depends(_described)]) -> Reader:
    reader.require_scope(Scope.MANAGE)
    return reader


Own = Annotated[
    bool,
    Query(description="Of the parts of a team's assignment that each member hands in alone, instead of the team's."),
]
MayRead = Annotated[Reader, Depends(_may_read)]
MaySubmit = Annotated[Reader, Depends(_may_submit)]
MayGrade = Annotated[Reader, Depends(_may_grade)]
MayManage = Annotated[Reader, Depends(_may_manage)]
TheServices = Annotated[Services, Depends(services_of)]


def require_admin(reader: Reader) -> None:
    """Raise NeedsRole unless this is an administrator."""
    if not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this.")


def _possible_slug(value: str) -> str:
    # What no slug can be is looked up as the empty one: unknown, in the words of whoever looks.
    return value if _SLUG.fullmatch(value) else ""


def _possible_uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        return ""


def _possible_number(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 10 and 0 < int(value) <= _LARGEST_ID):
        raise UnknownThing
    return int(value)


SlugInPath = Annotated[str, AfterValidator(_possible_slug), Path(examples=["cmp784-practical2"])]
UuidInPath = Annotated[str, AfterValidator(_possible_uuid), Path(examples=["0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])]
NumberInPath = Annotated[int, BeforeValidator(_possible_number), Path(examples=[12])]


def _without_zero(value: str) -> str:
    if "\x00" in value:
        raise ValueError("Text must not hold a zero character")
    return value


# Text for the database, which takes any character but one.
Words = Annotated[str, AfterValidator(_without_zero)]
