"""Assignments as courses offer them, and the spec versions that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.check import CheckDefinition
from grader.domain.course import Course, Reader
from grader.domain.grading import Counting, OfferedAssignment, SpecVersion
from grader.domain.ids import Sha256
from grader.storage.database import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentForStudent:
    """`days_left` is what is left of the term's late days; `uploads_left` of today's uploads; `next_upload_at` is set
    when that is 0. `score` and `state` are of the submission that counts.
    """

    assignment: OfferedAssignment
    is_open: bool
    days_left: int
    late_days_now: int
    uploads_left: int
    next_upload_at: datetime | None
    submissions: int
    state: str | None
    score: float | None
    max_score: float


def publish_spec(work: Work, *, definition: object, spec_slug: str, version: str, blob: Sha256) -> SpecVersion:
    """Keep a spec version (idempotent). `definition` is a grader.domain.assignment.Assignment; the bytes are stored."""
    raise NotImplementedError


def offer(
    work: Work,
    course: Course,
    spec: SpecVersion,
    *,
    slug: str | None = None,
    due_at: datetime | None = None,
    uploads_per_day: int | None = None,
    counting: Counting | None = None,
) -> OfferedAssignment:
    """Offer an assignment in a course, or (same slug and course) move it to this spec version and change what is given.

    Runs that exist keep their version. Raises AlreadyExists when another course has this slug.
    """
    raise NotImplementedError


def offered(work: Work, reader: Reader, slug: str) -> OfferedAssignment:
    """Raises UnknownAssignment when there is none, or the reader is not in its course: the same words for both."""
    raise NotImplementedError


def offered_for(work: Work, reader: Reader) -> list[OfferedAssignment]:
    """What the reader's courses offer, by due date."""
    raise NotImplementedError


def for_student(work: Work, reader: Reader, assignment: OfferedAssignment) -> AssignmentForStudent:
    """How the assignment stands for this reader now."""
    raise NotImplementedError


def keep_plan(work: Work, *, spec_slug: str, version: str, plan: tuple[CheckDefinition, ...]) -> None:
    """Remember which checks a spec version has, as the first harness that judged by it listed them."""
    raise NotImplementedError
