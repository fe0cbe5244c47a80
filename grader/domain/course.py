"""Who is in a course, in which role, and what whoever is asking may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from grader.domain.errors import NeedsRole, NeedsScope
from grader.domain.ids import CourseId, PersonId, TeamId


class Role(StrEnum):
    STUDENT = "student"
    TA = "ta"
    INSTRUCTOR = "instructor"

    @property
    def is_staff(self) -> bool:
        return self is not Role.STUDENT


class Scope(StrEnum):
    """What a token may be used for. A person signed in on the web page has all of them."""

    READ = "read"
    SUBMIT = "submit"
    GRADE = "grade"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    id: CourseId
    slug: str
    title: str
    term: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: PersonId
    email: str
    name: str
    student_number: str | None = None
    is_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: TeamId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person's place in one course."""

    person: Person
    role: Role
    team: Team | None = None
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whoever is asking: a person, their role in each course, and what the way they came in by allows."""

    person: Person
    roles: Mapping[CourseId, Role] = field(default_factory=dict)
    scopes: frozenset[Scope] = frozenset(Scope)

    @property
    def id(self) -> PersonId:
        return self.person.id

    def is_member(self, course: CourseId) -> bool:
        return self.person.is_admin or course in self.roles

    def is_staff(self, course: CourseId) -> bool:
        return self.person.is_admin or (course in self.roles and self.roles[course].is_staff)

    def is_instructor(self, course: CourseId) -> bool:
        return self.person.is_admin or self.roles.get(course) is Role.INSTRUCTOR

    def require_scope(self, scope: Scope) -> None:
        """Raise NeedsScope unless the token allows this."""
        if scope not in self.scopes:
            raise NeedsScope(f"This token may not {scope.value}; make one with the scope {scope.value}.")

    def require_staff(self, course: CourseId) -> None:
        """Raise NeedsRole unless this is a TA or instructor of the course, or an admin."""
        if not self.is_staff(course):
            raise NeedsRole("Only teaching assistants and instructors of the course may do this.")

    def require_instructor(self, course: CourseId) -> None:
        """Raise NeedsRole unless this is an instructor of the course, or an admin."""
        if not self.is_instructor(course):
            raise NeedsRole("Only instructors of the course may do this.")
