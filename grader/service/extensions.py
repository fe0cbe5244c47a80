"""More time for one student or team: with a reason, audited, superseded and never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId
from grader.service import audit, gradebook
from grader.service.deciding import reason_of, require_grading, require_student
from grader.service.lateness import due_with
from grader.service.overrides import subject_of
from grader.service.quota import owner_for
from grader.storage.database import Work
from grader.storage.repositories import extensions
from grader.storage.repositories.extensions import Given

_NO_REASON = "An extension needs a reason; say why in a few words."

MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One that holds: whose it is (`team` None: one person's), until when, and who gave it why."""

    owner: Owner
    team: str | None
    people: tuple[tuple[PersonId, str], ...]
    due_at: datetime
    extra_days: int | None
    reason: str
    made_by: str
    made_at: datetime


def give(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    person: PersonId,
    *,
    due_at: datetime | None = None,
    extra_days: int | None = None,
    reason: str,
) -> Extension:
    """Another due date, or so many days on top of everybody's, for one student; of a team's assignment for their team.

    Staff with scope grade. What was handed in already is worked out anew: late days, penalties and the gradebook.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course.
        BadRequest: no reason, nothing is due, or not one of a later due date and 1 to 366 days.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    require_student(work, assignment, person)
    _refuse_no_extension(assignment, due_at, extra_days)
    owner, identity = owner_for(work, person, assignment), AssignmentId(assignment.id)
    extensions.add(
        work, identity, owner, due_at=due_at, extra_days=extra_days, reason=because, made_by=reader.id
    )  # fmt: skip
    gradebook.work_out_anew(work, identity, owner)
    given = extensions.holding(work, identity, [owner])[owner]
    holds = _shown(work, assignment, owner, given)
    _note(work, reader, assignment, holds, "give extension", f"until {holds.due_at:%Y-%m-%d %H:%M} UTC: {because}")
    return holds


def withdraw(work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, reason: str) -> None:
    """Let everybody's due date hold again for this student, or their team; what was handed in is worked out anew.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: nobody of this id is a student of the course, or they have no extension.
        BadRequest: no reason.

    """
    require_grading(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    require_student(work, assignment, person)
    before = of_person(work, assignment, person)
    if before is None or not extensions.withdraw(work, AssignmentId(assignment.id), before.owner):
        raise UnknownThing("There is no extension to withdraw.")
    gradebook.work_out_anew(work, AssignmentId(assignment.id), before.owner)
    until = f"until {before.due_at:%Y-%m-%d %H:%M} UTC withdrawn: {because}"
    _note(work, reader, assignment, before, "withdraw extension", until)


def of_person(work: Work, assignment: OfferedAssignment, person: PersonId) -> Extension | None:
    """The extension that holds for what this person hands in; who may see it, the caller has checked."""
    owner = owner_for(work, person, assignment)
    given = extensions.holding(work, AssignmentId(assignment.id), [owner]).get(owner)
    return None if given is None or assignment.due_at is None else _shown(work, assignment, owner, given)


def list_extensions(work: Work, reader: Reader, assignment: OfferedAssignment) -> list[Extension]:
    """All that hold, the latest due date first. Staff with scope read."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    if assignment.due_at is None:
        return []
    given = extensions.holding(work, AssignmentId(assignment.id))
    found = [_shown(work, assignment, owner, one) for owner, one in given.items()]
    return sorted(found, key=lambda one: (one.due_at, one.owner), reverse=True)


def _shown(work: Work, assignment: OfferedAssignment, owner: Owner, given: Given) -> Extension:
    due_at = due_with(given, assignment.due_at, assignment.time_zone)
    assert due_at is not None
    return Extension(
        owner=owner,
        team=extensions.team_names(work, [owner]).get(owner),
        people=tuple(extensions.members(work, owner)),
        due_at=due_at,
        extra_days=given.extra_days,
        reason=given.reason,
        made_by=given.made_by,
        made_at=given.made_at,
    )


def _note(
    work: Work, reader: Reader, assignment: OfferedAssignment, extension: Extension, action: str, detail: str
) -> None:
    for person, _ in extension.people:
        audit.note(work, reader, action, subject_of(assignment, person), detail)


def _refuse_no_extension(assignment: OfferedAssignment, due_at: datetime | None, extra_days: int | None) -> None:
    if assignment.due_at is None:
        raise BadRequest(f"{assignment.title} has no due date, so nobody needs more time.")
    if (due_at is None) == (extra_days is None):
        raise BadRequest("An extension is either a due date or a number of days.")
    if due_at is not None and due_at.tzinfo is None:
        raise BadRequest("A due date needs its time zone, as in 2026-03-02T23:59:59+03:00.")
    if due_at is not None and due_at <= assignment.due_at:
        raise BadRequest("An extension ends after everybody's due date; choose a later one.")
    if extra_days is not None and not 1 <= extra_days <= MOST_DAYS:
        raise BadRequest(f"Days of an extension are a number from 1 to {MOST_DAYS}.")
