"""What counts of one owner's work: which submission, with the adjustments that hold and less what late days cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from grader.domain.gradebook import Candidate, counting_candidate
from grader.domain.ids import Owner, PersonId, RunId, SubmissionId
from grader.domain.late import Charge, penalised, penalty
from grader.domain.score import mark_with
from grader.service import lateness
from grader.service.counting import given_by_persons, shares
from grader.storage.database import Work
from grader.storage.repositories import adjustments, choices, entries
from grader.storage.repositories.entries import Tried
from grader.storage.repositories.lateness import Terms


class Side(NamedTuple):
    """What counts of an owner's work for these people; `submissions` is how many the owner handed in.

    `own` is what of it they have handed in alone.
    """

    people: list[PersonId]
    counted: Tried
    is_adjusted: bool
    submissions: int
    own: Tried | None = None


def of_owner(
    work: Work, terms: Terms, owner: Owner, handed: Sequence[Tried], persons: Sequence[PersonId]
) -> list[Side]:
    """Each of these people once; `handed` is what the owner handed in, with the late days that it has now."""
    counting, chosen = entries.counting(work, terms.assignment), choices.holding(work, terms.assignment, owner)
    held = adjustments.holding(work, terms.assignment, owner)
    tried = {SubmissionId(str(one.submission)): one for one in handed}
    found: list[Side] = []
    for late, those in _charged(work, persons, handed, terms, owner):
        candidates = [_candidate(_net(one, late, terms)) for one in handed]
        counted = counting_candidate(candidates, counting, chosen)
        assert counted is not None
        # Late days cost their share of what counts, which is what the run came to as a person has adjusted it.
        run = tried[counted.submission]
        given = given_by_persons(work, terms.assignment, owner, run.submission, run.parts)
        found += [
            Side(share.people, _net(share.counted, late, terms), share.is_adjusted, len(tried))
            for share in shares(work, run, held, those, given)
        ]
    return found


def _charged(
    work: Work, persons: Iterable[PersonId], handed: Iterable[Tried], terms: Terms, owner: Owner
) -> list[tuple[Mapping[SubmissionId, Charge], list[PersonId]]]:
    """What the submissions are charged, with the people to whom it is: each has a term of their own."""
    if not any(one.late_days for one in handed):
        return [({}, list(persons))]
    also = (terms.assignment, owner)
    return [(lateness.charges_of(work, person, terms.course, also), [person]) for person in persons]


def _net(one: Tried, charged: Mapping[SubmissionId, Charge], terms: Terms) -> Tried:
    """With what late days take off."""
    charge = charged.get(SubmissionId(str(one.submission)))
    if charge is None or not charge.beyond:
        return one
    share = penalty(terms.late, charge.beyond)
    if one.score is None or not share:
        return one._replace(beyond_days=charge.beyond)
    score = penalised(one.score, share)
    mark = mark_with(terms.scale, score, one.max_score - one.waiting_points, one.given_mark)
    return one._replace(
        score=score,
        without_items=None if one.without_items is None else penalised(one.without_items, share),
        mark_value=mark.value,
        mark_label=mark.label,
        beyond_days=charge.beyond,
        penalty=round(one.score - score, 2),
    )


def _candidate(one: Tried) -> Candidate:
    return Candidate(
        submission=SubmissionId(str(one.submission)),
        received_at=one.received_at,
        run=None if one.run is None else RunId(str(one.run)),
        state=one.state,
        score=one.score,
    )
