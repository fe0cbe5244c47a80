"""Who is asking, people, and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import MayManage, MayRead, NumberInPath, TheServices, Words, require_admin
from grader.api.document import problems
from grader.api.schemas.common import Listed, PersonOfService, person_of_service
from grader.api.schemas.people import (
    Me,
    NewPassword,
    NewPerson,
    NewTokenRequest,
    TokenAnswer,
    TokenWithSecret,
    me_answer,
    token_answer,
    token_with_secret,
)
from grader.domain.course import Scope
from grader.domain.errors import NeedsRole
from grader.domain.ids import PersonId
from grader.service import accounts, audit, courses, directory, submissions, tokens

router = APIRouter(tags=["people"])


@router.get("/me", responses=problems())
def me(reader: MayRead, services: TheServices) -> Me:
    """Whoever asks, with the courses they are in."""
    with services.database.begin() as work:
        return me_answer(reader, courses.courses_for(work, reader))


@router.get("/people", responses=problems())
def list_people(
    reader: MayManage,
    services: TheServices,
    search: Annotated[Words, Query(max_length=200, description="Part of a name, e-mail address or number.")] = "",
    cursor: Annotated[Words, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Listed[PersonOfService]:
    """People of the service, by e-mail address. Administrators only."""
    require_admin(reader)
    with services.database.begin() as work:
        page = directory.list_people(work, search=search, cursor=cursor, limit=limit)
    return Listed(items=[person_of_service(person) for person in page.people], next_cursor=page.next_cursor or None)


@router.post("/people", status_code=201, responses=problems(409, 413))
def create_person(body: NewPerson, reader: MayManage, services: TheServices) -> PersonOfService:
    """A new person. Administrators only."""
    require_admin(reader)
    with services.database.begin() as work:
        person = accounts.create_person(
            work, email=body.email, name=body.name, password=body.password, is_admin=body.is_admin
        )
        audit.note(work, reader, "create person", f"person:{person.id}")
    return person_of_service(person)


@router.put("/people/{person}/password", status_code=204, responses=problems(404, 413))
def set_password(person: NumberInPath, body: NewPassword, reader: MayManage, services: TheServices) -> Response:
    """Replace a password and end the person's sessions. Oneself, or an administrator."""
    if person != reader.id and not reader.person.is_admin:
        raise NeedsRole("Only administrators may set somebody else's password.")
    with services.database.begin() as work:
        accounts.set_password(work, PersonId(person), body.password)
        audit.note(work, reader, "set password", f"person:{person}")
    return Response(status_code=204)


@router.get("/tokens", responses=problems())
def list_tokens(reader: MayRead, services: TheServices) -> Listed[TokenAnswer]:
    """The tokens of whoever asks that still work, newest first."""
    with services.database.begin() as work:
        return Listed(items=[token_answer(token) for token in tokens.list_tokens(work, reader.id)])


@router.post("/tokens", status_code=201, responses=problems(413))
def issue_token(body: NewTokenRequest, reader: MayManage, services: TheServices) -> TokenWithSecret:
    """A new token for whoever asks, with no more scopes than they come with; `secret` is shown this once."""
    scopes = frozenset(Scope(name) for name in body.scopes)
    for scope in scopes:
        reader.require_scope(scope)
    with services.database.begin() as work:
        expires_at = None if body.days is None else submissions.seen_at(work) + timedelta(days=body.days)
        made = tokens.issue(work, reader.id, name=body.name, scopes=scopes, expires_at=expires_at)
        audit.note(work, reader, "issue token", f"token:{made.token.id}")
    return token_with_secret(made)


@router.delete("/tokens/{token}", status_code=204, responses=problems(404))
def revoke_token(token: NumberInPath, reader: MayManage, services: TheServices) -> Response:
    """End one of one's own tokens."""
    with services.database.begin() as work:
        tokens.revoke(work, reader.id, token)
        audit.note(work, reader, "revoke token", f"token:{token}")
    return Response(status_code=204)
