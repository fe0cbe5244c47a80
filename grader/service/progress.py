"""How far a submission is: events that can be replayed, the place in the queue, a measured estimate."""

from __future__ import annotations

from uuid import UUID

from grader.domain.course import Reader
from grader.domain.grading import ProgressEvent, QueuePlace
from grader.domain.ids import SubmissionId
from grader.domain.submission import Submission
from grader.storage.database import Work
from grader.storage.repositories import events, runs, stages


def events_after(work: Work, submission: SubmissionId, after: int, *, limit: int = 500) -> list[ProgressEvent]:
    """Events with a larger id, in order. Bodies hold nothing a student may not see (states, stages, check ids)."""
    return events.after(work, UUID(submission), after, limit)


def queue_place(work: Work, reader: Reader, submission: Submission) -> QueuePlace | None:
    """None when nothing of the submission waits.

    The estimate is the measured median seconds of the stages ahead, shared out over the slots of the workers heard of
    in the last minute, and then this stage's own. To a student a rerun's waiting is not shown.
    """
    newest = runs.of_submission(work, UUID(submission.id))[:1]
    if not newest or (newest[0].reason != "upload" and not reader.is_staff(submission.course_id)):
        return None
    row = stages.first_waiting(work, newest[0].id)
    if row is None:
        return None
    ahead = stages.ahead_of(work, row)
    own_s = stages.median_seconds(work, row.assignment_id, row.stage)
    slots = stages.slots(work, row.queue)
    if own_s is None or not slots:
        return QueuePlace(ahead=sum(ahead.values()), eta_s=None)
    # What other assignments' stages take is taken to be what this one's do: the same kind of work.
    medians = {stage: stages.median_seconds(work, row.assignment_id, stage) or own_s for stage in ahead}
    wait_s = sum(count * medians[stage] for stage, count in ahead.items()) / slots
    return QueuePlace(ahead=sum(ahead.values()), eta_s=round(wait_s + own_s, 1))


def version_of(work: Work, submission: SubmissionId) -> int:
    """The id of its newest event: changes whenever anything about it does (ETag)."""
    return events.newest(work, submission)
