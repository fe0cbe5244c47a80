"""People, courses, rosters and tokens, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, PersonWithNumber, Request, Time, person_with_number
from grader.domain.course import Course, Member, Reader, Role, Scope
from grader.service.courses import RosterChange, RosterFile
from grader.service.tokens import NewToken, Token

ScopeName = Literal["read", "submit", "grade", "manage"]
RoleName = Literal["student", "ta", "instructor"]


class CourseOfReader(Answer):
    """`role` is null for an administrator who is not a member."""

    slug: str = Field(examples=["cmp784"])
    title: str = Field(examples=["Deep Learning"])
    term: str = Field(examples=["Spring 2026"])
    role: RoleName | None


class Me(Answer):
    id: int = Field(examples=[12])
    email: str = Field(examples=["ada@example.org"])
    name: str = Field(examples=["Ada Lovelace"])
    is_admin: bool
    scopes: list[ScopeName]
    courses: list[CourseOfReader]


class CourseAnswer(CourseOfReader):
    time_zone: str = Field(examples=["Europe/Istanbul"])


class NewCourse(Request):
    slug: Annotated[Words, Field(max_length=80, examples=["cmp784"])]
    title: Annotated[Words, Field(min_length=1, max_length=200, examples=["Deep Learning"])]
    term: Annotated[Words, Field(max_length=80, examples=["Spring 2026"])] = ""
    time_zone: Annotated[Words, Field(max_length=80, examples=["Europe/Istanbul"])] = "UTC"


class MemberAnswer(Answer):
    person: PersonWithNumber
    role: RoleName
    team: str | None
    section: str


class RosterProblemAnswer(Answer):
    """A line that has to be mended."""

    line: int = Field(examples=[4])
    problem: str = Field(examples=["Line 4 has no name; everybody on a roster has one."])


class FieldChangeAnswer(Answer):
    """What becomes of one word about a member; empty where there is none."""

    email: str = Field(examples=["ada@example.org"])
    field: Literal["name", "student_number", "role", "section", "team"]
    before: str = Field(examples=["morning"])
    after: str = Field(examples=["evening"])


class RosterAnswer(Answer):
    """E-mail addresses by what happened to them, or would with `preview`.

    `missing` are students who are not on the roster and stay; while there are `problems`, nobody can say who is.
    """

    added: list[str]
    changed: list[str]
    unchanged: int
    removed: list[str]
    missing: list[str]
    details: list[FieldChangeAnswer]
    form: Literal["canvas", "gradescope", "csv"]
    problems: list[RosterProblemAnswer]
    unread_columns: list[str]
    preview: bool


class NewPerson(Request):
    email: Annotated[Words, Field(max_length=254, examples=["ada@example.org"])]
    name: Annotated[Words, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]
    password: Annotated[Words, Field(max_length=1024)] | None = None
    is_admin: StrictBool = False


class NewPassword(Request):
    password: Annotated[Words, Field(max_length=1024, examples=["correct horse battery staple"])]


class NewTokenRequest(Request):
    """`days` until it expires; without it the token works until it is revoked."""

    name: Annotated[Words, Field(min_length=1, max_length=80, examples=["laptop"])]
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=4, examples=[["read", "submit"]])]
    days: Annotated[int, Field(strict=True, ge=1, le=3650, examples=[120])] | None = None


class TokenAnswer(Answer):
    id: int
    name: str
    scopes: list[ScopeName]
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None


class TokenWithSecret(TokenAnswer):
    """`secret` is shown this once."""

    secret: str = Field(examples=["grd_9bW1..."])


def me_answer(reader: Reader, courses: list[Course]) -> Me:
    return Me(
        id=reader.person.id,
        email=reader.person.email,
        name=reader.person.name,
        is_admin=reader.person.is_admin,
        scopes=_scopes(reader.scopes),
        courses=[
            CourseOfReader(slug=course.slug, title=course.title, term=course.term, role=_role(reader, course))
            for course in courses
        ],
    )


def course_answer(course: Course, reader: Reader) -> CourseAnswer:
    return CourseAnswer(
        slug=course.slug,
        title=course.title,
        term=course.term,
        role=_role(reader, course),
        time_zone=course.time_zone,
    )


def member_answer(member: Member) -> MemberAnswer:
    return MemberAnswer(
        person=person_with_number(member.person),
        role=_role_name(member.role),
        team=None if member.team is None else member.team.name,
        section=member.section,
    )


def roster_answer(file: RosterFile, change: RosterChange, *, preview: bool) -> RosterAnswer:
    return RosterAnswer(
        added=list(change.added),
        changed=list(change.changed),
        unchanged=change.unchanged,
        removed=list(change.removed),
        missing=list(change.missing),
        details=[FieldChangeAnswer.model_validate(detail._asdict()) for detail in change.details],
        form=file.form.value,
        problems=[RosterProblemAnswer(line=problem.line, problem=problem.sentence) for problem in file.problems],
        unread_columns=list(file.unread),
        preview=preview,
    )


def token_answer(token: Token) -> TokenAnswer:
    return TokenAnswer(
        id=token.id,
        name=token.name,
        scopes=_scopes(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def token_with_secret(made: NewToken) -> TokenWithSecret:
    return TokenWithSecret(**token_answer(made.token).model_dump(), secret=made.secret)


def _scopes(scopes: frozenset[Scope]) -> list[ScopeName]:
    # In the order of the enumeration: from the least to the most.
    return [scope.value for scope in Scope if scope in scopes]


def _role(reader: Reader, course: Course) -> RoleName | None:
    role = reader.roles.get(course.id)
    return None if role is None else _role_name(role)


def _role_name(role: Role) -> RoleName:
    return role.value
