"""Learning platforms, contexts and resource links, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.domain.course import Role
from grader.domain.lti import Connection, Context, Platform, ResourceLink
from grader.service.lti.platforms import Registration

RoleName = Literal["student", "ta", "instructor"]
_Line = Annotated[Words, Field(max_length=255)]
_Url = Annotated[Words, Field(max_length=500)]


class NewPlatform(Request):
    """A learning platform as its own pages describe it; docs/lti.md says where they do."""

    name: Annotated[_Line, Field(examples=["Campus Moodle"])]
    issuer: Annotated[_Line, Field(examples=["https://moodle.example.org"])]
    client_id: _Line
    deployments: Annotated[list[_Line], Field(max_length=20, examples=[["1"]])]
    auth_url: Annotated[_Url, Field(examples=["https://moodle.example.org/mod/lti/auth.php"])]
    token_url: Annotated[_Url, Field(examples=["https://moodle.example.org/mod/lti/token.php"])]
    jwks_url: Annotated[_Url, Field(examples=["https://moodle.example.org/mod/lti/certs.php"])]
    trusts_email: StrictBool = False
    roles: Annotated[list[RoleName], Field(max_length=3, default_factory=lambda: ["student"])]


class PlatformAnswer(Answer):
    """`roles` are those that it may give to people who are not in a linked course yet."""

    id: int
    name: str
    issuer: str
    client_id: str
    deployments: list[str]
    auth_url: str
    token_url: str
    jwks_url: str
    trusts_email: bool
    roles: list[RoleName]


class ConnectionAnswer(Answer):
    """A platform from which one may come; `how` it came to know."""

    platform: int
    name: str
    issuer: str
    how: Literal["signed in", "e-mail"]
    linked_at: Time


class LinkedCourse(Request):
    course: Annotated[Words, Field(max_length=80)] | None = None


class ContextAnswer(Answer):
    """A course on a platform; `course` is ours that it is linked to."""

    id: int
    platform: int
    platform_name: str
    title: str
    course: str | None
    linked_by: str | None
    seen_at: Time


class Binding(Request):
    assignment: Annotated[Words, Field(max_length=80)] | None = None


class LinkAnswer(Answer):
    """A resource link. `sent` and `waiting` count students whose score the platform has, or has not taken yet."""

    id: int
    context: int
    title: str
    assignment: str | None
    takes_scores: bool
    stopped_at: Time | None
    problem: str
    sent: int
    waiting: int


class Resent(Answer):
    students: int


def registration_of(body: NewPlatform) -> Registration:
    return Registration(
        name=body.name, issuer=body.issuer, client_id=body.client_id, deployments=body.deployments,
        auth_url=body.auth_url, token_url=body.token_url, jwks_url=body.jwks_url, trusts_email=body.trusts_email,
        roles=frozenset(Role(role) for role in body.roles),
    )  # fmt: skip


def platform_answer(platform: Platform) -> PlatformAnswer:
    return PlatformAnswer(
        id=platform.id, name=platform.name, issuer=platform.issuer, client_id=platform.client_id,
        deployments=list(platform.deployments), auth_url=platform.auth_url, token_url=platform.token_url,
        jwks_url=platform.jwks_url, trusts_email=platform.trusts_email,
        roles=[role.value for role in Role if role in platform.roles],
    )  # fmt: skip


def connection_answer(connection: Connection) -> ConnectionAnswer:
    return ConnectionAnswer(
        platform=connection.platform, name=connection.name, issuer=connection.issuer,
        how="e-mail" if connection.how == "e-mail" else "signed in", linked_at=connection.linked_at,
    )  # fmt: skip


def context_answer(context: Context) -> ContextAnswer:
    return ContextAnswer(
        id=context.id, platform=context.platform, platform_name=context.platform_name, title=context.title,
        course=context.course, linked_by=context.linked_by, seen_at=context.seen_at,
    )  # fmt: skip


def link_answer(link: ResourceLink) -> LinkAnswer:
    return LinkAnswer(
        id=link.id, context=link.context, title=link.title, assignment=link.assignment,
        takes_scores=link.takes_scores, stopped_at=link.stopped_at, problem=link.problem, sent=link.sent,
        waiting=link.waiting,
    )  # fmt: skip
