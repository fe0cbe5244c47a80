"""Everybody the service knows, for its administrators."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from grader.domain.course import Person
from grader.domain.errors import BadRequest
from grader.storage.database import Work
from grader.storage.repositories import directory


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """By e-mail address; `next_cursor` is empty on the last page."""

    people: tuple[Person, ...]
    next_cursor: str


def list_people(work: Work, *, search: str = "", cursor: str = "", limit: int = 50) -> PeoplePage:
    """People who may sign in; `search` is part of a name, e-mail address or student number.

    Administrators only, which the caller has checked.

    Raises:
        BadRequest: the cursor is none of ours.

    """
    found = directory.people_after(work, _address(cursor), search=search, limit=limit + 1)
    more = len(found) > limit
    people = tuple(found[:limit])
    return PeoplePage(people=people, next_cursor=_cursor(people[-1].email) if more else "")


def _cursor(email: str) -> str:
    return base64.urlsafe_b64encode(email.encode()).decode()


def _address(cursor: str) -> str:
    try:
        address = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error) as error:
        raise BadRequest("The cursor is not one that a page before gave; begin without one.") from error
    if "\x00" in address:
        raise BadRequest("The cursor is not one that a page before gave; begin without one.")
    return address
