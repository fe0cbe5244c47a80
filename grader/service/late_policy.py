"""The late policy of an assignment as a course offers it: the spec's, until an instructor sets another one."""

from __future__ import annotations

from pydantic import ValidationError

from grader.domain.assignment import LatePolicy
from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId
from grader.service import audit, gradebook
from grader.service.deciding import reason_of
from grader.storage.database import Work
from grader.storage.repositories import lateness
from grader.storage.repositories.lateness import SetPolicy

_NO_REASON = "Another late policy needs a reason; say why in a few words."

MOST_DAYS = 366
_Plain = dict[str, int | float | str]


def change(work: Work, reader: Reader, assignment: OfferedAssignment, changes: _Plain, *, reason: str) -> LatePolicy:
    """Set what is given of LatePolicy's members and leave the rest as it holds. Instructors with scope manage.

    Late days, penalties and the gradebook of all who handed in are worked out anew; nobody's code is run. Audited.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: no reason, or no policy comes of it.

    """
    _require_managing(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    if not changes:
        raise BadRequest("Say what is to change of the late policy.")
    policy = _policy(assignment.late, changes)
    lateness.add_policy(work, assignment.id, policy, reason=because, made_by=reader.id)
    gradebook.work_out_anew(work, AssignmentId(assignment.id))
    audit.note(work, reader, "set late policy", _subject(assignment), f"{in_words(policy)} {because}")
    return policy


def withdraw(work: Work, reader: Reader, assignment: OfferedAssignment, *, reason: str) -> None:
    """Let the spec's policy hold again. Raises as `change` does, and UnknownThing when it holds already."""
    _require_managing(reader, assignment)
    because = reason_of(reason, _NO_REASON)
    if not lateness.withdraw_policy(work, assignment.id):
        raise UnknownThing("The spec's late policy holds already.")
    gradebook.work_out_anew(work, AssignmentId(assignment.id))
    audit.note(work, reader, "withdraw late policy", _subject(assignment), because)


def set_policy(work: Work, reader: Reader, assignment: OfferedAssignment) -> SetPolicy | None:
    """The one that holds instead of the spec's, with who set it when and why; staff only."""
    reader.require_staff(CourseId(assignment.course_id))
    return lateness.set_policy(work, assignment.id)


def trail(work: Work, reader: Reader, assignment: OfferedAssignment) -> list[tuple[str, str, str, str]]:
    """What was done to the policy, newest first; staff only."""
    reader.require_staff(CourseId(assignment.course_id))
    return audit.trail(work, reader, _subject(assignment))


def in_words(policy: LatePolicy) -> str:
    """A policy in sentences, for everybody."""
    days = policy.extension_days_per_term
    words = [f"Each student has {days} late {'day' if days == 1 else 'days'} for the term." if days else ""]
    after = "Later" if days else "Late"
    if policy.beyond_days == "refuse":
        words.append(f"{after} uploads are refused.")
    elif policy.beyond_days == "flag":
        words.append(f"{after} uploads are accepted and marked for the staff.")
    else:
        most = "" if policy.most_penalty == 1.0 else f", {_percent(policy.most_penalty)} at most"
        words.append(
            f"{after} uploads lose {_percent(policy.penalty_per_day)} of their points for each started day{most}."
        )
    if policy.grace_minutes:
        minutes = "minute" if policy.grace_minutes == 1 else "minutes"
        words.append(f"A day starts {policy.grace_minutes} {minutes} after the time of the due date.")
    return " ".join(filter(None, words))


def _percent(share: float) -> str:
    return f"{100 * share:g}%"


def _policy(before: LatePolicy, changes: _Plain) -> LatePolicy:
    if changes.get("beyond", "penalise") != "penalise":
        changes = {"penalty_per_day": 0.0, "most_penalty": 1.0, **changes}
    days = changes.get("extension_days_per_term", 0)
    if isinstance(days, int) and not 0 <= days <= MOST_DAYS:
        raise BadRequest(f"The term's late days are a number from 0 to {MOST_DAYS}.")
    try:
        return LatePolicy.model_validate({**before.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "late policy"
        raise BadRequest(f"{place}: {first['msg'].removeprefix('Value error, ')}.") from error


def _subject(assignment: OfferedAssignment) -> str:
    return f"late-policy:{assignment.id}"


def _require_managing(reader: Reader, assignment: OfferedAssignment) -> None:
    reader.require_instructor(CourseId(assignment.course_id))
    reader.require_scope(Scope.MANAGE)
