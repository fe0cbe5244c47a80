"""What counts for each of an owner's people: the counting run's results with the adjustments that hold for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from grader.domain.adjustment import Target, what_counts
from grader.domain.assignment import Assignment
from grader.domain.ids import PersonId
from grader.domain.score import mark_of
from grader.storage.database import Work
from grader.storage.repositories import runs
from grader.storage.repositories.adjustments import Held
from grader.storage.repositories.entries import Tried


class Share(NamedTuple):
    """What counts for these people."""

    people: list[PersonId]
    counted: Tried
    is_adjusted: bool


def holding_for(held: Iterable[Held], person: PersonId | None) -> list[tuple[Target, float]]:
    """What holds for a member; for None what holds for everybody."""
    return [(one.adjustment.target, one.adjustment.points) for one in held if one.person in (None, person)]


def shares(work: Work, counted: Tried, held: Sequence[Held], people: Sequence[PersonId]) -> Iterator[Share]:
    """Everybody once, with the score and mark that count for them; without a score nothing is adjusted."""
    if not held or counted.score is None or counted.run is None:
        yield Share(list(people), counted, False)
        return
    results = runs.results_of(work, [counted.run])[counted.run]
    scale = Assignment.model_validate(runs.origin_of(work, counted.run).version.definition).scale
    # Whoever has nothing of their own shares what holds for all.
    own = {one.person for one in held if one.person is not None}
    groups = [[person] for person in people if person in own]
    groups.append([person for person in people if person not in own])
    for group in groups:
        if not group:
            continue
        adjusted = holding_for(held, group[0])
        score = what_counts(results, adjusted).score if adjusted else counted.score
        mark = mark_of(scale, score or 0.0, counted.max_score)
        yield Share(
            group,
            counted._replace(score=score, mark_value=mark.value, mark_label=mark.label) if adjusted else counted,
            bool(adjusted),
        )
