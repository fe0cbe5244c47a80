"""Which submission counts where its owner may choose: theirs until nobody can hand in any more, then the staff's."""

from __future__ import annotations

from uuid import UUID

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, PastDeadline
from grader.domain.grading import Counting, OfferedAssignment
from grader.domain.ids import AssignmentId, CourseId, Owner, SubmissionId
from grader.domain.late import ends_at
from grader.domain.submission import Submission
from grader.kit.text import one_line
from grader.service import audit, gradebook, submissions
from grader.storage.database import Work
from grader.storage.repositories import choices, stages

_LONGEST_REASON = 1000


def choose(work: Work, reader: Reader, submission: SubmissionId | str, *, reason: str = "") -> Submission:
    """Let this submission count for its owner, as soon as it has a score. Audited; the choice before is superseded.

    Whose work it is chooses with scope submit until the due date that holds for them plus the term's late days; staff
    with scope grade at any time, with a reason.

    Raises:
        NotYours, NeedsScope.
        BadRequest: the assignment does not let its students choose, or staff give no reason.
        PastDeadline: it is too late to choose.

    """
    found = submissions.find(work, reader, submission)
    is_staff = reader.is_staff(found.course_id)
    reader.require_scope(Scope.GRADE if is_staff else Scope.SUBMIT)
    offered = submissions.offered_to_owner(work, reader, found)
    because = one_line(reason, limit=_LONGEST_REASON)
    if offered.counting is not Counting.CHOSEN:
        raise BadRequest(
            f"For {offered.title} nobody chooses what counts: the {offered.counting.value} submission does."
        )
    if is_staff and not because:
        raise BadRequest("Choosing for a student needs a reason; say why in a few words.")
    if not is_staff:
        _refuse_after_end(work, offered)
    choices.add(work, found.assignment_id, found.owner, UUID(found.id), reason=because, made_by=reader.id)
    gradebook.refresh(work, found.assignment_id, found.owner)
    audit.note(work, reader, "choose submission", f"submission:{found.id}", because)
    return found


def chosen(work: Work, assignment: OfferedAssignment, owner: Owner) -> SubmissionId | None:
    """What this owner chose; the caller has checked who asks."""
    return choices.holding(work, AssignmentId(assignment.id), owner)


def may_choose(work: Work, reader: Reader, assignment: OfferedAssignment) -> bool:
    """Whether the reader could still choose; `assignment` is due when it is due for them."""
    if assignment.counting is not Counting.CHOSEN:
        return False
    return reader.is_staff(CourseId(assignment.course_id)) or not _is_over(work, assignment)


def _is_over(work: Work, assignment: OfferedAssignment) -> bool:
    over_at = ends_at(assignment.due_at, assignment.late)
    return over_at is not None and stages.now(work) > over_at


def _refuse_after_end(work: Work, assignment: OfferedAssignment) -> None:
    if _is_over(work, assignment):
        raise PastDeadline(
            f"What counts for {assignment.title} could be chosen until the last late day was over; ask your instructor."
        )
