"""How far a submission is: events that can be replayed, the place in the queue, a measured estimate."""

from __future__ import annotations

from grader.domain.course import Reader
from grader.domain.grading import ProgressEvent, QueuePlace
from grader.domain.ids import SubmissionId
from grader.domain.submission import Submission
from grader.storage.database import Work


def events_after(work: Work, submission: SubmissionId, after: int, *, limit: int = 500) -> list[ProgressEvent]:
    """Events with a larger id, in order. Bodies hold nothing a student may not see (states, stages, check ids)."""
    raise NotImplementedError


def queue_place(work: Work, reader: Reader, submission: Submission) -> QueuePlace | None:
    """None when nothing of the submission waits. The estimate divides the measured median seconds of the stages ahead
    by the slots of workers heard of in the last minute.
    """
    raise NotImplementedError


def version_of(work: Work, submission: SubmissionId) -> int:
    """The id of its newest event: changes whenever anything about it does (ETag)."""
    raise NotImplementedError
