from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from grader.domain.course import Person
from grader.domain.errors import NoLongerKept
from grader.domain.ids import AssignmentId, CourseId, Owner, RunId, Sha256, Slug, SubmissionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Bytes that are already durable in the blob store, and the name they came under.

    `answers_sha256` names the written answers that came beside the file, durable as well; None if there were none.
    """

    name: str
    sha256: Sha256
    size_bytes: int
    answers_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The exact bytes a student handed in once. `number` counts the owner's submissions for the assignment from 1.

    `late_days` are started days after the due date. `answers_sha256` names the written answers that came beside the
    file (`grader.answers.given`). `removed_at` is when retention let the bytes go. `is_own`
    says that it is a member's own, for the parts of a team's assignment that each hands in alone.
    """

    id: SubmissionId
    assignment: Slug
    assignment_id: AssignmentId
    course_id: CourseId
    person: Person
    owner: Owner
    team: str | None
    number: int
    file: str
    sha256: Sha256
    size_bytes: int
    received_at: datetime
    late_days: int
    answers_sha256: Sha256 | None = None
    removed_at: datetime | None = None
    is_own: bool = False

    def kept_sha256(self) -> Sha256:
        """For whoever wants the bytes. Raises NoLongerKept."""
        if self.removed_at is not None:
            raise NoLongerKept
        return self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A promise that the submission is not lost. `is_new` is False where the same upload came twice.

    `run` is the run that was made of it just now; None where it came before. Of the term's days it took `days_used`
    from whoever asks, who then has `days_left` (None where nothing is late); `penalty` is the share of the points that
    the days beyond them cost.
    """

    id: SubmissionId
    assignment: Slug
    sha256: Sha256
    received_at: datetime
    file: str
    size_bytes: int
    number: int
    late_days: int
    is_new: bool
    answers_sha256: Sha256 | None = None
    run: RunId | None = None
    days_used: int = 0
    days_left: int | None = None
    penalty: float = 0.0
