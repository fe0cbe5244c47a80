"""Courses, rosters and teams.

The hazard of a roster: it comes from one course, but people are everybody's. It changes what somebody is called only
where no other course knows them, it never touches passwords or administrators' rights, and what it does not say about
a member stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import available_timezones

from grader.domain.course import Course, Member, Reader, Role, Scope
from grader.domain.errors import AlreadyExists, BadRequest, BadRoster, UnknownThing
from grader.domain.ids import CourseId
from grader.kit.text import one_line
from grader.service import audit, gradebook
from grader.service.accounts import good_email
from grader.service.roster import RosterFile, RosterLine, read_file, read_roster, whole
from grader.storage.database import Work
from grader.storage.repositories import courses, people
from grader.storage.repositories.courses import NewPerson, Place, Seat

__all__ = [
    "FieldChange", "RosterChange", "RosterFile", "RosterLine", "add_member", "apply_roster", "course_of",
    "courses_for", "create_course", "import_roster", "members", "read_roster",
]  # fmt: skip

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")


class FieldChange(NamedTuple):
    """What becomes of one word about a member; an empty text where there is none."""

    email: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterChange:
    """E-mail addresses by what happened (or, in a preview, would happen) to them.

    `missing` are students who are not on the roster and stay, because nobody asked that they leave. `details` says of
    those in `changed` what changes.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    removed: tuple[str, ...]
    missing: tuple[str, ...] = ()
    details: tuple[FieldChange, ...] = ()


class _Wanted(NamedTuple):
    """What a roster's line makes of somebody, in words: teams have names until they are made."""

    line: RosterLine
    known: Place | None
    role: Role
    section: str
    team: str
    name: str
    student_number: str | None

    @property
    def is_new(self) -> bool:
        return self.known is None or self.known.role is None or self.known.has_left

    @property
    def renames(self) -> bool:
        known = self.known
        return known is not None and (known.person.name, known.person.student_number) != (
            self.name,
            self.student_number,
        )

    @property
    def moves(self) -> bool:
        known = self.known
        return known is None or (known.role, known.section, known.team or "") != (self.role, self.section, self.team)

    def changes(self) -> list[FieldChange]:
        """Of somebody who is a member already."""
        known = self.known
        if known is None or known.role is None or self.is_new:
            return []
        pairs = {
            "name": (known.person.name, self.name),
            "student_number": (known.person.student_number or "", self.student_number or ""),
            "role": (known.role.value, self.role.value),
            "section": (known.section, self.section),
            "team": (known.team or "", self.team),
        }
        email = self.line.email
        return [FieldChange(email, field, before, after) for field, (before, after) in pairs.items() if before != after]


def create_course(work: Work, *, slug: str, title: str, term: str = "", time_zone: str = "UTC") -> Course:
    """Raises AlreadyExists, BadRequest (slug, or a time zone that is not an IANA name)."""
    if not _SLUG.fullmatch(slug):
        raise BadRequest("A course's slug is letters, digits, dots, dashes and underscores, at most 80 of them.")
    if time_zone not in available_timezones():
        raise BadRequest(f"“{one_line(time_zone, limit=80)}” is no time zone; write one like Europe/Istanbul or UTC.")
    label = one_line(title, limit=200)
    if not label:
        raise BadRequest("A course needs a title.")
    course = courses.add(work, slug=slug, title=label, term=one_line(term, limit=80), time_zone=time_zone)
    if course is None:
        raise AlreadyExists(f"There is a course {slug} already; choose another slug.")
    return course


def course_of(work: Work, reader: Reader, slug: str) -> Course:
    """Raises UnknownThing when there is none, or the reader is not in it."""
    course = courses.by_slug(work, slug)
    if course is None or not reader.is_member(course.id):
        raise UnknownThing(f"There is no course “{one_line(slug, limit=80)}” of yours.")
    return course


def courses_for(work: Work, reader: Reader) -> list[Course]:
    """The reader's courses; all of them for an admin."""
    return courses.listed(work, None if reader.person.is_admin else reader.roles.keys())


def add_member(work: Work, course: CourseId, line: RosterLine) -> Member:
    """Make this person (created when unknown) a member, or change their role, section and team."""
    courses.lock(work, course)
    (wanted,) = _wanted(work, course, [line])
    _apply(work, course, [wanted])
    return next(member for member in courses.members(work, course) if member.person.email == wanted.line.email)


def import_roster(
    work: Work,
    reader: Reader,
    course: Course,
    lines: Sequence[RosterLine],
    *,
    remove_missing: bool = False,
    preview: bool = False,
) -> RosterChange:
    """Apply a roster (instructors only). With `remove_missing`, students who are not on it leave the course.

    Raises:
        NeedsRole, NeedsScope.
        BadRoster: two lines are about the same person, or everybody would leave.

    """
    reader.require_instructor(course.id)
    reader.require_scope(Scope.MANAGE)
    courses.lock(work, course.id)
    wanted = _wanted(work, course.id, lines)
    listed = {one.line.email for one in wanted}
    if remove_missing and not listed:
        raise BadRoster("The roster names nobody; with it, every student would leave the course.")
    present = courses.students(work, course.id)
    missing = {email: person for email, person in present.items() if email not in listed}
    gone = missing if remove_missing else {}
    change = RosterChange(
        added=tuple(one.line.email for one in wanted if one.is_new),
        changed=tuple(one.line.email for one in wanted if not one.is_new and (one.moves or one.renames)),
        unchanged=sum(not one.is_new and not one.moves and not one.renames for one in wanted),
        removed=tuple(sorted(gone)),
        missing=() if remove_missing else tuple(sorted(missing)),
        details=tuple(detail for one in wanted for detail in one.changes()),
    )
    if not preview:
        _apply(work, course.id, wanted)
        courses.leave(work, course.id, gone.values())
        counted = f"{len(change.added)} added, {len(change.changed)} changed, {len(change.removed)} removed"
        audit.note(work, reader, "import roster", f"course:{course.id}", counted)
    return change


def apply_roster(
    work: Work,
    reader: Reader,
    course: Course,
    content: bytes,
    *,
    email_domain: str = "",
    remove_missing: bool = False,
    dry_run: bool = False,
) -> tuple[RosterFile, RosterChange]:
    """Read a roster file and apply it; with `dry_run` only say what that would do, and every line that is wrong.

    While a line has to be mended, nobody can say who is missing, and nothing is written.

    Raises:
        NeedsRole, NeedsScope.
        BadRoster: the file cannot be read, or (without `dry_run`) one of its lines.

    """
    reader.require_instructor(course.id)
    file = read_file(content, email_domain=email_domain)
    if not file.problems:
        lines = whole(file)
        return file, import_roster(work, reader, course, lines, remove_missing=remove_missing, preview=dry_run)
    if not dry_run:
        whole(file)
    change = import_roster(work, reader, course, file.lines, preview=True)
    return file, replace(change, missing=())


def members(work: Work, reader: Reader, course: Course) -> list[Member]:
    """Staff only; by name."""
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    return courses.members(work, course.id)


def _wanted(work: Work, course: CourseId, lines: Sequence[RosterLine]) -> list[_Wanted]:
    """Raises BadRequest for a line whose address is none, BadRoster for two about the same person."""
    by_email: dict[str, RosterLine] = {}
    for line in lines:
        email = good_email(line.email)
        if email in by_email:
            raise BadRoster(f"Two lines of the roster are about {email}; leave one of them out.")
        by_email[email] = line
    places = courses.places(work, course, list(by_email))
    return [_wanted_of(email, line, places.get(email)) for email, line in by_email.items()]


def _wanted_of(email: str, line: RosterLine, known: Place | None) -> _Wanted:
    name = one_line(line.name, limit=200)
    number = one_line(line.student_number, limit=100) or None
    if not name:
        raise BadRequest(f"{email} needs a name.")
    # Somebody who left comes back as the roster says, not as they were.
    stays = line.left_out if known is not None and known.role is not None and not known.has_left else frozenset()
    if known is not None:
        person = known.person
        name = name if known.is_ours_alone else person.name
        number = (number if known.is_ours_alone and number else person.student_number) or number
    return _Wanted(
        line=RosterLine(email=email, name=name),
        known=known,
        role=known.role if known is not None and known.role is not None and "role" in stays else line.role,
        section=known.section if known is not None and "section" in stays else one_line(line.section, limit=200),
        team=known.team or "" if known is not None and "team" in stays else one_line(line.team, limit=200),
        name=name,
        student_number=number,
    )


def _apply(work: Work, course: CourseId, wanted: Sequence[_Wanted]) -> None:
    newcomers = [one for one in wanted if one.known is None]
    courses.add_people(work, [NewPerson(one.line.email, one.name, one.student_number) for one in newcomers])
    ids = courses.ids_of(work, [one.line.email for one in wanted])
    for one in wanted:
        if one.renames:
            people.set_names(work, ids[one.line.email], name=one.name, student_number=one.student_number)
    teams = courses.teams(work, course, {one.team for one in wanted if one.team})
    moved = [one for one in wanted if one.is_new or one.moves]
    courses.seat(work, course, [Seat(ids[one.line.email], one.role, one.section, teams.get(one.team)) for one in moved])
    # Whoever joins a team that has handed in already shares in that, unless they have work of their own.
    for assignment, owner in courses.team_work_without_entries(work, course):
        gradebook.refresh(work, assignment, owner)
