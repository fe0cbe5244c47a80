from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Integer, String, any_, cast, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from grader.domain.course import Course, Member, Person, Role, Team
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId, TeamId
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CourseRow,
    GradebookEntryRow,
    MembershipRow,
    PersonRow,
    SubmissionRow,
    TeamRow,
)
from grader.storage.repositories.people import name_order, person_of


class Place(NamedTuple):
    """Somebody we know, and their membership in one course: `role` is None when there never was one.

    `is_ours_alone` tells that nobody but this course's staff has a say in what they are called.
    """

    person: Person
    role: Role | None
    section: str
    team: str | None
    has_left: bool
    is_ours_alone: bool


class Seat(NamedTuple):
    """A membership to be written."""

    person: PersonId
    role: Role
    section: str
    team: TeamId | None


class Standing(NamedTuple):
    """What somebody is, or was, in a course."""

    role: Role
    has_left: bool


class NewPerson(NamedTuple):
    email: str
    name: str
    student_number: str | None


def course_of(row: CourseRow) -> Course:
    return Course(id=CourseId(row.id), slug=row.slug, title=row.title, term=row.term, time_zone=row.time_zone)


def add(work: Work, *, slug: str, title: str, term: str, time_zone: str) -> Course | None:
    """The new course; None when the slug is another's."""
    values = {"slug": slug, "title": title, "term": term, "time_zone": time_zone}
    statement = insert(CourseRow).values(values).on_conflict_do_nothing(index_elements=["slug"]).returning(CourseRow)
    row = work.session.scalars(statement).one_or_none()
    return None if row is None else course_of(row)


def by_slug(work: Work, slug: str) -> Course | None:
    row = work.session.scalar(select(CourseRow).where(CourseRow.slug == slug))
    return None if row is None else course_of(row)


def listed(work: Work, among: Collection[CourseId] | None) -> list[Course]:
    """By title; None means all of them."""
    query = select(CourseRow).order_by(CourseRow.title, CourseRow.slug)
    if among is not None:
        query = query.where(CourseRow.id.in_(among))
    return [course_of(row) for row in work.session.scalars(query)]


def lock(work: Work, course: CourseId) -> None:
    """Let one transaction at a time change the course's roster."""
    work.session.execute(select(CourseRow.id).where(CourseRow.id == course).with_for_update(key_share=True))


def members(work: Work, course: CourseId) -> list[Member]:
    """Who has not left, by name."""
    query = (
        select(PersonRow, MembershipRow.role, MembershipRow.section, TeamRow)
        .join(MembershipRow, MembershipRow.person_id == PersonRow.id)
        .outerjoin(TeamRow, TeamRow.id == MembershipRow.team_id)
        .where(MembershipRow.course_id == course, MembershipRow.left_at.is_(None))
        .order_by(name_order(), PersonRow.email)
    )
    return [
        Member(
            person=person_of(person),
            role=Role(role),
            team=None if team is None else Team(id=TeamId(team.id), name=team.name),
            section=section,
        )
        for person, role, section, team in work.session.execute(query)
    ]


def places(work: Work, course: CourseId, emails: Sequence[str]) -> dict[str, Place]:
    """Those of these addresses that somebody has."""
    other = aliased(MembershipRow)
    elsewhere = exists().where(other.person_id == PersonRow.id, other.course_id != course)
    query = (
        select(PersonRow, MembershipRow, TeamRow.name.label("team"), elsewhere.label("elsewhere"))
        .outerjoin(MembershipRow, (MembershipRow.person_id == PersonRow.id) & (MembershipRow.course_id == course))
        .outerjoin(TeamRow, TeamRow.id == MembershipRow.team_id)
        .where(PersonRow.email == any_(literal(list(emails), ARRAY(String))))
        .execution_options(populate_existing=True)
    )
    found = {}
    for person, membership, team, is_elsewhere in work.session.execute(query):
        found[person.email] = Place(
            person=person_of(person),
            role=None if membership is None else Role(membership.role),
            section="" if membership is None else membership.section,
            team=team,
            has_left=membership is not None and membership.left_at is not None,
            is_ours_alone=not is_elsewhere and not person.is_admin,
        )
    return found


def place_of(work: Work, course: CourseId, person: PersonId) -> Standing | None:
    """None when they never were a member."""
    query = select(MembershipRow.role, MembershipRow.left_at).filter_by(course_id=course, person_id=person)
    found = work.session.execute(query).one_or_none()
    return None if found is None else Standing(Role(found.role), found.left_at is not None)


def students(work: Work, course: CourseId) -> dict[str, PersonId]:
    """E-mail address to person, of students who have not left."""
    query = (
        select(PersonRow.email, PersonRow.id)
        .join(MembershipRow, MembershipRow.person_id == PersonRow.id)
        .where(
            MembershipRow.course_id == course,
            MembershipRow.role == Role.STUDENT.value,
            MembershipRow.left_at.is_(None),
        )
    )
    return {row.email: PersonId(row.id) for row in work.session.execute(query)}


def add_people(work: Work, people: Sequence[NewPerson]) -> None:
    """Those whose address somebody has been given meanwhile are left as they are."""
    if people:
        statement = insert(PersonRow).on_conflict_do_nothing(index_elements=["email"])
        work.session.execute(statement, [person._asdict() for person in people])


def ids_of(work: Work, emails: Sequence[str]) -> dict[str, PersonId]:
    query = select(PersonRow.email, PersonRow.id).where(PersonRow.email == any_(literal(list(emails), ARRAY(String))))
    return {row.email: PersonId(row.id) for row in work.session.execute(query)}


def teams(work: Work, course: CourseId, names: Collection[str]) -> dict[str, TeamId]:
    """Teams of the course by name; those that were not there are made."""
    if not names:
        return {}
    values = [{"course_id": course, "name": name} for name in sorted(names)]
    statement = insert(TeamRow).on_conflict_do_nothing(index_elements=["course_id", "name"])
    work.session.execute(statement, values)
    query = select(TeamRow.name, TeamRow.id).where(TeamRow.course_id == course, TeamRow.name.in_(names))
    return {row.name: TeamId(row.id) for row in work.session.execute(query)}


def seat(work: Work, course: CourseId, seats: Sequence[Seat]) -> None:
    """Make them members as said; whoever had left is back."""
    if not seats:
        return
    statement = insert(MembershipRow)
    changed: Mapping[str, Any] = {
        "role": statement.excluded.role,
        "section": statement.excluded.section,
        "team_id": statement.excluded.team_id,
        "left_at": None,
    }
    statement = statement.on_conflict_do_update(index_elements=["course_id", "person_id"], set_=changed)
    work.session.execute(
        statement,
        [
            {
                "course_id": course,
                "person_id": seat.person,
                "role": seat.role.value,
                "section": seat.section,
                "team_id": seat.team,
            }
            for seat in seats
        ],
    )


def leave(work: Work, course: CourseId, people: Collection[PersonId]) -> None:
    """Nothing of theirs is deleted."""
    work.session.execute(
        update(MembershipRow)
        .where(
            MembershipRow.course_id == course,
            MembershipRow.person_id == any_(literal(list(people), ARRAY(Integer))),
            MembershipRow.left_at.is_(None),
        )
        .values(left_at=func.clock_timestamp()),
        execution_options={"synchronize_session": False},
    )


def team_work_without_entries(work: Work, course: CourseId) -> list[tuple[AssignmentId, Owner]]:
    """Assignments for which a team has handed in, and a member of it has no gradebook entry at all."""
    owner = func.concat("t", cast(MembershipRow.team_id, String))
    has_entry = exists().where(
        GradebookEntryRow.assignment_id == SubmissionRow.assignment_id,
        GradebookEntryRow.person_id == MembershipRow.person_id,
    )
    query = (
        select(SubmissionRow.assignment_id, SubmissionRow.owner)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(MembershipRow, (MembershipRow.course_id == AssignmentRow.course_id) & (SubmissionRow.owner == owner))
        .where(AssignmentRow.course_id == course, MembershipRow.left_at.is_(None), ~has_entry)
        .distinct()
        .order_by(SubmissionRow.assignment_id, SubmissionRow.owner)
    )
    return [(AssignmentId(row.assignment_id), Owner(row.owner)) for row in work.session.execute(query)]
