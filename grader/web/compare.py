"""Two runs of one submission side by side: where they came to something else. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from grader.domain.check import CheckResult
from grader.domain.grading import GradingRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A check whose status or points differ; a side is None where that run has no result of it."""

    id: str
    title: str
    older: CheckResult | None
    newer: CheckResult | None

    @property
    def change(self) -> float:
        return round((self.newer.points if self.newer else 0.0) - (self.older.points if self.older else 0.0), 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    older: GradingRun
    newer: GradingRun
    differences: tuple[Difference, ...]
    same: int

    @property
    def change(self) -> float | None:
        if self.older.score is None or self.newer.score is None:
            return None
        return round(self.newer.score - self.older.score, 2)


def compare(older: GradingRun, newer: GradingRun) -> Comparison:
    """Which checks differ between two runs, in the newer one's order."""
    before = {result.id: result for result in older.checks}
    after = {result.id: result for result in newer.checks}
    order = [*after, *(check for check in before if check not in after)]
    differences = tuple(
        Difference(
            id=str(check),
            title=(after.get(check) or before[check]).title,
            older=before.get(check),
            newer=after.get(check),
        )
        for check in order
        if _differ(before.get(check), after.get(check))
    )
    return Comparison(older=older, newer=newer, differences=differences, same=len(order) - len(differences))


def _differ(older: CheckResult | None, newer: CheckResult | None) -> bool:
    if older is None or newer is None:
        return True
    return (older.status, older.points) != (newer.status, newer.points)
