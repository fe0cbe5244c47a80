"""Courses, rosters and teams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.domain.course import Course, Member, Reader, Role
from grader.domain.ids import CourseId
from grader.storage.database import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterLine:
    """One line of a roster file. `team` and `section` may be empty."""

    email: str
    name: str
    role: Role = Role.STUDENT
    student_number: str = ""
    section: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterChange:
    """E-mail addresses by what happened (or, in a preview, would happen) to them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]


def create_course(work: Work, *, slug: str, title: str, term: str = "", time_zone: str = "UTC") -> Course:
    """Raises AlreadyExists, BadRequest (slug, or a time zone that is not an IANA name)."""
    raise NotImplementedError


def course_of(work: Work, reader: Reader, slug: str) -> Course:
    """Raises UnknownThing when there is none, or the reader is not in it."""
    raise NotImplementedError


def courses_for(work: Work, reader: Reader) -> list[Course]:
    """The reader's courses; all of them for an admin."""
    raise NotImplementedError


def add_member(work: Work, course: CourseId, line: RosterLine) -> Member:
    """Make this person (created when unknown) a member, or change their role, section and team."""
    raise NotImplementedError


def read_roster(content: bytes) -> list[RosterLine]:
    """Parse a CSV with a header line: email and name (or first/last name), optional role, student number (also sid,
    student id), section, team; comma, semicolon or tab; UTF-8 with or without BOM. Raises BadRoster with the line number.
    """
    raise NotImplementedError


def import_roster(
    work: Work,
    reader: Reader,
    course: Course,
    lines: Sequence[RosterLine],
    *,
    remove_missing: bool = False,
    preview: bool = False,
) -> RosterChange:
    """Apply a roster (instructors only). With `remove_missing`, students who are not on it leave the course."""
    raise NotImplementedError


def members(work: Work, reader: Reader, course: Course) -> list[Member]:
    """Staff only; by name."""
    raise NotImplementedError
