"""Which error ends the command with which exit status. The families of `grader.domain.errors` decide."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable

from grader.domain.errors import (
    AccessError,
    ConflictError,
    GraderError,
    InputError,
    SetupError,
    StudentFault,
    TransientError,
)
from grader.domain.run import RunReport, RunStatus
from grader.kit.text import one_line

GRADED, UNUSABLE, CANNOT_WORK = 0, 2, 3
DEBUG_VARIABLE = "GRADER_DEBUG"

# Family to exit status; the nearest base class counts. The last two never reach the command line unless something
# of ours is broken: they become check results or are tried again.
EXITS: dict[type[GraderError], int] = {
    GraderError: CANNOT_WORK,
    InputError: UNUSABLE,
    ConflictError: UNUSABLE,
    AccessError: UNUSABLE,
    SetupError: CANNOT_WORK,
    TransientError: CANNOT_WORK,
    StudentFault: CANNOT_WORK,
}


def exit_of(error: type[BaseException]) -> int:
    """The exit status for an error of this class; what is not ours means that the grader cannot work."""
    return next((EXITS[base] for base in error.__mro__ if base in EXITS), CANNOT_WORK)


def exit_of_reports(reports: Iterable[RunReport]) -> int:
    """3 if a run failed, else 2 if a hand-in was rejected, else 0 whatever the scores."""
    statuses = {report.status for report in reports}
    if RunStatus.FAILED in statuses:
        return CANNOT_WORK
    return UNUSABLE if RunStatus.REJECTED in statuses else GRADED


def tell(error: Exception) -> int:
    """Write one sentence about `error` to stderr (the traceback too if GRADER_DEBUG is set); its exit status."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    if isinstance(error, GraderError):
        sentence = str(error)
    else:
        sentence = (
            f"The grader has a fault of its own ({type(error).__name__}: {error}); "
            f"set {DEBUG_VARIABLE}=1 to see where, and report it."
        )
    print(f"grader: {one_line(sentence, limit=2000)}", file=sys.stderr)  # noqa: T201 -- the edge
    return exit_of(type(error))
