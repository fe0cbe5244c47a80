"""Receiving submissions, and reading them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Reader
from grader.domain.grading import GradingRun, OfferedAssignment, RunState
from grader.domain.ids import PersonId, SubmissionId
from grader.domain.submission import Receipt, Submission, Upload
from grader.storage.database import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionLine:
    """A submission in a list. `score` is None until there is one the reader may see; `counts` marks the one that counts."""

    submission: Submission
    state: RunState
    score: float | None
    max_score: float
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionQuery:
    """Filters of a list; empty means any. `cursor` is what the page before gave; `limit` is at most 200."""

    assignment: str = ""
    person: PersonId | None = None
    state: str = ""
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPage:
    """Newest first."""

    lines: tuple[SubmissionLine, ...]
    next_cursor: str


def refuse_unless_open(work: Work, reader: Reader, assignment: OfferedAssignment) -> None:
    """What can be refused before a single byte is read.

    Raises:
        NeedsScope, PastDeadline (late beyond the days left), QuotaUsed (says when the next is possible, in the
        course's time zone).

    """
    raise NotImplementedError


def receive(
    work: Work, reader: Reader, assignment: OfferedAssignment, upload: Upload, *, idempotency_key: str | None = None
) -> Receipt:
    """The submission's row, its run and its first stage, in this one transaction. The caller has stored the bytes
    durably and matched them against the file rules; it shows the receipt only after the commit.

    The same idempotency key, or the same bytes as the owner's newest submission, give the receipt that is there.
    Serialised per owner and assignment. Times are the database's. Raises as `refuse_unless_open` does, and
    BadRequest when a key comes again with other bytes.
    """
    raise NotImplementedError


def find(work: Work, reader: Reader, submission: SubmissionId | str) -> Submission:
    """Raises NotYours, in the same words, for an id that does not exist, is malformed, or is another's."""
    raise NotImplementedError


def list_submissions(work: Work, reader: Reader, query: SubmissionQuery) -> SubmissionPage:
    """A student's own (and their team's); for staff, their courses'."""
    raise NotImplementedError


def latest_run(work: Work, reader: Reader, submission: Submission) -> GradingRun:
    """The newest run as this reader may see it (`grader.service.visibility`), results in the plan's order."""
    raise NotImplementedError


def runs_of(work: Work, reader: Reader, submission: Submission) -> list[GradingRun]:
    """Every run, newest first; staff only."""
    raise NotImplementedError


def artifact_for(work: Work, reader: Reader, artifact: str) -> tuple[str, str]:
    """(kind, SHA-256 of the bytes) of an artifact whose check's details the reader may see. Raises NotYours."""
    raise NotImplementedError


def seen_at(work: Work) -> datetime:
    """The database's time."""
    raise NotImplementedError
