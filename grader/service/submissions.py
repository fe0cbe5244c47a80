"""Receiving submissions, and reading them back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from grader.domain.course import Reader, Scope
from grader.domain.errors import BadRequest, NotYours, UnknownAssignment
from grader.domain.grading import GradingRun, OfferedAssignment, ProgressKind, Queue, RunReason, RunState
from grader.domain.ids import AssignmentId, CourseId, Owner, PersonId, RunId, Sha256, Slug, SubmissionId
from grader.domain.late import ON_TIME, penalty
from grader.domain.sheets import wants_sheets
from grader.domain.submission import Receipt, Submission, Upload
from grader.service import assignments, gradebook, lateness, visibility
from grader.service.cursors import cursor_of, place_in
from grader.service.quota import allowance, lock_terms, owner_of, refuse_late, refuse_over_quota
from grader.storage.database import Work
from grader.storage.models import RunRow, SubmissionRow
from grader.storage.repositories import adjustments, events, runs, sheets, stages
from grader.storage.repositories import submissions as rows
from grader.storage.repositories.adjustments import Changed

MOST_LINES = 200
_NO_PICTURE = "There is no such picture."


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionLine:
    """A submission in a list. `score` is None until there is one the reader may see; `counts` marks what counts.

    `flags` is how many things of its newest run look deliberate; None to whoever is not staff. `changed` is what counts
    instead of `score` where persons adjusted it or gave points for items; for staff, for whoever handed it in.
    """

    submission: Submission
    state: RunState
    score: float | None
    max_score: float
    counts: bool
    flags: int | None = None
    changed: Changed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionQuery:
    """Filters of a list; empty means any. `cursor` is what the page before gave; `limit` is at most 200.

    `flagged` leaves those whose newest run holds something that looks deliberate, of courses where the reader is staff.
    """

    assignment: str = ""
    person: PersonId | None = None
    state: str = ""
    flagged: bool = False
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPage:
    """Newest first."""

    lines: tuple[SubmissionLine, ...]
    next_cursor: str


def refuse_unless_open(work: Work, reader: Reader, assignment: OfferedAssignment, *, own: bool = False) -> None:
    """What can be refused before a single byte is read.

    The day's quota is not among it: the same upload coming again has a right to its receipt, and only its bytes tell.

    Raises:
        NeedsScope, UnknownAssignment, PastDeadline (late beyond the days left).
        BadRequest: with `own`, where no parts are the reader's own.

    """
    _refuse_strangers(reader, assignment)
    owner = owner_of(work, reader, assignment, own=own)
    if not reader.is_staff(CourseId(assignment.course_id)):
        refuse_late(allowance(work, reader, assignment, owner, stages.now(work)), assignment)


def receive(
    work: Work,
    reader: Reader,
    assignment: OfferedAssignment,
    upload: Upload,
    *,
    idempotency_key: str | None = None,
    own: bool = False,
) -> Receipt:
    """The submission's row, its run and its first stage, in this one transaction.

    The caller has stored the bytes durably and matched them against the file rules; it shows the receipt only after the
    commit. The same idempotency key, or the same bytes and answers as the owner's newest submission, give the first
    receipt.
    Serialised per owner and assignment. Times are the database's. Staff are bound by neither deadline nor quota. With
    `own` it is the reader's, for the parts of a team's assignment that each member hands in alone.

    Raises:
        NeedsScope, UnknownAssignment, PastDeadline.
        QuotaUsed: says when the next upload is possible, in the course's time zone.
        BadRequest: the key came before with other bytes or answers.

    """
    _refuse_strangers(reader, assignment)
    owner = owner_of(work, reader, assignment, own=own)
    rows.lock_owner(work, assignment.id, owner)
    newest = rows.newest(work, assignment.id, owner)
    # What somebody handed in before they were in a team is no hand-in of their own parts.
    last = newest if newest is not None and newest.is_own == own else None
    known = _known(work, assignment, owner, last, upload, idempotency_key)
    if known is not None:
        return _receipt(work, reader, known, assignment)
    allowed = allowance(work, reader, assignment, owner, stages.now(work))
    if allowed.late_days:
        lock_terms(work, reader, assignment, owner)
        allowed = allowance(work, reader, assignment, owner, stages.now(work))
    if not reader.is_staff(CourseId(assignment.course_id)):
        refuse_late(allowed, assignment)
        refuse_over_quota(allowed, assignment)
    row = rows.add(
        work,
        assignment_id=assignment.id,
        person_id=reader.id,
        owner=owner,
        number=newest.number + 1 if newest else 1,
        upload=upload,
        late_days=allowed.late_days,
        idempotency_key=idempotency_key,
        is_own=own,
    )
    run = _queue(work, row, assignment)
    if wants_sheets(assignment.spec.definition):
        sheets.want(work, [row.id])
    gradebook.refresh(work, AssignmentId(assignment.id), owner)
    return _receipt(work, reader, row, assignment, run=RunId(str(run.id)))


def _refuse_strangers(reader: Reader, assignment: OfferedAssignment) -> None:
    if not reader.is_member(CourseId(assignment.course_id)):
        raise UnknownAssignment(f"There is no assignment called {assignment.slug}.")
    reader.require_scope(Scope.SUBMIT)


def _known(
    work: Work,
    assignment: OfferedAssignment,
    owner: Owner,
    newest: SubmissionRow | None,
    upload: Upload,
    key: str | None,
) -> SubmissionRow | None:
    if key is not None:
        earlier = rows.by_key(work, assignment.id, owner, key)
        if earlier is not None and not _is_same(earlier, upload):
            raise BadRequest(
                "This idempotency key came before with another file or other answers; use a new key for a new upload."
            )
        if earlier is not None:
            return earlier
    return newest if newest is not None and _is_same(newest, upload) else None


def _is_same(row: SubmissionRow, upload: Upload) -> bool:
    return (row.sha256, row.answers_sha256) == (upload.sha256, upload.answers_sha256)


def _queue(work: Work, row: SubmissionRow, assignment: OfferedAssignment) -> RunRow:
    definition = assignment.spec.definition
    parts = definition.parts_judged(is_team=row.owner.startswith("t"), is_own=row.is_own)
    run = runs.add(
        work,
        submission_id=row.id,
        spec_version_id=rows.spec_version_id(work, assignment.spec.spec_slug, assignment.spec.version),
        reason=RunReason.UPLOAD,
        seed=secrets.token_hex(8),
        max_score=definition.points_of(parts),
        parts=parts,
    )
    stages.add(
        work,
        run_id=run.id,
        stage="gate",
        assignment_id=row.assignment_id,
        owner=row.owner,
        queue=Queue.CPU.value,
        priority=0,
        cost=0,
        turn=stages.fair_turn(work, row.owner),
    )
    events.tell(work, row.id, run.id, [(ProgressKind.RUN, None, {"state": RunState.WAITING.value})])
    work.wake(Queue.CPU)
    return run


def _receipt(
    work: Work, reader: Reader, row: SubmissionRow, assignment: OfferedAssignment, *, run: RunId | None = None
) -> Receipt:
    identity = SubmissionId(str(row.id))
    charge = ON_TIME
    if row.late_days:
        charge = lateness.charge_of(work, reader.id, CourseId(assignment.course_id), identity)
    return Receipt(
        id=identity,
        assignment=Slug(assignment.slug),
        sha256=Sha256(row.sha256),
        received_at=row.received_at,
        file=row.file_name,
        size_bytes=row.size_bytes,
        number=row.number,
        late_days=row.late_days,
        is_new=run is not None,
        answers_sha256=None if row.answers_sha256 is None else Sha256(row.answers_sha256),
        run=run,
        days_used=charge.used,
        days_left=charge.days_left if row.late_days else None,
        penalty=penalty(assignment.late, charge.beyond),
    )


def find(work: Work, reader: Reader, submission: SubmissionId | str) -> Submission:
    """Raises NotYours, in the same words, for an id that does not exist, is malformed, or is another's."""
    identity = _uuid(submission)
    found = rows.get(work, identity) if identity else None
    if found is None or not (
        reader.is_staff(found.course_id)
        or (reader.is_member(found.course_id) and rows.owned_by(work, reader.id).holds(found))
    ):
        raise NotYours
    reader.require_scope(Scope.READ)
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def list_submissions(work: Work, reader: Reader, query: SubmissionQuery) -> SubmissionPage:
    """A student's own (and their team's); for staff, their courses'."""
    reader.require_scope(Scope.READ)
    assignment = assignments.offered(work, reader, query.assignment) if query.assignment else None
    limit = max(1, min(query.limit, MOST_LINES))
    wanted = rows.SubmissionFilter(
        owned=rows.owned_by(work, reader.id),
        within=None if reader.person.is_admin else list(reader.roles),
        staff_of=None if reader.person.is_admin else [course for course, role in reader.roles.items() if role.is_staff],
        assignment=assignment.id if assignment else None,
        person=query.person,
        before=place_in(query.cursor),
        states=_states(query.state, reader),
        is_flagged=query.flagged,
    )
    found = rows.select_page(work, wanted, limit + 1)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return SubmissionPage(lines=tuple(_lines(work, reader, page)), next_cursor=cursor_of(last) if last else "")


def line_of(work: Work, reader: Reader, submission: Submission) -> SubmissionLine:
    """One submission as a list shows it; the reader was let to it by `find`."""
    return _lines(work, reader, [submission])[0]


def _states(state: str, reader: Reader) -> list[str] | None:
    if not state:
        return None
    if state not in {known.value for known in RunState}:
        raise BadRequest(f"There is no state {state[:40]!r}; use one of {', '.join(RunState)}.")
    sees_faults = reader.person.is_admin or any(role.is_staff for role in reader.roles.values())
    if sees_faults:
        return [state]
    # To a student a run that failed by our fault is still being graded.
    return {"grading": ["grading", "failed"], "failed": []}.get(state, [state])


def _lines(work: Work, reader: Reader, page: list[Submission]) -> list[SubmissionLine]:
    identities = [UUID(submission.id) for submission in page]
    shown = _shown(work, reader, page)
    counting = rows.counting(work, [submission.assignment_id for submission in page], identities)
    own = {submission.id for submission in page if not reader.is_staff(submission.course_id)}
    changed = adjustments.changed_scores(work, [UUID(one) for one in own], reader.id)
    changed |= adjustments.changed_scores(work, [one for one in identities if str(one) not in own], None)
    # Nothing is told by what a score that is kept back was changed to.
    changed = {one: found for one, found in changed.items() if shown[SubmissionId(str(one))].score is not None}
    return [
        SubmissionLine(
            submission=submission,
            state=shown[submission.id].state,
            score=shown[submission.id].score,
            max_score=shown[submission.id].max_score,
            counts=UUID(submission.id) in counting,
            flags=len(shown[submission.id].flags) if reader.is_staff(submission.course_id) else None,
            changed=changed.get(UUID(submission.id)),
        )
        for submission in page
    ]


def _shown(work: Work, reader: Reader, page: list[Submission]) -> dict[SubmissionId, GradingRun]:
    """The run of each submission that a list speaks of, without its results, as the reader may see it."""
    now = stages.now(work)
    offered = _offered_to(work, reader, page)
    every = runs.of_submissions(work, [UUID(submission.id) for submission in page])
    chosen = {submission.id: _newest_for(reader, submission, every[UUID(submission.id)]) for submission in page}
    whole = runs.without_results(list(chosen.values()), runs.versions(work, list(chosen.values())))
    return {
        submission.id: visibility.shown_run(run, offered[submission.assignment, submission.owner], reader, now)
        for submission, run in zip(page, whole, strict=True)
    }


def _offered_to(work: Work, reader: Reader, page: list[Submission]) -> dict[tuple[Slug, Owner], OfferedAssignment]:
    """The assignments of these submissions, due when they are due for their owners."""
    offered = {slug: assignments.offered(work, reader, slug) for slug in {submission.assignment for submission in page}}
    return {
        (slug, owner): theirs
        for slug, assignment in offered.items()
        for owner, theirs in lateness.held_by(
            work, assignment, sorted({one.owner for one in page if one.assignment == slug})
        ).items()
    }


def _newest_for(reader: Reader, submission: Submission, newest_first: list[RunRow]) -> RunRow:
    """Staff see the newest run. To a student a rerun shows when it has come to an end that counts."""
    if not reader.is_staff(submission.course_id):
        for run in newest_first:
            if run.state in (RunState.GRADED, RunState.REJECTED):
                return run
    return newest_first[0]


def latest_run(work: Work, reader: Reader, submission: Submission) -> GradingRun:
    """The newest run as this reader may see it (`grader.service.visibility`), results in the plan's order.

    To a student the newest that was graded or rejected, if there is one: a rerun under way hides nothing.
    """
    found = runs.of_submission(work, UUID(submission.id))
    return _whole(work, reader, submission, [_newest_for(reader, submission, found)])[0]


def runs_of(work: Work, reader: Reader, submission: Submission) -> list[GradingRun]:
    """Every run, newest first; staff only."""
    reader.require_staff(submission.course_id)
    return _whole(work, reader, submission, runs.of_submission(work, UUID(submission.id)))


def offered_to_owner(work: Work, reader: Reader, submission: Submission) -> OfferedAssignment:
    """A submission's assignment, due when it is due for whose work it is."""
    return lateness.held(work, assignments.offered(work, reader, submission.assignment), submission.owner)


def _whole(work: Work, reader: Reader, submission: Submission, chosen: list[RunRow]) -> list[GradingRun]:
    assignment = offered_to_owner(work, reader, submission)
    now = stages.now(work)
    return [
        visibility.shown_run(run, assignment, reader, now)
        for run in runs.with_results(work, chosen, runs.versions(work, chosen))
    ]


def artifact_for(work: Work, reader: Reader, artifact: str) -> tuple[str, str]:
    """(kind, SHA-256 of the bytes) of an artifact whose check's details the reader may see. Raises NotYours."""
    identity = _uuid(artifact)
    row = runs.artifact(work, identity) if identity else None
    if row is None:
        raise NotYours(_NO_PICTURE)
    origin = runs.origin_of(work, row.run_id)
    try:
        submission = find(work, reader, str(origin.submission.id))
    except NotYours as error:
        raise NotYours(_NO_PICTURE) from error
    assignment = offered_to_owner(work, reader, submission)
    run = runs.with_results(work, [origin.run], {origin.version.id: origin.version})[0]
    if origin.run.is_trial and not reader.is_staff(submission.course_id):
        raise NotYours(_NO_PICTURE)
    if not visibility.may_see_check(run, row.check_id, assignment, reader, stages.now(work)):
        raise NotYours(_NO_PICTURE)
    return row.kind, row.blob_sha256


def seen_at(work: Work) -> datetime:
    """The database's time."""
    return stages.now(work)
