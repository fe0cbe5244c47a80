"""The gradebook: one row per student and assignment, statistics, overrides."""

from __future__ import annotations

from collections.abc import Sequence

from grader.domain.assignment import Scale
from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.service import lateness, members, sides
from grader.service.gradebook_pages import page, rows
from grader.service.overrides import override, withdraw_override
from grader.service.sides import Side
from grader.service.statistics import course_overview, statistics
from grader.storage.database import Work
from grader.storage.repositories import assignments, entries
from grader.storage.repositories import lateness as late_rows
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
    """Recompute what counts for the owner's people: from submissions, runs, what persons gave, policy and dates alone.

    Called in the transaction that ends a run, in the one that receives a submission, and in a person's change.
    Which submission counts is decided by what the runs came to; what holds for its owner is then laid on top. Where
    each member of a team hands some parts in alone, what counts for one is the team's work and their own together.
    """
    terms = late_rows.terms(work, assignment)
    for side in _what_counts(work, owner, terms):
        entries.write(
            work, assignment, side.people, side.counted, own=side.own, submissions=side.submissions,
            is_adjusted=side.is_adjusted,
        )  # fmt: skip


def foresee(work: Work, assignment: AssignmentId, owner: Owner, trial: int, scale: Scale) -> Sequence[Side]:
    """What would count for the owner's people if a trial's runs were published, by this scale. Writes nothing."""
    return _what_counts(work, owner, late_rows.terms(work, assignment)._replace(scale=scale), trial)


def _what_counts(work: Work, owner: Owner, terms: Terms, trial: int | None = None) -> Sequence[Side]:
    """Everybody whose the work is once, with what counts for them; the assignment's lines of the owner are locked."""
    if terms.own_points is not None and entries.has_own(work, terms.assignment, owner):
        return members.of_member(work, terms, PersonId(int(owner[1:])), trial)
    entries.lock(work, terms.assignment, owner)
    handed = [one for one in entries.tried(work, terms.assignment, owner, trial=trial) if not one.is_own]
    if not handed:
        return ()
    handed = lateness.settle(work, owner, handed, terms)
    persons = entries.people(work, terms.assignment, owner, max(one.received_at for one in handed))
    found = sides.of_owner(work, terms, owner, handed, persons)
    if terms.own_points is not None and owner.startswith("t"):
        return members.together(work, terms, owner, found, trial)
    return found


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
