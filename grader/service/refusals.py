"""Uploads that intake refused and that look deliberate: staff find them on the student's page of the gradebook."""

from __future__ import annotations

from datetime import timedelta

from grader.domain.course import Reader
from grader.domain.grading import OfferedAssignment
from grader.service import audit
from grader.service.overrides import subject_of
from grader.storage.database import Work
from grader.storage.repositories import audit as rows
from grader.storage.repositories import stages

ACTION = "handed in an archive that was refused and looks deliberate; look at it yourself"
# Whoever sends the same a thousand times is noted once.
ONCE_IN = timedelta(days=1)


def note(work: Work, reader: Reader, assignment: OfferedAssignment, trick: str) -> None:
    """Remember that this student's upload was refused for `trick`. It has neither a submission nor a receipt."""
    subject = subject_of(assignment, reader.id)
    since = stages.now(work) - ONCE_IN
    if not any(one.action == ACTION and one.detail == trick and one.at > since for one in rows.about(work, subject)):
        audit.note(work, reader, ACTION, subject, trick)
