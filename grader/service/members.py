"""What counts for each member of a team where some parts are each member's own: the team's work and theirs together.

    counts = what late days leave of the team's work with its adjustments + the same of the member's own work

A side that nobody handed in, or that has no score yet, gives 0; a sum is there as soon as one of both has a score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grader.domain.assignment import Part
from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment, RunState
from grader.domain.ids import Owner, PersonId
from grader.domain.score import mark_with
from grader.service import lateness, sides
from grader.service.quota import owner_of
from grader.service.sides import Side
from grader.storage.database import Work
from grader.storage.repositories import entries
from grader.storage.repositories.entries import Tried
from grader.storage.repositories.lateness import Terms


class Halves(NamedTuple):
    """The parts of a team's assignment: those of the team, and those that each member hands in alone."""

    team: tuple[Part, ...]
    own: tuple[Part, ...]

    @property
    def own_points(self) -> float:
        return sum(part.full_points for part in self.own if not part.extra)


def halves_of(work: Work, reader: Reader, assignment: OfferedAssignment) -> Halves | None:
    """None where the reader hands everything in at once: no parts are each member's own, or they are in no team."""
    parts = assignment.spec.definition.part
    if not assignment.spec.definition.individual_parts or not owner_of(work, reader, assignment).startswith("t"):
        return None
    return Halves(
        tuple(part for part in parts if not part.individual), tuple(part for part in parts if part.individual)
    )


def of_member(work: Work, terms: Terms, person: PersonId, trial: int | None = None) -> list[Side]:
    """What counts for a member after something about what they have handed in alone has changed."""
    team = entries.team_of(work, terms.assignment, person)
    # Who has left their team meanwhile keeps what they did alone.
    entries.lock(work, terms.assignment, team or Owner(f"p{person}"))
    handed = entries.tried(work, terms.assignment, team, trial=trial) if team is not None else []
    if team is not None and handed:
        handed = lateness.settle(work, team, handed, terms)
        persons = entries.people(work, terms.assignment, team, max(one.received_at for one in handed))
        if person in persons:
            return together(work, terms, team, sides.of_owner(work, terms, team, handed, [person]), trial)
    own = _own(work, terms, person, team, trial)
    return [] if own is None else [_both(terms, [person], None, own)]


def together(work: Work, terms: Terms, team: Owner, found: Sequence[Side], trial: int | None = None) -> list[Side]:
    """The team's work and each member's own; the caller holds the team's lock."""
    counting: list[Side] = []
    for side in found:
        # By a spec version that knew of no individual parts the team's run has judged them all.
        if side.counted.parts is None:
            counting.append(side)
            continue
        counting += [_both(terms, [person], side, _own(work, terms, person, team, trial)) for person in side.people]
    return counting


def _own(work: Work, terms: Terms, person: PersonId, team: Owner | None, trial: int | None) -> Side | None:
    owner = Owner(f"p{person}")
    handed = [one for one in entries.tried(work, terms.assignment, owner, trial=trial) if one.is_own]
    if not handed:
        return None
    handed = lateness.settle(work, owner, handed, terms, team=team)
    return sides.of_owner(work, terms, owner, handed, [person])[0]


def _both(terms: Terms, people: list[PersonId], team: Side | None, own: Side | None) -> Side:
    both = [side for side in (team, own) if side is not None]
    return Side(
        people,
        _sum(terms, None if team is None else team.counted, None if own is None else own.counted),
        any(side.is_adjusted for side in both),
        sum(side.submissions for side in both),
        None if own is None else own.counted,
    )


def _sum(terms: Terms, team: Tried | None, own: Tried | None) -> Tried:
    both = [one for one in (team, own) if one is not None]
    scores = [one.score for one in both if one.score is not None]
    team_points = terms.team_points if team is None else team.max_score
    possible = team_points + ((terms.own_points or 0.0) if own is None else own.max_score)
    score = round(sum(scores), 2) if scores else None
    waiting = sum(one.waiting_points for one in both)
    given = [one.items_points for one in both if one.items_points is not None]
    without = [one.score if one.without_items is None else one.without_items for one in both]
    mark_given = next((one.given_mark for one in both if one.given_mark is not None), None)
    mark = mark_with(terms.scale, score or 0.0, possible - waiting, mark_given)
    first = both[0]
    return first._replace(
        state=RunState.GRADED if scores else first.state,
        score=score,
        max_score=possible,
        mark_value=mark.value,
        mark_label=mark.label,
        received_at=max(one.received_at for one in both),
        late_days=max(one.late_days for one in both),
        beyond_days=max(one.beyond_days for one in both),
        penalty=round(sum(one.penalty for one in both), 2),
        items_points=round(sum(given), 2) if given else None,
        items_waiting=sum(one.items_waiting for one in both),
        waiting_points=waiting,
        without_items=round(sum(one for one in without if one is not None), 2) if given else None,
        given_mark=mark_given,
    )
