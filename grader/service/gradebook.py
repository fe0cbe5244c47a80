"""The gradebook: one row per student and assignment, statistics, overrides."""

from __future__ import annotations

from collections.abc import Iterator

from grader.domain.course import Course, Reader
from grader.domain.gradebook import AssignmentStatistics, GradebookPage, GradebookQuery, GradebookRow
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import AssignmentId, Owner, PersonId
from grader.storage.database import Work


def refresh(work: Work, assignment: AssignmentId, owner: Owner) -> None:
    """Recompute what counts for the owner's people, from runs alone. Called in the transaction that ends a run, and
    when a submission comes in.
    """
    raise NotImplementedError


def page(work: Work, reader: Reader, assignment: OfferedAssignment, query: GradebookQuery) -> GradebookPage:
    """Staff with scope read. Students who handed nothing in have a row too. Cursor paging over the sort key."""
    raise NotImplementedError


def rows(work: Work, reader: Reader, assignment: OfferedAssignment) -> Iterator[GradebookRow]:
    """All rows, by name (exports)."""
    raise NotImplementedError


def course_overview(work: Work, reader: Reader, course: Course) -> dict[str, dict[str, object]]:
    """For the staff's first page: per assignment slug {"students", "handed_in", "graded", "waiting", "failed"}."""
    raise NotImplementedError


def statistics(work: Work, reader: Reader, assignment: OfferedAssignment) -> AssignmentStatistics:
    """Staff only."""
    raise NotImplementedError


def override(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, score: float, reason: str
) -> None:
    """Supersede what counts for one student. Staff with scope grade; a reason is required. Audited; never edited."""
    raise NotImplementedError


def withdraw_override(
    work: Work, reader: Reader, assignment: OfferedAssignment, person: PersonId, *, reason: str
) -> None:
    """Let the run's score count again. Audited."""
    raise NotImplementedError
