"""How many uploads and late days an owner has left. Days are the course's own: from midnight to midnight there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from grader.domain.course import Reader
from grader.domain.errors import BadRequest, PastDeadline, QuotaUsed
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId, Owner, PersonId
from grader.domain.late import Charge, late_days, penalty
from grader.service import lateness
from grader.service.lateness import MemberCharge
from grader.storage.database import Work
from grader.storage.repositories import extensions, submissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What an upload now would meet.

    `due_at` is the due date that holds for the owner, `late_days` what the upload would be late. Of those `charge.used`
    would be taken from the reader's term, which has `days_left`; `beyond` are covered by nobody's (of a team, by those
    of the member who has the fewest), and cost `penalty`, a share of the points. `short` are members who have too few
    days left. `next_upload_at` is set when today's uploads are used.
    """

    due_at: datetime | None
    late_days: int
    charge: Charge
    days_left: int
    beyond: int
    penalty: float
    short: tuple[MemberCharge, ...]
    is_team: bool
    uploads_left: int
    next_upload_at: datetime | None
    is_open: bool


def owner_of(work: Work, reader: Reader, assignment: OfferedAssignment, *, own: bool = False) -> Owner:
    """The reader's team where the assignment is for teams and they are in one; else the reader.

    With `own` the reader, for the parts of a team's assignment that each member hands in alone. Raises BadRequest when
    there are none, or the reader is in no team.
    """
    owner = owner_for(work, reader.id, assignment)
    if not own:
        return owner
    if not assignment.spec.definition.individual_parts:
        raise BadRequest("This assignment has no parts that each member of a team hands in alone.")
    if not owner.startswith("t"):
        raise BadRequest("You are in no team, so you hand all parts in at once, your own with them.")
    return Owner(f"p{reader.id}")


def owner_for(work: Work, person: PersonId, assignment: OfferedAssignment) -> Owner:
    """Whose work is what this person hands in now."""
    if assignment.spec.definition.team_size[1] > 1:
        team = submissions.team_of(work, assignment.course_id, person)
        if team is not None:
            return Owner(f"t{team}")
    return Owner(f"p{person}")


def members_of(work: Work, reader: Reader, owner: Owner) -> list[tuple[PersonId, str]]:
    """(id, name) of those to whom an upload is charged; the reader is the first."""
    others = [member for member in extensions.members(work, owner) if member[0] != reader.id]
    return [(reader.id, reader.person.name), *others]


def allowance(work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner, now: datetime) -> Allowance:
    """As it stands at `now`, the database's time."""
    theirs = lateness.held(work, assignment, owner)
    is_late = late_days(now, theirs.due_at, theirs.late.grace_minutes) > 0
    # In time nobody is charged, and of the others' days nothing need be known.
    members = members_of(work, reader, owner) if is_late else [(reader.id, reader.person.name)]
    charged = lateness.charges_now(work, members, theirs, owner, now)
    beyond = max(one.charge.beyond for one in charged)
    midnight = now.astimezone(ZoneInfo(assignment.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    used = submissions.uploads_since(work, assignment.id, owner, midnight)
    uploads_left = max(0, assignment.uploads_per_day - used)
    # Added to the local date and then placed in the zone again: a day may have 23 or 25 hours.
    tomorrow = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=midnight.tzinfo)
    return Allowance(
        due_at=theirs.due_at,
        late_days=charged[0].charge.late_days,
        charge=charged[0].charge,
        days_left=charged[0].days_left,
        beyond=beyond,
        penalty=penalty(assignment.late, charged[0].charge.beyond),
        short=tuple(one for one in charged if one.charge.beyond),
        is_team=len(charged) > 1,
        uploads_left=uploads_left,
        next_upload_at=None if uploads_left else tomorrow,
        is_open=not lateness.is_refused(assignment.late, beyond),
    )


def lock_terms(work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner) -> None:
    """Let nobody else's late upload take the same days until this transaction ends."""
    persons = [person for person, _ in members_of(work, reader, owner)]
    lateness.lock_terms(work, CourseId(assignment.course_id), persons)


def refuse_late(allowed: Allowance, assignment: OfferedAssignment) -> None:
    """Raise PastDeadline when late work is refused and somebody has too few days left for it, saying who."""
    if not allowed.is_open:
        days = "day" if allowed.late_days == 1 else "days"
        whose = " and ".join(
            f"{one.name if allowed.is_team else 'you'} {'has' if allowed.is_team else 'have'} {one.days_left} late "
            f"{'day' if one.days_left == 1 else 'days'} left this term"
            for one in allowed.short
        )
        raise PastDeadline(
            f"{assignment.title} was due {allowed.late_days} started {days} ago, and {whose}; ask your instructor if "
            "you think that this is wrong."
        )


def refuse_over_quota(allowed: Allowance, assignment: OfferedAssignment) -> None:
    """Raise QuotaUsed when today's uploads are used, saying when the next is possible."""
    if allowed.next_upload_at is not None:
        raise QuotaUsed(
            f"You have used your {assignment.uploads_per_day} uploads of today; the next is possible from "
            f"{allowed.next_upload_at:%Y-%m-%d %H:%M} ({assignment.time_zone})."
        )
