"""How late somebody's work is, by the due date that holds for them, and what the term's late days make of it.

The invariant: nothing here is decided at an upload and then kept. Whoever changes a due date, an extension or a policy
calls `gradebook.work_out_anew`, which rewrites late days and gradebook from what came in when, and runs nobody's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from grader.domain.assignment import LatePolicy
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId, SubmissionId
from grader.domain.late import ON_TIME, Charge, Upload, charges, days_after, late_days
from grader.storage.database import Work
from grader.storage.repositories import extensions, lateness
from grader.storage.repositories.entries import Tried
from grader.storage.repositories.extensions import Given
from grader.storage.repositories.lateness import Terms

# No submission's id: of an upload that has not come yet.
_NEXT = SubmissionId("~")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCharge:
    """What an upload now would be charged to one of those whose work it is; `days_left` is before it."""

    person: PersonId
    name: str
    charge: Charge
    days_left: int


def due_with(given: Given | None, due_at: datetime | None, time_zone: str) -> datetime | None:
    """The due date that holds with this extension: never an earlier one than everybody's."""
    if given is None or due_at is None:
        return due_at
    theirs = days_after(due_at, given.extra_days or 0, time_zone) if given.due_at is None else given.due_at
    return max(due_at, theirs)


def held(work: Work, assignment: OfferedAssignment, owner: Owner) -> OfferedAssignment:
    """The assignment with the due date that holds for this owner."""
    return held_by(work, assignment, [owner])[owner]


def held_by(work: Work, assignment: OfferedAssignment, owners: Sequence[Owner]) -> dict[Owner, OfferedAssignment]:
    """The assignment by owner, with the due date that holds for each."""
    has_own = bool(assignment.spec.definition.individual_parts)
    given = extensions.holding(work, AssignmentId(assignment.id), None if has_own else owners)
    if has_own:
        # A team's extension is for what its members hand in alone as well.
        teams = extensions.teams_of(work, assignment.course_id, owners)
        given |= {owner: given[team] for owner, team in teams.items() if owner not in given and team in given}
    zone = assignment.time_zone
    return {owner: replace(assignment, due_at=due_with(given.get(owner), assignment.due_at, zone)) for owner in owners}


def settle(work: Work, owner: Owner, tried: Sequence[Tried], terms: Terms, *, team: Owner | None = None) -> list[Tried]:
    """The same submissions of an owner with the late days they have now, kept where they were others.

    What a member hands in alone is due when their `team`'s work is.
    """
    held = extensions.holding(work, terms.assignment, [owner, *([] if team is None else [team])])
    given = held.get(owner) or (None if team is None else held.get(team))
    due_at = due_with(given, terms.due_at, terms.time_zone)
    settled = [one._replace(late_days=late_days(one.received_at, due_at, terms.late.grace_minutes)) for one in tried]
    changed = {
        after.submission: after.late_days
        for before, after in zip(tried, settled, strict=True)
        if before.late_days != after.late_days
    }
    lateness.set_late_days(work, changed)
    return settled


def charges_of(
    work: Work, person: PersonId, course: CourseId, also: tuple[AssignmentId, Owner] | None = None
) -> dict[SubmissionId, Charge]:
    """What each of a person's uploads of a course is charged; `also` is work of theirs that does not count yet."""
    return charges(_uploads(work, person, course, also, lateness.budgets(work, course)))


def charge_of(work: Work, person: PersonId, course: CourseId, submission: SubmissionId) -> Charge:
    """What one submission was charged to this person; nothing when it is none of theirs."""
    return charges_of(work, person, course).get(submission, ON_TIME)


def charges_now(
    work: Work, members: Iterable[tuple[PersonId, str]], assignment: OfferedAssignment, owner: Owner, now: datetime
) -> list[MemberCharge]:
    """What an upload at `now` would be charged to each; `assignment` has the due date that holds for the owner."""
    course, here = CourseId(assignment.course_id), AssignmentId(assignment.id)
    budget = {**lateness.budgets(work, course), here: assignment.late.extension_days_per_term}
    following = Upload(
        submission=_NEXT,
        assignment=here,
        received_at=now,
        late_days=late_days(now, assignment.due_at, assignment.late.grace_minutes),
        budget=budget[here],
    )
    found = []
    for person, name in members:
        uploads = _uploads(work, person, course, (here, owner), budget)
        charge = charges([*uploads, following])[_NEXT]
        found.append(MemberCharge(person=person, name=name, charge=charge, days_left=charge.days_left + charge.used))
    return found


def _uploads(
    work: Work,
    person: PersonId,
    course: CourseId,
    also: tuple[AssignmentId, Owner] | None,
    budget: Mapping[AssignmentId, int],
) -> list[Upload]:
    works = lateness.works_of(work, person, course) | ({also} if also else set())
    return lateness.uploads_of(work, works, budget)


def lock_terms(work: Work, course: CourseId, persons: Iterable[PersonId]) -> None:
    """One late upload at a time of each of these people: two at once would both take the same last day."""
    lateness.lock_terms(work, course, persons)


def is_refused(policy: LatePolicy, beyond: int) -> bool:
    return beyond > 0 and policy.beyond_days == "refuse"
