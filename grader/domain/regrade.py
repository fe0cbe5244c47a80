"""Requests for a second look: who may ask about what until when, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from grader.domain.adjustment import Target
from grader.domain.course import Person
from grader.domain.ids import Owner, SubmissionId

# A week after the result: the spec is still in everybody's mind, and a weekend is in it.
DEFAULT_DAYS = 7
MOST_DAYS = 366
# Of one student or team for one assignment, withdrawn ones included.
MOST_REQUESTS = 10
LONGEST_REASON = 2000
LONGEST_ANSWER = 1000


class RegradeState(StrEnum):
    """An open request is answered (granted or declined) or withdrawn, once."""

    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegradeRequest:
    """What somebody asked about a submission, and the answer. `title` is the target in words, when it was asked.

    `answered_by` is a name. `points` are the difference that staff made with the answer, None where they changed
    nothing; `for_member` says that it was for whoever asked alone, and not for their team.
    """

    id: int
    assignment: str
    assignment_title: str
    course_id: int
    time_zone: str
    submission: SubmissionId
    number: int
    owner: Owner
    team: str | None
    person: Person
    target: Target
    title: str
    reason: str
    state: RegradeState
    asked_at: datetime
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer: str = ""
    points: float | None = None
    for_member: bool = False

    @property
    def is_open(self) -> bool:
        return self.state is RegradeState.OPEN


def closes_at(result_at: datetime, days: int, *shown_at: datetime | None) -> datetime | None:
    """Until when a result may be asked about: so many days after it came, or after the last of it was shown, if later.

    `shown_at` are the moments from which something of it may be read; None for what needs no moment. None where no
    request is taken at all (0 days).
    """
    if days <= 0:
        return None
    return max([result_at, *(moment for moment in shown_at if moment is not None)]) + timedelta(days=days)
