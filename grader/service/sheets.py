"""Sheets of submissions, for graders to look at: wanted, made by a worker that has nothing to grade, shown.

The server makes none: it parses no submission. Whoever may read a submission may see its sheets, which hold nothing
else; only staff say that they are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from grader.domain.course import Reader, Scope
from grader.domain.errors import NotYours, UnknownAssignment
from grader.domain.grading import OfferedAssignment, Queue
from grader.domain.sheets import Sheets, SheetsState, SubmissionSheets
from grader.domain.submission import Submission
from grader.service import audit, submissions
from grader.storage.blobs import Blobs
from grader.storage.database import Database, Work
from grader.storage.repositories import assignments
from grader.storage.repositories import sheets as repository
from grader.storage.repositories.sheets import PictureToKeep, Wanted

# Making them takes at most two minutes; then it was a worker that is gone.
LEASE_S = 300.0
TRIES = 3
_AGAIN_S = 60.0
_NO_PICTURE = "There is no such picture."
_GIVEN_UP = f"They could not be made in {TRIES} tries. That is not the submission's fault."


def want(work: Work, reader: Reader, submission: Submission) -> SubmissionSheets:
    """Have the sheets of a submission made, or made again. For staff; audited if it changes anything.

    Raises:
        NeedsRole, NeedsScope.
        NoLongerKept: retention has let its bytes go.

    """
    reader.require_staff(submission.course_id)
    reader.require_scope(Scope.GRADE)
    submission.kept_sha256()
    if repository.want(work, [UUID(submission.id)], again=True):
        audit.note(work, reader, "want sheets", f"submission:{submission.id}")
    return repository.of_submission(work, submission.id)


def want_all(work: Work, slug: str, making: str, *, again: bool = False) -> tuple[OfferedAssignment, int]:
    """For whoever runs the service: want those of every submission of an assignment that has none of this making.

    With `again` also what was made or could not be. Returns how many are wanted that were not. Raises
    UnknownAssignment.
    """
    found = assignments.by_slug(work, slug)
    if found is None:
        raise UnknownAssignment(f"There is no assignment called {slug[:80]}.")
    chosen = repository.without(work, found.id, making, again=again)
    return found, repository.want(work, chosen, again=True)


def claim(work: Work, *, worker: str, assignment: int | None = None) -> Wanted | None:
    """The next that are wanted, leased to this worker; None when there are none. Counts as one try.

    Who fell silent too often has failed: something of it takes workers along.
    """
    while (found := repository.claim(work, worker=worker, lease_s=LEASE_S, assignment=assignment)) is not None:
        if found.attempt <= TRIES:
            return found
        repository.finish(work, found, Sheets(problem=_GIVEN_UP), (), "")
    return None


def keep(database: Database, blobs: Blobs, wanted: Wanted, made: Sheets, making: str) -> bool:
    """Keep what was made: pictures first, then what names them. False if the lease was lost or the submission has gone.

    Raises:
        StorageFull, BlobsAway, DatabaseBusy: nothing was kept; the lease holds.

    """
    pictures = []
    for picture in made.pictures:
        stored = blobs.put(picture.content)
        pictures.append(PictureToKeep(picture.kind, picture.width, picture.height, stored.sha256, stored.size_bytes))
    with database.begin() as work:
        return repository.finish(work, wanted, made, pictures, making)


def keeps_waiting(work: Work, queues: Sequence[Queue], *, over_s: float) -> bool:
    """Whether something has waited in these queues for more than so many seconds, to be graded."""
    return repository.keeps_waiting(work, [queue.value for queue in queues], over_s)


def put_back(work: Work, wanted: Wanted) -> None:
    """Let somebody else make them; not counted as a try."""
    repository.put_back(work, wanted, problem="", delay_s=0.0, attempts=wanted.attempt - 1)


def give_up(work: Work, wanted: Wanted, problem: str) -> None:
    """Our fault: tried again after a while, or failed after the last try."""
    if wanted.attempt >= TRIES:
        repository.finish(work, wanted, Sheets(problem=_GIVEN_UP), (), "")
    else:
        repository.put_back(work, wanted, problem=problem, delay_s=_AGAIN_S * wanted.attempt, attempts=wanted.attempt)


def of_submission(work: Work, reader: Reader, submission: Submission) -> SubmissionSheets:
    """The sheets as far as they are; the reader was let to the submission by `submissions.find`."""
    found = repository.of_submission(work, submission.id)
    if reader.is_staff(submission.course_id) or found.state in (None, SheetsState.MADE, SheetsState.FAILED):
        return found
    # What went wrong with us before it is tried again is for staff.
    return replace(found, problem="")


def picture_for(work: Work, reader: Reader, picture: str) -> tuple[str, str]:
    """(kind, SHA-256 of the bytes) of a picture of a submission that the reader may read. Raises NotYours."""
    try:
        found = repository.picture(work, UUID(picture))
    except ValueError:
        found = None
    if found is None:
        raise NotYours(_NO_PICTURE)
    try:
        submissions.find(work, reader, str(found[0]))
    except NotYours as error:
        # The same words whether it is another's or does not exist.
        raise NotYours(_NO_PICTURE) from error
    return found[1], found[2]


def states(work: Work, assignment: OfferedAssignment) -> dict[SheetsState, int]:
    """How many submissions of an assignment have sheets in each state."""
    return repository.counts(work, assignment.id)
