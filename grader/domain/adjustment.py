"""What a person changes about a score, and what counts then: a pure function.

An adjustment is a difference in points, never a set value (setting the whole is an override). It holds for a check, a
part or the whole of one owner's work, whichever run or submission of theirs counts. With `r(c)` the points of check `c`
of `m(c)` possible, and `d(.)` the sum of the adjustments that hold for a check, a part, the whole (0 where none does):

    check    p(c) = min(m(c), max(0, r(c) + d(c)))    r(c) where nothing was adjusted
    item     g(i)                                     what a person gave (`grader.domain.rubric`)
    part     P(q) = max(0, sum of p(c) and g(i) over its checks and items + d(q))
    whole    S    = max(0, sum of P(q) over all parts + d(whole))    rounded to a hundredth
    counts   the override if one holds, else what late days leave of S (`grader.domain.late.penalised`)

A check gives no more than its points, so that one that is mended and run again is not paid twice; extra credit belongs
to a part or the whole. Where there are no results there is no S: then only an override counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.domain.check import CheckResult
from grader.domain.errors import BadRequest

LARGEST = 1_000_000.0


class TargetKind(StrEnum):
    """An item is asked about and never adjusted: a person gives its points, and gives them again."""

    CHECK = "check"
    PART = "part"
    ITEM = "item"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an adjustment or a regrade request is about. `id` is a check's, a part's, an item's; empty for the whole."""

    kind: TargetKind
    id: str = ""


WHOLE = Target(kind=TargetKind.WHOLE)


def target_of(kind: str, identity: str) -> Target:
    """A target as somebody named it. Raises BadRequest for a kind that is none, and a name where none belongs."""
    if kind not in set(TargetKind):
        raise BadRequest("It is about one check, one part, one item or the whole.")
    found = Target(kind=TargetKind(kind), id=identity.strip())
    if (found.kind is TargetKind.WHOLE) != (not found.id):
        raise BadRequest("Name the check, the part or the item that it is about; the whole has no name.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A difference in points that holds, with its reason, which the student reads.

    `title` is the target's in words. `member` is the name of the one member of a team whom it is for; None when it is
    for all of the owner's people. `made_by` is who made it, for staff; None to a student.
    """

    id: int
    target: Target
    title: str
    points: float
    reason: str
    made_at: datetime
    made_by: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatCounts:
    """`score` is None without results or override. `checks` and `parts` are points after adjusting, by id."""

    score: float | None
    checks: Mapping[str, float]
    parts: Mapping[str, float]


def difference_of(points: float) -> float:
    """A difference in hundredths. Raises BadRequest unless it is a finite number that changes something."""
    if not math.isfinite(points) or abs(points) > LARGEST:
        raise BadRequest("The difference is a number of points, such as 1.5 or -2.")
    rounded = round(points, 2)
    if rounded == 0:
        raise BadRequest("A difference of 0 points changes nothing.")
    return rounded


def what_counts(
    results: Sequence[CheckResult] | None,
    adjusted: Iterable[tuple[Target, float]],
    override: float | None = None,
    *,
    items: Iterable[tuple[str, float]] = (),
) -> WhatCounts:
    """What counts for one person, by the formula of this module; `results` is None where nothing was graded.

    `items` are (part, points) of those that a person graded.
    """
    if results is None:
        return WhatCounts(score=override, checks={}, parts={})
    differences: dict[Target, float] = {}
    for target, points in adjusted:
        differences[target] = differences.get(target, 0.0) + points
    checks: dict[str, float] = {str(result.id): _check(result, differences) for result in results}
    sums: dict[str, float] = {}
    for result in results:
        sums[str(result.part)] = sums.get(str(result.part), 0.0) + checks[str(result.id)]
    score = sum(checks.values())
    for part, points in items:
        sums[part] = sums.get(part, 0.0) + points
        score += points
    for target, points in differences.items():
        if target.kind is TargetKind.PART:
            # Never below 0: a part takes nothing from another.
            change = max(points, -sums.get(target.id, 0.0))
            sums[target.id] = sums.get(target.id, 0.0) + change
            score += change
    whole = round(max(0.0, score + differences.get(WHOLE, 0.0)), 2)
    return WhatCounts(
        score=whole if override is None else override,
        checks=checks,
        parts={part: round(points, 2) for part, points in sums.items()},
    )


def _check(result: CheckResult, differences: Mapping[Target, float]) -> float:
    difference = differences.get(Target(kind=TargetKind.CHECK, id=str(result.id)))
    if difference is None:
        return result.points
    return min(result.max_points, max(0.0, result.points + difference))
