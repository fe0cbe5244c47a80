"""What a reader may see of a run: the only place that decides it.

Nothing is visible unless the spec says so. A student sees of every check its id, title, part and points possible, as the
spec shows them; of a `staff` check only that "hidden checks" exist, summed up by part without id or title; of an
`after_due` check, before the due date plus the student's possible late days, its title and no status, points, message
or output. `detail`, facts, stages, workers, problems and notes of the sandbox are for staff. A failed run reads as one
that is still being graded.
"""

from __future__ import annotations

from datetime import datetime

from grader.domain.course import Reader
from grader.domain.grading import GradingRun, OfferedAssignment


def shown_run(run: GradingRun, assignment: OfferedAssignment, reader: Reader, now: datetime) -> GradingRun:
    """The run with everything taken out that this reader may not see. Staff of the course get it whole.

    While checks are withheld, `score` and `mark` are None for a student (a sum would tell).
    """
    raise NotImplementedError


def may_see_check(run: GradingRun, check: str, assignment: OfferedAssignment, reader: Reader, now: datetime) -> bool:
    """Whether message, output and artifacts of a check may be shown."""
    raise NotImplementedError
