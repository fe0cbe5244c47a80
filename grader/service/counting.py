"""What counts for each of an owner's people: the counting run's results with what persons gave and adjusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from grader.domain.adjustment import Target, what_counts
from grader.domain.assignment import Assignment
from grader.domain.ids import Owner, PersonId
from grader.domain.rubric import ByPersons, Grading, Item, by_persons
from grader.domain.score import mark_with
from grader.storage.database import Work
from grader.storage.repositories import given_marks, gradings, items, runs
from grader.storage.repositories.adjustments import Held
from grader.storage.repositories.entries import Tried
from grader.storage.repositories.given_marks import GivenMark


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenByPersons:
    """What persons gave for the items of a submission, and as a mark, for all of an owner's people or one of them."""

    items: tuple[Item, ...]
    gradings: tuple[Grading, ...]
    marks: tuple[GivenMark, ...]

    @property
    def has_any(self) -> bool:
        """Whether anything is, or could be, given."""
        return bool(self.marks) or any(item.counts for item in self.items)

    @property
    def full(self) -> float:
        return by_persons(self.items, ()).full

    @property
    def members(self) -> set[PersonId]:
        """Those who were given something of their own."""
        own = [one.member_id for one in self.gradings] + [one.person for one in self.marks]
        return {person for person in own if person is not None}

    def of(self, person: PersonId | None) -> ByPersons:
        """What holds for a member, their own before everybody's; for None what holds for everybody."""
        return by_persons(self.items, gradings_for(self.gradings, person))

    def mark_of(self, person: PersonId | None) -> float | None:
        found = given_marks.for_person(list(self.marks), person)
        return None if found is None else found.value


def given_by_persons(
    work: Work, assignment: int, owner: Owner, submission: UUID, parts: tuple[str, ...] | None
) -> GivenByPersons:
    """What holds of a submission of the owner's; `parts` are those that it is about, None for all of them."""
    found = tuple(item for item in items.of_assignment(work, assignment) if parts is None or item.part in parts)
    return GivenByPersons(
        items=found,
        gradings=tuple(gradings.holding(work, [submission])[submission]) if found else (),
        marks=tuple(given_marks.holding(work, assignment, owner)),
    )


def gradings_for(held: Iterable[Grading], person: PersonId | None) -> list[Grading]:
    """One for each item that is graded: a member's own before everybody's."""
    chosen: dict[str, Grading] = {}
    for one in held:
        if one.member_id is None:
            chosen.setdefault(one.item, one)
        elif one.member_id == person:
            chosen[one.item] = one
    return list(chosen.values())


class Share(NamedTuple):
    """What counts for these people."""

    people: list[PersonId]
    counted: Tried
    is_adjusted: bool


def holding_for(held: Iterable[Held], person: PersonId | None) -> list[tuple[Target, float]]:
    """What holds for a member; for None what holds for everybody."""
    return [(one.adjustment.target, one.adjustment.points) for one in held if one.person in (None, person)]


def shares(
    work: Work, counted: Tried, held: Sequence[Held], people: Sequence[PersonId], by_person: GivenByPersons
) -> Iterator[Share]:
    """Everybody once, with the score and mark that count for them; without a score nothing is changed."""
    full = round(counted.max_score + by_person.full, 2)
    if counted.score is None or counted.run is None:
        yield Share(list(people), counted._replace(max_score=full), False)
        return
    if not held and not by_person.has_any:
        yield Share(list(people), counted, False)
        return
    results = runs.results_of(work, [counted.run])[counted.run]
    scale = Assignment.model_validate(runs.origin_of(work, counted.run).version.definition).scale
    # Whoever has nothing of their own shares what holds for all.
    own = {one.person for one in held if one.person is not None} | by_person.members
    groups = [[person] for person in people if person in own]
    groups.append([person for person in people if person not in own])
    for group in groups:
        if not group:
            continue
        adjusted = holding_for(held, group[0])
        given = by_person.of(group[0])
        score, without = counted.score, None
        if adjusted or given.points:
            score = what_counts(results, adjusted, items=given.points.values()).score or 0.0
            without = (what_counts(results, adjusted).score or 0.0) if given.points else None
        mark_given = by_person.mark_of(group[0])
        mark = mark_with(scale, score, full - given.waiting_points, mark_given)
        yield Share(
            group,
            counted._replace(
                score=score,
                max_score=full,
                mark_value=mark.value,
                mark_label=mark.label,
                items_points=given.given,
                items_waiting=len(given.waiting),
                waiting_points=given.waiting_points,
                without_items=without,
                given_mark=mark_given,
            ),
            bool(adjusted),
        )
