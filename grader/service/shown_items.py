"""What a reader sees of the items that persons grade: the only place that decides whether a student may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId, PersonId
from grader.domain.rubric import Grading, Item, points_of
from grader.service.counting import GivenByPersons, gradings_for


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """An item with what was given for it; `points` is None while nobody has graded it.

    `lines` are the rubric's that were applied: words and points. `made_by` is for staff; None to a student.
    """

    id: str
    part: str
    title: str
    points: float | None
    max_points: float
    is_extra: bool
    lines: tuple[tuple[str, float], ...] = ()
    free_points: float = 0.0
    comment: str = ""
    made_by: str | None = None
    made_at: datetime | None = None
    member: str | None = None

    @property
    def is_graded(self) -> bool:
        return self.made_at is not None

    @property
    def is_awaited(self) -> bool:
        """Whether points are still to come."""
        return not self.is_graded and (self.max_points > 0 or self.is_extra)


def reads_items(assignment: OfferedAssignment, reader: Reader) -> bool:
    """Whether the reader may read what persons gave for items: staff, and students once it is released."""
    return assignment.items_released_at is not None or reader.is_staff(CourseId(assignment.course_id))


def shown_items(given: GivenByPersons, person: PersonId | None, *, with_names: bool) -> tuple[ShownItem, ...]:
    """Every item, in the document's order, with the grading that holds for this person (None: for everybody)."""
    graded = {one.item: one for one in gradings_for(given.gradings, person)}
    return tuple(shown_item(item, graded.get(item.id), with_names=with_names) for item in given.items)


def shown_item(item: Item, grading: Grading | None, *, with_names: bool) -> ShownItem:
    if grading is None:
        return ShownItem(
            id=item.id, part=item.part, title=item.title, points=None, max_points=item.points, is_extra=item.is_extra
        )
    return ShownItem(
        id=item.id,
        part=item.part,
        title=item.title,
        points=points_of(item, grading.applied, grading.free_points) if item.counts else None,
        max_points=item.points,
        is_extra=item.is_extra,
        lines=tuple((line.label, line.points) for line in item.rubric if line.key in grading.applied),
        free_points=grading.free_points,
        comment=grading.comment,
        made_by=grading.made_by if with_names else None,
        made_at=grading.made_at,
        member=grading.member if with_names else None,
    )
