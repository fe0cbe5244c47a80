"""The gradebook: one row per student and assignment, statistics, overrides."""

from __future__ import annotations

from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.service import lateness, members, sides
from grader.service.gradebook_pages import page, rows
from grader.service.overrides import override, withdraw_override
from grader.service.statistics import course_overview, statistics
from grader.storage.database import Work
from grader.storage.repositories import assignments, entries
from grader.storage.repositories import lateness as late_rows

__all__ = ["course_overview", "override", "page", "refresh", "rows", "statistics", "withdraw_override", "work_out_anew"]


def refresh(work: Work, assignment: AssignmentId, owner: Owner) -> None:
    """Recompute what counts for the owner's people: from submissions, runs, what persons gave, policy and dates alone.

    Called in the transaction that ends a run, in the one that receives a submission, and in a person's change.
    Which submission counts is decided by what the runs came to; what holds for its owner is then laid on top. Where
    each member of a team hands some parts in alone, what counts for one is the team's work and their own together.
    """
    terms = late_rows.terms(work, assignment)
    if terms.own_points is not None and entries.has_own(work, assignment, owner):
        members.refresh_member(work, terms, PersonId(int(owner[1:])))
        return
    entries.lock(work, assignment, owner)
    handed = [one for one in entries.tried(work, assignment, owner) if not one.is_own]
    if not handed:
        return
    handed = lateness.settle(work, owner, handed, terms)
    persons = entries.people(work, assignment, owner, max(one.received_at for one in handed))
    found = sides.of_owner(work, terms, owner, handed, persons)
    if terms.own_points is not None and owner.startswith("t"):
        members.write(work, terms, owner, found)
        return
    for side in found:
        entries.write(
            work, assignment, side.people, side.counted, submissions=side.submissions, is_adjusted=side.is_adjusted
        )  # fmt: skip


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
