"""What persons give for the items that no check can judge: a pure function of the rubric and what was graded.

An item's points are the sum of the rubric's lines that were applied to it and of free points, never below 0 and never
above the item's most, unless the item is extra. A line's points are those it has now, so that a line that is changed
re-scores everybody to whom it was applied; one that was removed gives nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.domain.assignment import Part
from grader.domain.errors import BadRequest
from grader.domain.ids import PersonId

LARGEST = 1_000_000.0
LONGEST_LABEL = 300
LONGEST_COMMENT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricItem:
    """A line of an item's rubric as it stands; `key` names it for good."""

    key: str
    label: str
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question that a person grades; `points` is the most for it, unless it is extra."""

    id: str
    part: str
    title: str
    guide: str
    points: float
    is_extra: bool
    rubric: tuple[RubricItem, ...]

    @property
    def counts(self) -> bool:
        """Whether a person can give points for it; for others there is a comment alone, and nothing waits."""
        return self.points > 0 or self.is_extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What a person gave for an item of a submission; never edited, a newer one takes its place.

    `applied` are keys of the rubric. `made_by` is None to a student. `member` is the name of the one member of a team
    whom it is for; None when it is for all of the owner's people.
    """

    id: int
    item: str
    applied: tuple[str, ...]
    free_points: float
    comment: str
    made_at: datetime
    made_by: str | None = None
    member: str | None = None
    member_id: PersonId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPersons:
    """What persons gave of one submission: points by item, each with its part; what is open yet.

    `full` is the most for all items that are not extra, `waiting_points` that of those among them that wait.
    """

    points: Mapping[str, tuple[str, float]]
    waiting: tuple[str, ...]
    full: float
    waiting_points: float

    @property
    def given(self) -> float | None:
        """The points given so far; None while nothing is graded."""
        return round(sum(points for _, points in self.points.values()), 2) if self.points else None


def items_of(parts: Iterable[Part], changed: Mapping[tuple[str, str], RubricItem | None]) -> tuple[Item, ...]:
    """The document's items in its order; `changed` are lines by (item, key) as staff have made them, None: removed."""
    return tuple(
        Item(
            id=item.id,
            part=part.id,
            title=item.title,
            guide=item.guide,
            points=item.points,
            is_extra=item.extra or (part.extra and item.points > 0),
            rubric=_rubric(
                item.id, [RubricItem(key=one.id, label=one.label, points=one.points) for one in item.rubric], changed
            ),
        )
        for part in parts
        for item in part.manual
    )


def _rubric(
    item: str, first: Sequence[RubricItem], changed: Mapping[tuple[str, str], RubricItem | None]
) -> tuple[RubricItem, ...]:
    stand = {line.key: changed.get((item, line.key), line) for line in first}
    stand |= {key: line for (of, key), line in changed.items() if of == item}
    return tuple(line for line in stand.values() if line is not None)


def points_of(item: Item, applied: Iterable[str], free_points: float) -> float:
    """What an item comes to, in hundredths."""
    lines = {line.key: line.points for line in item.rubric}
    total = sum(lines.get(key, 0.0) for key in set(applied)) + free_points
    if not item.counts:
        return 0.0
    return round(max(0.0, total if item.is_extra else min(item.points, total)), 2)


def by_persons(items: Sequence[Item], gradings: Iterable[Grading]) -> ByPersons:
    """What these gradings, of which there is at most one for an item, come to; those of no item give nothing."""
    graded = {one.item: one for one in gradings}
    counting = [item for item in items if item.counts]
    waiting = tuple(item.id for item in counting if item.id not in graded)
    return ByPersons(
        points={
            item.id: (item.part, points_of(item, graded[item.id].applied, graded[item.id].free_points))
            for item in counting
            if item.id in graded
        },
        waiting=waiting,
        full=round(sum(item.points for item in counting if not item.is_extra), 2),
        waiting_points=round(sum(item.points for item in counting if not item.is_extra and item.id in waiting), 2),
    )


def free_points_of(points: float) -> float:
    """Free points in hundredths. Raises BadRequest unless they are a finite number."""
    if not math.isfinite(points) or abs(points) > LARGEST:
        raise BadRequest("Points are a number, such as 1.5 or -2.")
    return round(points, 2)
