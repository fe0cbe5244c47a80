"""A whole gradebook, of an assignment or of the term, as a file to download."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from starlette.responses import Response

from grader.domain.course import Course, Reader
from grader.domain.gradebook import GradebookRow, TermGradebook
from grader.domain.grading import OfferedAssignment
from grader.formats.gradebook import to_canvas_csv, to_gradebook_csv, to_gradescope_csv, to_moodle_csv
from grader.formats.term import to_canvas_term, to_gradescope_term, to_moodle_term, to_term_csv
from grader.http.downloads import disposition
from grader.service import gradebook
from grader.service.term import term_gradebook
from grader.storage.database import Work

ExportName = Literal["csv", "canvas", "moodle", "gradescope"]
_TERM_FORMS: dict[ExportName, Callable[[TermGradebook], str]] = {
    "csv": to_term_csv,
    "canvas": to_canvas_term,
    "moodle": to_moodle_term,
    "gradescope": to_gradescope_term,
}


def export_gradebook(work: Work, reader: Reader, assignment: OfferedAssignment, form: ExportName) -> Response:
    """Every row, by name, in one of the forms other systems import. Staff only."""
    text = _text(gradebook.rows(work, reader, assignment), assignment, form)
    headers = {"Content-Disposition": disposition(f"{assignment.slug}-{form}.csv")}
    return Response(text, media_type="text/csv", headers=headers)


def export_term(work: Work, reader: Reader, course: Course, form: ExportName) -> Response:
    """The whole term's gradebook: a line for each student, columns for each assignment. Staff only."""
    book = term_gradebook(work, reader, course)
    headers = {"Content-Disposition": disposition(f"{course.slug}-term-{form}.csv")}
    return Response(_TERM_FORMS[form](book), media_type="text/csv", headers=headers)


def _text(rows: Iterable[GradebookRow], assignment: OfferedAssignment, form: ExportName) -> str:
    match form:
        case "canvas":
            return to_canvas_csv(rows, title=assignment.title, max_score=assignment.spec.definition.full_points)
        case "moodle":
            return to_moodle_csv(rows, title=assignment.title)
        case "gradescope":
            return to_gradescope_csv(rows)
        case "csv":
            return to_gradebook_csv(rows)
