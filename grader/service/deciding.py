"""What every decision of staff about somebody's work asks first: may they, is it a student's, and why."""

from __future__ import annotations

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId, PersonId
from grader.kit.text import one_line
from grader.storage.database import Work
from grader.storage.repositories import overrides

LONGEST_REASON = 1000


def require_grading(reader: Reader, assignment: OfferedAssignment) -> None:
    """Raise NeedsRole or NeedsScope unless the reader may change what counts."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.GRADE)


def require_student(work: Work, assignment: OfferedAssignment, person: PersonId) -> None:
    """Raise UnknownThing unless the person is a student of the assignment's course."""
    if not overrides.is_student(work, assignment.course_id, person):
        raise UnknownThing("There is no such student in the course.")


def reason_of(reason: str, without: str) -> str:
    """The reason on one line, cut to what is kept. Raises BadRequest that says `without` where there is none."""
    told = one_line(reason, limit=LONGEST_REASON)
    if not told:
        raise BadRequest(without)
    return told
