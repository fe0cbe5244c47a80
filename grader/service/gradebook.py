"""The gradebook: one row per student and assignment, statistics, overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from grader.domain.assignment import Scale
from grader.domain.gradebook import Candidate, counting_candidate
from grader.domain.ids import AssignmentId, Owner, PersonId, RunId, SubmissionId
from grader.domain.late import Charge, penalised, penalty
from grader.domain.score import mark_of
from grader.service import lateness
from grader.service.counting import Share, shares
from grader.service.gradebook_pages import page, rows
from grader.service.overrides import override, withdraw_override
from grader.service.statistics import course_overview, statistics
from grader.storage.database import Work
from grader.storage.repositories import adjustments, assignments, choices, entries
from grader.storage.repositories import lateness as late_rows
from grader.storage.repositories.entries import Tried
from grader.storage.repositories.lateness import Terms

__all__ = [
    "course_overview",
    "foresee",
    "override",
    "page",
    "refresh",
    "rows",
    "statistics",
    "withdraw_override",
    "work_out_anew",
]


def refresh(work: Work, assignment: AssignmentId, owner: Owner) -> None:
    """Recompute what counts for the owner's people: from submissions, runs, adjustments, late policy, due dates alone.

    Called in the transaction that ends a run, in the one that receives a submission, and in that of an adjustment.
    Which submission counts is decided by what the runs came to; what holds for its owner is then laid on top.
    """
    entries.lock(work, assignment, owner)
    handed = entries.tried(work, assignment, owner)
    if not handed:
        return
    terms = late_rows.terms(work, assignment)
    handed = lateness.settle(work, owner, handed, terms)
    for share in _what_counts(work, owner, handed, terms):
        entries.write(
            work, assignment, share.people, share.counted, submissions=len(handed), is_adjusted=share.is_adjusted
        )  # fmt: skip


def foresee(work: Work, assignment: AssignmentId, owner: Owner, trial: int, scale: Scale) -> list[Share]:
    """What would count for the owner's people if a trial's runs were published, by this scale. Writes nothing."""
    handed = entries.tried(work, assignment, owner, trial=trial)
    terms = late_rows.terms(work, assignment)._replace(scale=scale)
    return list(_what_counts(work, owner, handed, terms)) if handed else []


def _what_counts(work: Work, owner: Owner, handed: Sequence[Tried], terms: Terms) -> Iterator[Share]:
    """Everybody whose the work is once, with what counts for them after adjustments and late days."""
    assignment = terms.assignment
    persons = entries.people(work, assignment, owner, max(one.received_at for one in handed))
    counting, chosen = entries.counting(work, assignment), choices.holding(work, assignment, owner)
    held = adjustments.holding(work, assignment, owner)
    tried = {SubmissionId(str(one.submission)): one for one in handed}
    for late, those in _charged(work, persons, handed, terms, owner):
        candidates = [_candidate(_net(one, late, terms)) for one in handed]
        counted = counting_candidate(candidates, counting, chosen)
        assert counted is not None
        # Late days cost their share of what counts, which is what the run came to as a person has adjusted it.
        for share in shares(work, tried[counted.submission], held, those):
            yield share._replace(counted=_net(share.counted, late, terms))


def work_out_anew(work: Work, assignment: AssignmentId, owner: Owner | None = None) -> None:
    """Late days and gradebook after a due date, a policy or (with `owner`) an extension has changed. Runs no code.

    Days that are given back, or taken, here change what later uploads for other assignments of the term are charged, so
    theirs are worked out too.
    """
    course = late_rows.terms(work, assignment).course
    late_rows.lock_course(work, course)
    here = assignments.owners(work, assignment) if owner is None else [owner]
    for one in here:
        refresh(work, assignment, one)
    persons = late_rows.counted_people(work, assignment, here)
    theirs = set().union(*(late_rows.works_of(work, person, course) for person in persons))
    for elsewhere, other in late_rows.late_works(work, course, but=assignment):
        if (elsewhere, other) in theirs:
            refresh(work, elsewhere, other)


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
    mark = mark_of(terms.scale, score, one.max_score)
    return one._replace(
        score=score,
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
