"""What of a course is reached from learning platforms: contexts, resource links, and the assignments they lead to."""

from __future__ import annotations

from grader.domain.course import Course, Reader, Scope
from grader.domain.errors import UnknownThing
from grader.domain.ids import CourseId
from grader.domain.lti import Context, ResourceLink
from grader.service import assignments, audit
from grader.storage.database import Work
from grader.storage.repositories import lti


def contexts(work: Work, reader: Reader, course: Course) -> list[Context]:
    """Contexts that are linked to the course. Staff with scope read. Raises NeedsRole, NeedsScope."""
    _require_reading(reader, course)
    return lti.contexts(work, course=course.id)


def all_contexts(work: Work, reader: Reader) -> list[Context]:
    """Every context from which somebody launched. Administrators. Raises NeedsRole, NeedsScope."""
    reader.require_scope(Scope.READ)
    return lti.contexts(work) if reader.person.is_admin else []


def listed(work: Work, reader: Reader, course: Course) -> list[ResourceLink]:
    """Resource links of the course. Staff with scope read. Raises NeedsRole, NeedsScope."""
    _require_reading(reader, course)
    return lti.links(work, course.id)


def bind(work: Work, reader: Reader, course: Course, link: int, slug: str) -> None:
    """Let a resource link lead to this assignment, or with an empty slug to none. Instructors. Audited.

    Where the platform gave a line item, scores of the assignment are sent to it from then on.

    Raises:
        NeedsRole, NeedsScope, UnknownAssignment.
        UnknownThing: the course has no such link, or the assignment is another course's.

    """
    reader.require_instructor(course.id)
    reader.require_scope(Scope.MANAGE)
    found = next((one for one in lti.links(work, course.id) if one.id == link), None)
    if found is None:
        raise UnknownThing("There is no such link in the course.")
    assignment = assignments.offered(work, reader, slug) if slug else None
    if assignment is not None and CourseId(assignment.course_id) != course.id:
        raise UnknownThing("The assignment is another course's.")
    lti.bind(work, link, None if assignment is None else assignment.id, reader.id)
    audit.note(work, reader, "bind link", f"course:{course.id}", f"{link} ({found.title}): {slug or 'nothing'}")


def _require_reading(reader: Reader, course: Course) -> None:
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
