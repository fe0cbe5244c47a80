"""How an assignment stands, in sentences. Pure."""

from __future__ import annotations

from grader.domain.assignment import LatePolicy
from grader.domain.late import Charge, penalty
from grader.service.assignments import AssignmentForStudent
from grader.web.words import count


def cost_of(standing: AssignmentForStudent) -> str:
    """What an upload now would cost in late days and points; empty when it costs nothing.

    The days of one assignment are charged once, so what its earlier submissions have used is not used again.
    """
    late, used = standing.late_days_now, standing.days_used_now
    if not late:
        return ""
    if used:
        first = f"An upload now will use {used} of your {count(standing.days_left, 'late day')}."
    elif standing.beyond_now or not standing.assignment.late.extension_days_per_term:
        first = f"An upload now is {count(late, 'day')} late."
    else:
        first = f"An upload now is {count(late, 'day')} late, which you have already used late days for."
    return " ".join(filter(None, (first, _beyond(standing))))


def charged_words(charge: Charge, policy: LatePolicy) -> str:
    """What a submission has cost in late days and points; empty when it came in time."""
    if not charge.late_days:
        return ""
    words = [count(charge.late_days, "day")]
    if charge.used:
        words.append(f"used {count(charge.used, 'late day')}, {charge.days_left} left after it")
    if charge.beyond:
        words.append(f"{charge.beyond} beyond the term's late days")
    if share := penalty(policy, charge.beyond):
        words.append(f"{_share(share)} of the points less")
    return "; ".join(words)


def _beyond(standing: AssignmentForStudent) -> str:
    if not standing.beyond_now:
        return ""
    if standing.short:
        names = ", ".join(f"{name} ({count(left, 'late day')} left)" for name, left in standing.short)
        return f"It needs more late days than these of your team have: {names}."
    if standing.penalty_now:
        return f"It will lose {_share(standing.penalty_now)} of its points."
    return "It is marked for the staff as late." if standing.assignment.late.beyond_days == "flag" else ""


def _share(share: float) -> str:
    return f"{100 * share:g}%"


def uploads_left(standing: AssignmentForStudent) -> str:
    return f"{count(standing.uploads_left, 'upload')} left today"
