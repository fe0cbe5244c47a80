"""The whole term's gradebook: every assignment of a course, one line for each student."""

from __future__ import annotations

from grader.domain.course import Course, Reader, Scope
from grader.domain.gradebook import GradebookQuery, GradebookRow, TermGradebook, TermLine
from grader.domain.grading import OfferedAssignment
from grader.service import assignments
from grader.storage.database import Work
from grader.storage.repositories import gradebook_rows


def term_gradebook(work: Work, reader: Reader, course: Course) -> TermGradebook:
    """By name; assignments by due date. What counts is each assignment's own gradebook's word. Staff with scope read.

    Raises:
        NeedsRole, NeedsScope.

    """
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    offered = [one for one in assignments.offered_for(work, reader) if one.course_id == course.id]
    offered.sort(key=_order)
    # One row for each student of the course in each of them, in the same order.
    books = [[one.row for one in gradebook_rows.page(work, each, GradebookQuery(), None, None)] for each in offered]
    return TermGradebook(assignments=tuple(offered), lines=_lines(books))


def _order(assignment: OfferedAssignment) -> tuple[bool, float, str]:
    due = assignment.due_at
    return due is None, 0.0 if due is None else due.timestamp(), assignment.slug


def _lines(books: list[list[GradebookRow]]) -> tuple[TermLine, ...]:
    if not books:
        return ()
    by_person = [{row.person.id: row for row in rows} for rows in books]
    return tuple(
        TermLine(
            person=first.person,
            section=first.section,
            team=first.team,
            # Read in one transaction, but by a statement each: whoever joined or left between two has a gap.
            rows=tuple(found.get(first.person.id) for found in by_person),
        )
        for first in books[0]
    )
