"""Points to score to the course's own scale: a pure function of results and policy."""

from __future__ import annotations

from collections.abc import Iterable

from grader.domain.assignment import Assignment, Scale
from grader.domain.check import CheckResult
from grader.domain.run import Mark

_TOLERANCE = 1e-4


def score_of(results: Iterable[CheckResult]) -> float:
    """The sum of points, rounded to a hundredth of a point."""
    return round(sum(result.points for result in results), 2)


def part_totals(assignment: Assignment, results: Iterable[CheckResult]) -> dict[str, tuple[float, float]]:
    """Part id to (points, points possible), in the document's order."""
    totals = {part.id: [0.0, part.points] for part in assignment.part}
    for result in results:
        if result.part in totals:
            totals[result.part][0] += result.points
    return {part: (round(points, 2), possible) for part, (points, possible) in totals.items()}


def mark_of(scale: Scale, score: float, max_score: float) -> Mark:
    """The highest step whose share of the points is reached; or the percent or points reached, in hundredths.

    A share is compared with a tolerance of one ten-thousandth, so that 0.1 + 0.2 counts as 0.3.
    """
    share = score / max_score if max_score else 0.0
    if scale.of == "percent":
        return Mark(value=round(100 * share, 2), label="percent")
    if scale.of == "points":
        return Mark(value=round(score, 2), label="points")
    reached = [step for step in scale.step if share >= step.share - _TOLERANCE]
    step = max(reached or scale.step[:1], key=lambda candidate: candidate.share)
    return Mark(value=step.value, label=step.label)


def mark_with(scale: Scale, score: float, max_score: float, given: float | None) -> Mark:
    """The mark that a person gave, where the scale has it and its share is reached; else that of the steps."""
    share = score / max_score if max_score else 0.0
    for step in scale.by_person:
        if step.value == given and share >= step.share - _TOLERANCE:
            return Mark(value=step.value, label=step.label)
    return mark_of(scale, score, max_score)
