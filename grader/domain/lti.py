"""LTI 1.3: learning platforms (Canvas, Moodle), what a launch says, and scores that go back. Pure values and rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Role
from grader.domain.ids import CourseId, PersonId

_MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
# Sub-roles come beside their principal role: whoever is a teaching assistant is an "Instructor", too.
_ROLES: tuple[tuple[Role, frozenset[str]], ...] = (
    (Role.TA, frozenset({f"{_MEMBERSHIP}/Instructor#TeachingAssistant"})),
    (Role.INSTRUCTOR, frozenset({f"{_MEMBERSHIP}#Instructor", "Instructor"})),
    (Role.STUDENT, frozenset({f"{_MEMBERSHIP}#Learner", "Learner"})),
)
SCORE_SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
# So many refusals of one line item's scores in a row, and nothing more is sent until a person says so.
STOP_AFTER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A learning platform as an administrator registered it.

    `roles` are those that it may give to somebody who is not in the course yet. Where `trusts_email` is true, an
    e-mail address that it names is believed to be its user's.
    """

    id: int
    name: str
    issuer: str
    client_id: str
    deployments: tuple[str, ...]
    auth_url: str
    token_url: str
    jwks_url: str
    trusts_email: bool
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a verified launch says. `role` is the one in the context; None where it is none that we know.

    `line_item` is empty where the platform takes no scores for this link. `assignment` is the slug that the platform's
    staff wrote beside the link, as its custom parameter `assignment`; empty where they wrote none.
    """

    platform: int
    subject: str
    name: str
    email: str
    role: Role | None
    deployment: str
    context: str
    context_title: str
    resource: str
    resource_title: str
    line_item: str
    assignment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A platform that knows a person; `how` is "signed in" or "e-mail"."""

    platform: int
    name: str
    issuer: str
    how: str
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A course on a platform. `course` is ours that it is linked to, as its slug; None until somebody links it."""

    id: int
    platform: int
    platform_name: str
    title: str
    course_id: CourseId | None
    course: str | None
    linked_by: str | None
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLink:
    """A place in a context from which people launch. `assignment` is ours that it is bound to, as its slug.

    `takes_scores` says that the platform gave it a line item; `stopped_at` that we ceased to send, and `problem` why.
    `sent` and `waiting` count students.
    """

    id: int
    context: int
    title: str
    assignment: str | None
    takes_scores: bool
    stopped_at: datetime | None
    problem: str
    sent: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreToSend:
    """A score for one user of a platform. `score` is None where what was sent is to be taken back.

    `at` is the timestamp that goes along; it is later than that of the score before.
    """

    link: int
    platform: Platform
    line_item: str
    person: PersonId
    subject: str
    score: float | None
    max_score: float
    at: datetime


def role_of(claimed: Iterable[object]) -> Role | None:
    """The role in the context. What somebody is in the institution or the system counts for nothing here."""
    said = {role for role in claimed if isinstance(role, str)}
    return next((role for role, names in _ROLES if said & names), None)


def may_become(role: Role | None, allowed: Collection[Role]) -> bool:
    """Whether a platform may make somebody this in a course that is linked."""
    return role is not None and role in allowed


def scores_address(line_item: str) -> str:
    """Where scores of a line item go: its address with /scores at the path's end, before any question mark."""
    path, mark, query = line_item.partition("?")
    return f"{path.rstrip('/')}/scores{mark}{query}"


def lists_scope(scopes: Sequence[object]) -> bool:
    return SCORE_SCOPE in scopes
