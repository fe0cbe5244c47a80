"""How many uploads and late days an owner has left. Days are the course's own: from midnight to midnight there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import Owner
from grader.domain.late import days_left, late_days
from grader.storage.database import Work
from grader.storage.repositories import submissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What an upload now would meet.

    `late_days` is what it would be late, `days_left` what is left of the term's late days; `next_upload_at` is set when
    today's uploads are used.
    """

    late_days: int
    days_left: int
    uploads_left: int
    next_upload_at: datetime | None
    is_open: bool


def owner_of(work: Work, reader: Reader, assignment: OfferedAssignment) -> Owner:
    """The reader's team where the assignment is for teams and they are in one; else the reader."""
    if assignment.spec.definition.team_size[1] > 1:
        team = submissions.team_of(work, assignment.course_id, reader.id)
        if team is not None:
            return Owner(f"t{team}")
    return Owner(f"p{reader.id}")


def allowance(work: Work, reader: Reader, assignment: OfferedAssignment, owner: Owner, now: datetime) -> Allowance:
    """As it stands at `now`, the database's time."""
    policy = assignment.spec.definition.late
    late = late_days(now, assignment.due_at)
    charged = submissions.late_days_charged(work, assignment.course_id, sorted({owner, f"p{reader.id}"}))
    elsewhere = [days for other, days in charged.items() if other != assignment.id]
    left_here = days_left(policy.extension_days_per_term, elsewhere)
    midnight = now.astimezone(ZoneInfo(assignment.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    used = submissions.uploads_since(work, assignment.id, owner, midnight)
    uploads_left = max(0, assignment.uploads_per_day - used)
    # Added to the local date and then placed in the zone again: a day may have 23 or 25 hours.
    tomorrow = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=midnight.tzinfo)
    return Allowance(
        late_days=late,
        days_left=days_left(policy.extension_days_per_term, charged.values()),
        uploads_left=uploads_left,
        next_upload_at=None if uploads_left else tomorrow,
        is_open=late == 0 or late <= left_here or not policy.refuse_after_extension,
    )
