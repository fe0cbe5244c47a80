"""How an assignment stands, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from grader.service.assignments import AssignmentForStudent
from grader.service.submissions import SubmissionLine
from grader.web.words import count


def cost_of(standing: AssignmentForStudent, history: Iterable[SubmissionLine]) -> str:
    """What an upload now would cost in late days; empty when it costs nothing.

    The days of one assignment are charged once, so what its earlier submissions have used is not used again.
    """
    late = standing.late_days_now
    if not late:
        return ""
    if standing.assignment.spec.definition.late.extension_days_per_term == 0:
        return f"An upload now is {count(late, 'day')} late."
    used = max((line.submission.late_days for line in history), default=0)
    more = max(0, late - used)
    if not more:
        return f"An upload now is {count(late, 'day')} late, which you have already used late days for."
    if more > standing.days_left:
        left = count(standing.days_left, "late day")
        return f"An upload now is {count(late, 'day')} late, and you have {left} left this term."
    again = " more" if used else ""
    return f"An upload now uses {more}{again} of your {count(standing.days_left, 'late day')}."


def uploads_left(standing: AssignmentForStudent) -> str:
    return f"{count(standing.uploads_left, 'upload')} left today"
