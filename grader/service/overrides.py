"""A person's change to what counts for one student: with a reason, audited, and never edited."""

from __future__ import annotations

import math

from grader.domain.course import Reader
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import PersonId
from grader.service import audit
from grader.service.deciding import reason_of, require_grading, require_student
from grader.storage.database import Work
from grader.storage.repositories import overrides

_NO_REASON = "An override needs a reason; say why in a few words."


def subject_of(assignment: OfferedAssignment, person: PersonId) -> str:
    """What the audit trail calls one student's line of a gradebook."""
    return f"gradebook:{assignment.id}:{person}"


def override(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, score: float, reason: str
) -> None:
    """Supersede what counts for one student. Staff with scope grade; a reason is required. Audited; never edited.

    More than the assignment's points are allowed: extra credit is a person's to give.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course.
        BadRequest: no reason, or a score that is not a number from 0 up.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    if not math.isfinite(score) or score < 0:
        raise BadRequest("A score is a number from 0 up.")
    require_student(work, assignment, person)
    before = overrides.holding(work, assignment.id, person)
    overrides.add(work, assignment.id, person, score=score, reason=because, made_by=reader.id)
    change = f"{score:g}" if before is None else f"{score:g} instead of {before:g}"
    audit.note(work, reader, "override score", subject_of(assignment, person), f"{change}: {because}")


def withdraw_override(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, reason: str
) -> None:
    """Let the run's score count again. Audited.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course, or nothing is overridden.
        BadRequest: no reason.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    require_student(work, assignment, person)
    before = overrides.holding(work, assignment.id, person)
    if before is None or not overrides.withdraw(work, assignment.id, person):
        raise UnknownThing("Nothing is overridden there.")
    audit.note(work, reader, "withdraw override", subject_of(assignment, person), f"{before:g} withdrawn: {because}")
