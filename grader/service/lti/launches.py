"""A verified launch: who that is here, which course and assignment it means, and what is still to be said first.

The hazards: a platform names people as it likes, and everybody's e-mail address can be typed into some platform. So its
user is a person here only when they connected the two while signed in, or when an administrator trusts the platform for
e-mail. It never opens an administrator's account, gives no role but those it is allowed, only in a course that somebody
of ours linked, and changes nothing about who is a member already.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from grader.domain.course import Course, Person, Reader, Role, Scope
from grader.domain.errors import BadRequest, NeedsRole, UnknownThing
from grader.domain.ids import CourseId
from grader.domain.lti import Launch, Platform, may_become
from grader.service import accounts, audit, courses, gradebook
from grader.service.accounts import SignedIn
from grader.service.lti import platforms
from grader.service.lti.tokens import BadLaunch
from grader.storage.database import Work
from grader.storage.repositories import assignments, lti, people
from grader.storage.repositories import courses as course_rows
from grader.storage.repositories.courses import Seat
from grader.storage.repositories.lti import Place
from grader.storage.repositories.people import Credentials


class Step(StrEnum):
    """Where a launch leads: to its assignment, or to what has to be said first."""

    ASSIGNMENT = "assignment"
    CONNECT = "connect"
    LINK_COURSE = "link-course"
    BIND = "bind"
    NOT_READY = "not-ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """`signed_in` is None where nobody here is this user yet; `target` is the page to go on to."""

    step: Step
    target: str
    signed_in: SignedIn | None = None


def enter(work: Work, launch: Launch, nonce: str) -> Entered:
    """Open a session for a verified launch, and find where it leads.

    Raises:
        BadLaunch: it came before, or its user may not come in this way; the sentence says which.

    """
    if not lti.use_nonce(work, hashlib.sha256(nonce.encode()).hexdigest()):
        raise BadLaunch("This launch was used already; begin again from the platform.")
    platform = platforms.found(work, launch.platform)
    place = lti.place(work, launch)
    place = _bound(work, platform, launch, place)
    known = _person(work, platform, launch)
    if known is None:
        return Entered(step=Step.CONNECT, target="/lti/connect")
    if place.course is not None:
        _seat(work, platform, launch, known, place.course)
    signed_in = accounts.open_session(work, known)
    step, target = _target(work, signed_in.reader, launch, place)
    return Entered(step=step, target=target, signed_in=signed_in)


def enter_again(work: Work, reader: Reader, launch: Launch) -> Entered:
    """Where a launch leads for its user, who is signed in and has said what had to be said.

    Raises:
        BadLaunch: the reader is somebody else, or may not be a member.

    """
    platform = platforms.found(work, launch.platform)
    place = _bound(work, platform, launch, lti.place(work, launch))
    known = _person(work, platform, launch)
    if known is None or known.id != reader.id:
        raise BadLaunch("You are signed in as somebody else; begin again from the platform.")
    if place.course is not None:
        _seat(work, platform, launch, known, place.course)
    step, target = _target(work, accounts.reader_for(work, known.id), launch, place)
    return Entered(step=step, target=target)


def connect(work: Work, reader: Reader, launch: Launch) -> None:
    """Say that the launch's user is the reader, who is signed in and has seen both names. Audited.

    Raises:
        BadRequest: one of them is connected to somebody else, or the reader is an administrator.

    """
    platform = platforms.found(work, launch.platform)
    if reader.person.is_admin:
        raise BadRequest("An administrator's account is not connected to a platform; sign in here for that work.")
    if not lti.link_person(work, platform.id, launch.subject, reader.id, "signed in"):
        raise BadRequest("You, or this user of the platform, are connected to another account already.")
    audit.note(work, reader, "connect platform", f"person:{reader.id}", f"{platform.name}, signed in")


def link_course(work: Work, reader: Reader, launch: Launch, slug: str) -> None:
    """Link the launch's context to a course of ours. Whoever teaches in both. Audited.

    Raises:
        NeedsRole: the reader is no instructor of the course, or of the context.
        UnknownThing: there is no such course.
        BadRequest: the context is linked already.

    """
    course = courses.course_of(work, reader, slug)
    reader.require_instructor(course.id)
    platform = platforms.found(work, launch.platform)
    mine = lti.person_of(work, platform.id, launch.subject)
    if launch.role is not Role.INSTRUCTOR or mine is None or mine.person.id != reader.id:
        raise NeedsRole("Only who teaches the course on the platform, too, may link the two.")
    place = lti.place(work, launch)
    _link(work, reader, place.context, course)


def link_by_admin(work: Work, reader: Reader, context: int, slug: str) -> None:
    """Link any context, or unlink it with an empty slug. Administrators. Audited. Raises NeedsRole, UnknownThing."""
    if not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this.")
    reader.require_scope(Scope.MANAGE)
    if slug:
        _link(work, reader, context, courses.course_of(work, reader, slug))
        return
    one = next(iter(lti.contexts(work, context=context)), None)
    if one is None:
        raise UnknownThing("There is no such course of a platform.")
    if one.course_id is not None:
        _unlink(work, reader, context, one.course_id)


def unlink(work: Work, reader: Reader, course: Course, context: int) -> None:
    """Let the context lead nowhere. Instructors of the course. Audited. Raises NeedsRole, NeedsScope, UnknownThing."""
    reader.require_instructor(course.id)
    reader.require_scope(Scope.MANAGE)
    if all(one.id != context for one in lti.contexts(work, course=course.id)):
        raise UnknownThing("The course is linked to no such course of a platform.")
    _unlink(work, reader, context, course.id)


def _link(work: Work, reader: Reader, context: int, course: Course) -> None:
    one = next(iter(lti.contexts(work, context=context)), None)
    if one is None:
        raise UnknownThing("There is no such course of a platform.")
    if one.course_id is not None:
        raise BadRequest(f"It is linked to {one.course} already; unlink it first.")
    lti.link_context(work, context, course.id, reader.id)
    audit.note(work, reader, "link context", f"course:{course.id}", f"{one.platform_name}: {one.title} ({context})")


def _unlink(work: Work, reader: Reader, context: int, course: CourseId) -> None:
    lti.link_context(work, context, None, None)
    audit.note(work, reader, "unlink context", f"course:{course}", str(context))


def _person(work: Work, platform: Platform, launch: Launch) -> Person | None:
    """Who that is here; None where nobody knows yet."""
    found = lti.person_of(work, platform.id, launch.subject)
    if found is None and platform.trusts_email:
        found = _by_email(work, platform, launch)
    if found is None:
        return None
    if found.is_disabled:
        raise BadLaunch("Your account here is closed; ask the course's staff.")
    if found.person.is_admin:
        raise BadLaunch("An administrator's account is not opened from a platform; sign in here for that work.")
    return found.person


def _by_email(work: Work, platform: Platform, launch: Launch) -> Credentials | None:
    """Whoever has the address that a trusted platform names; somebody new where nobody has it."""
    try:
        address = accounts.good_email(launch.email)
    except BadRequest:
        return None
    found = people.by_email(work, address)
    if found is None:
        made = accounts.create_person(work, email=address, name=launch.name or address)
        audit.note(work, None, "create person", f"person:{made.id}", f"by a launch from {platform.name}")
        found = people.by_id(work, made.id)
        assert found is not None
    if found.person.is_admin or found.is_disabled:
        return None
    # An account that the platform knows by another name is not taken over by whoever is given its address.
    if not lti.link_person(work, platform.id, launch.subject, found.person.id, "e-mail"):
        return None
    audit.note(work, None, "connect platform", f"person:{found.person.id}", f"{platform.name}, by e-mail address")
    return found


def _seat(work: Work, platform: Platform, launch: Launch, person: Person, course: CourseId) -> None:
    """Make them a member where they never were one; what a member is, staff decide."""
    place = course_rows.place_of(work, course, person.id)
    if place is not None and place.has_left:
        raise BadLaunch("You have left the course here; ask its staff to take you in again.")
    if place is not None:
        return
    if launch.role is None or not may_become(launch.role, platform.roles):
        raise BadLaunch("You are not on the course's roster here, and the platform may not add you; ask its staff.")
    course_rows.seat(work, course, [Seat(person.id, launch.role, "", None)])
    for assignment, owner in course_rows.team_work_without_entries(work, course):
        gradebook.refresh(work, assignment, owner)
    audit.note(work, None, "add member", f"course:{course}", f"{person.email} as {launch.role.value}, {platform.name}")


def _bound(work: Work, platform: Platform, launch: Launch, place: Place) -> Place:
    """The place, bound to the assignment that the platform's staff named beside the link, once.

    They teach in a context that somebody of ours linked to the course, and no other course's assignment is taken.
    """
    if place.course is None or place.assignment is not None or not launch.assignment:
        return place
    found = assignments.by_slug(work, launch.assignment)
    if found is None or CourseId(found.course_id) != place.course:
        return place
    lti.bind(work, place.link, found.id, None)
    detail = f"{place.link} ({launch.resource_title}): {found.slug}, named on {platform.name}"
    audit.note(work, None, "bind link", f"course:{place.course}", detail)
    return place._replace(assignment=str(found.slug))


def _target(work: Work, reader: Reader, launch: Launch, place: Place) -> tuple[Step, str]:
    if place.course is None:
        teaches = launch.role is Role.INSTRUCTOR and Role.INSTRUCTOR in reader.roles.values()
        return (Step.LINK_COURSE, "/lti/course") if teaches else (Step.NOT_READY, "/lti/not-ready")
    if place.assignment is not None:
        return Step.ASSIGNMENT, f"/assignments/{place.assignment}"
    if reader.is_staff(place.course):
        return Step.BIND, f"/courses/{lti.contexts(work, context=place.context)[0].course}/lti"
    return Step.NOT_READY, "/lti/not-ready"
