from __future__ import annotations

from grader.domain.assignment import Assignment, Limits
from grader.storage.database import Work
from grader.storage.repositories import expected


def likeliest_limits(work: Work) -> Limits | None:
    """The limits that a worker should have sandboxes warm for before the first claim; None when nothing is offered."""
    definition = expected.likeliest_definition(work)
    return None if definition is None else Assignment.model_validate(definition).limits
