"""Marks that only a person gives, such as a 5 for a creative solution: with a reason, audited, never edited.

A given mark counts while its share of the points is reached; where it no longer is, the mark follows from the points.
"""

from __future__ import annotations

from grader.domain.assignment import ScaleStep
from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId
from grader.domain.score import mark_with
from grader.service import audit, gradebook
from grader.service.deciding import reason_of, require_grading, require_student
from grader.service.overrides import subject_of
from grader.storage.database import Work
from grader.storage.repositories import adjustments, entries, given_marks, overrides
from grader.storage.repositories.adjustments import Line
from grader.storage.repositories.given_marks import GivenMark

_NO_REASON = "A mark by a person needs a reason, which the student reads; say why in a few words."


def possible(assignment: OfferedAssignment) -> tuple[ScaleStep, ...]:
    """The marks of the course's scale that only a person gives."""
    return assignment.spec.definition.scale.by_person


def held(work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId) -> GivenMark | None:
    """The mark that a person gave this student, whether its share is reached or not. Staff with scope read.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course.

    """
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    require_student(work, assignment, person)
    line = adjustments.line_of(work, assignment.id, person)
    return (
        None if line is None else given_marks.for_person(given_marks.holding(work, assignment.id, line.owner), person)
    )


def give(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    person: PersonId,
    *,
    value: float,
    reason: str,
    for_member: bool = False,
) -> None:
    """Give one of the marks that only a person gives; for all of a team unless `for_member`. Staff with scope grade.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course.
        BadRequest: no reason, no such mark, or its share of the points is not reached.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    step = next((one for one in possible(assignment) if one.value == value), None)
    if step is None:
        marks = ", ".join(f"{one.value:g}" for one in possible(assignment))
        raise BadRequest(
            f"Of this assignment's marks a person gives {marks}." if marks else "A person gives none of these marks."
        )
    line = _line(work, assignment, person)
    entries.lock(work, AssignmentId(assignment.id), line.owner)
    member = person if for_member and line.owner.startswith("t") else None
    given_marks.add(
        work, assignment=assignment.id, owner=line.owner, person=member, value=value, reason=because, made_by=reader.id
    )
    gradebook.refresh(work, AssignmentId(assignment.id), line.owner)
    if not _is_reached(work, assignment, person, value):
        raise BadRequest(f"The mark {value:g} is for at least {100 * step.share:g}% of the points.")
    _note(work, reader, assignment, line.owner, member, "give mark", f"{value:g} ({step.label}): {because}")


def take_back(work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, reason: str) -> None:
    """Let the mark follow from the points again: a member's own first, else the whole team's. Audited.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course, or no mark was given.
        BadRequest: no reason.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    require_student(work, assignment, person)
    line = adjustments.line_of(work, assignment.id, person)
    if line is not None:
        entries.lock(work, AssignmentId(assignment.id), line.owner)
        found = given_marks.for_person(given_marks.holding(work, assignment.id, line.owner), person)
        if found is not None:
            given_marks.withdraw(work, assignment.id, line.owner, found.person)
            gradebook.refresh(work, AssignmentId(assignment.id), line.owner)
            _note(work, reader, assignment, line.owner, found.person, "take mark back", f"{found.value:g}: {because}")
            return
    raise UnknownThing("No mark was given by a person there.")


def _is_reached(work: Work, assignment: OfferedAssignment, person: PersonId, value: float) -> bool:
    mark, possible_points = given_marks.counted(work, assignment.id, person)
    override = overrides.holding(work, assignment.id, person)
    if override is not None:
        mark = mark_with(assignment.spec.definition.scale, override, possible_points, value).value
    return mark == value


def _line(work: Work, assignment: OfferedAssignment, person: PersonId) -> Line:
    require_student(work, assignment, person)
    line = adjustments.line_of(work, assignment.id, person)
    if line is None or line.score is None:
        raise BadRequest("Nothing of theirs has a score yet, so there is nothing to give a mark for.")
    return line


def _note(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    owner: Owner,
    member: PersonId | None,
    action: str,
    detail: str,
) -> None:
    people = adjustments.followers(work, assignment.id, owner) if member is None else [member]
    for person in people:
        audit.note(work, reader, action, subject_of(assignment, person), detail)
