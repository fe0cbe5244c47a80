"""A whole gradebook as a file to download."""

from __future__ import annotations

from typing import Literal

from starlette.responses import Response

from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.http.downloads import disposition
from grader.service import gradebook
from grader.storage.database import Work

ExportName = Literal["csv", "canvas", "moodle", "gradescope"]


def export_gradebook(work: Work, reader: Reader, assignment: OfferedAssignment, form: ExportName) -> Response:
    """Every row, by name, in one of the forms other systems import. Staff only."""
    rows = gradebook.rows(work, reader, assignment)
    text = "".join(str(row) for row in rows)
    headers = {"Content-Disposition": disposition(f"{assignment.slug}-{form}.csv")}
    return Response(text, media_type="text/csv", headers=headers)
