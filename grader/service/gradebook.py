"""The gradebook: one row per student and assignment, statistics, overrides."""

from __future__ import annotations

from grader.domain.gradebook import Candidate, counting_candidate
from grader.domain.ids import AssignmentId, Owner, RunId, SubmissionId
from grader.service.counting import shares
from grader.service.gradebook_pages import page, rows
from grader.service.overrides import override, withdraw_override
from grader.service.statistics import course_overview, statistics
from grader.storage.database import Work
from grader.storage.repositories import adjustments, entries
from grader.storage.repositories.entries import Tried

__all__ = ["course_overview", "override", "page", "refresh", "rows", "statistics", "withdraw_override"]


def refresh(work: Work, assignment: AssignmentId, owner: Owner) -> None:
    """Recompute what counts for the owner's people, from submissions, their runs and adjustments alone.

    Called in the transaction that ends a run, in the one that receives a submission, and in that of an adjustment.
    Which submission counts is decided by what the runs came to; what holds for its owner is then laid on top.
    """
    entries.lock(work, assignment, owner)
    tried = {SubmissionId(str(one.submission)): one for one in entries.tried(work, assignment, owner)}
    counted = counting_candidate([_candidate(one) for one in tried.values()], entries.counting(work, assignment))
    if counted is None:
        return
    newest_at = max(one.received_at for one in tried.values())
    persons = entries.people(work, assignment, owner, newest_at)
    held = adjustments.holding(work, assignment, owner)
    for share in shares(work, tried[counted.submission], held, persons):
        entries.write(
            work, assignment, share.people, share.counted, submissions=len(tried), is_adjusted=share.is_adjusted
        )


def _candidate(one: Tried) -> Candidate:
    return Candidate(
        submission=SubmissionId(str(one.submission)),
        received_at=one.received_at,
        run=None if one.run is None else RunId(str(one.run)),
        state=one.state,
        score=one.score,
    )
