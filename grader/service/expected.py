from __future__ import annotations

from grader.domain.assignment import Assignment, Limits
from grader.domain.grading import Queue
from grader.storage.database import Work
from grader.storage.repositories import expected


def likeliest_limits(work: Work, *, queue: Queue | None = None) -> Limits | None:
    """The limits that a worker should have sandboxes warm for before the first claim; None when nothing is offered.

    With a queue, of the assignments that train there.
    """
    definition = expected.likeliest_definition(work, queue=None if queue is None else queue.value)
    return None if definition is None else Assignment.model_validate(definition).limits
