"""The queue: claims with leases, results under the run's own lease, reruns. The database is the truth.

Times are the database's alone, so a worker whose clock is wrong neither keeps nor loses a lease by it. Nothing is
written for a stage but under its own lease, checked in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from grader.domain.check import CheckResult, Stage, Visibility
from grader.domain.course import Reader, Scope
from grader.domain.errors import LeaseLost
from grader.domain.grading import (
    Claim,
    GradingRun,
    Lease,
    OfferedAssignment,
    ProgressKind,
    Queue,
    RunReason,
    RunState,
)
from grader.domain.ids import AssignmentId, CourseId, LeaseId, Owner, RunId, Sha256, SubmissionId
from grader.domain.run import RunReport, RunStatus
from grader.domain.submission import Submission
from grader.service import audit, gradebook
from grader.service.closing import close_stage, fail_run
from grader.storage.database import Work
from grader.storage.models import StageRow
from grader.storage.repositories import entries, events, operations, reruns, runs, stages
from grader.storage.repositories import submissions as submission_rows

LEASE_S = 30.0
MAX_ATTEMPTS = 3
# Seconds before the second and the third try.
_DELAYS_S = (5.0, 30.0)
# Then it has failed, which staff see, and is tried once more after each of these: an outage longer than three tries is
# no reason that somebody must press a button for each submission of that hour. After the last only a person helps.
AGAIN_S = (600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
_SWEPT_AT_ONCE = 200
_WOKEN_AT_ONCE = 20
# No owner is called so: what a mass rerun locks.
_EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactToKeep:
    """An artifact whose bytes are already in the blob store."""

    check: str
    name: str
    kind: str
    title: str
    sha256: str
    size_bytes: int


def claim(work: Work, *, queues: Sequence[Queue], worker: str, lease_s: float = LEASE_S) -> Claim | None:
    """The next waiting stage of these queues, leased to this worker; None when nothing waits.

    Queues are served in the order given. Within one: live before mass reruns, gate and unit before train, then by turn
    (fair between owners), then by age. Two workers never get the same stage. Counts as one attempt.
    """
    for queue in queues:
        row = stages.claim_next(work, queue.value, worker, lease_s)
        if row is not None:
            return _claimed(work, row)
    return None


def _claimed(work: Work, row: StageRow) -> Claim:
    origin = runs.origin_of(work, row.run_id)
    told: list[tuple[ProgressKind, str | None, dict[str, Any]]] = []
    if runs.begin(work, row.run_id) and not origin.run.is_trial:
        told.append((ProgressKind.RUN, None, {"state": RunState.GRADING.value}))
        entries.say_grading(work, row.assignment_id, origin.submission.id)
    told.append((ProgressKind.STAGE, None, {"stage": row.stage, "state": row.state}))
    events.tell(work, origin.submission.id, row.run_id, told)
    answers = origin.submission.answers_sha256
    return Claim(
        lease=_lease(row),
        submission=SubmissionId(str(origin.submission.id)),
        spec_slug=origin.version.spec_slug,
        spec_version=origin.version.version,
        spec_blob=Sha256(origin.version.blob_sha256),
        file=origin.submission.file_name,
        sha256=Sha256(origin.submission.sha256),
        seed=origin.run.seed,
        queue=Queue(row.queue),
        attempt=row.attempts,
        answers_sha256=None if answers is None else Sha256(answers),
        parts=tuple(origin.run.parts or ()),
        earlier=None if origin.run.reuse_from is None else runs.earlier(work, origin.run.reuse_from),
    )


def _lease(row: StageRow) -> Lease:
    assert row.lease_id is not None
    assert row.lease_until is not None
    return Lease(
        id=LeaseId(str(row.lease_id)), run=RunId(str(row.run_id)), stage=Stage(row.stage), until=row.lease_until
    )


def _held(work: Work, lease: Lease) -> StageRow:
    row = stages.locked(work, UUID(lease.run), lease.stage.value, UUID(lease.id))
    if row is None:
        raise LeaseLost
    return row


def renew(work: Work, lease: Lease, *, lease_s: float = LEASE_S) -> Lease:
    """Raises LeaseLost when the lease is no longer the stage's own (even if nobody has claimed it since)."""
    row = _held(work, lease)
    stages.extend(work, row, lease_s)
    return _lease(row)


def record_checks(
    work: Work, lease: Lease, results: Sequence[CheckResult], artifacts: Sequence[ArtifactToKeep] = ()
) -> None:
    """Add or replace results of a run under its lease, with one progress event each. Raises LeaseLost.

    A result comes together with its artifacts: those that its check had before are replaced too.
    """
    row = _held(work, lease)
    _keep(work, row, results, artifacts)
    submission = runs.origin_of(work, row.run_id).submission.id
    # A check that is for staff alone is not named to whoever watches.
    told: list[tuple[ProgressKind, str | None, dict[str, Any]]] = [
        (ProgressKind.CHECK, None if result.visibility is Visibility.STAFF else str(result.id), {})
        for result in results
    ]
    events.tell(work, submission, row.run_id, told)


def _keep(work: Work, row: StageRow, results: Sequence[CheckResult], artifacts: Sequence[ArtifactToKeep]) -> None:
    runs.keep_results(work, row.run_id, results)
    # What an earlier try drew for these checks goes with its results.
    runs.drop_artifacts(work, row.run_id, checks=[str(result.id) for result in results])
    for artifact in artifacts:
        runs.keep_artifact(
            work,
            row.run_id,
            check_id=artifact.check,
            name=artifact.name,
            kind=artifact.kind,
            title=artifact.title,
            blob_sha256=artifact.sha256,
            size_bytes=artifact.size_bytes,
        )


def pass_gate(work: Work, lease: Lease, *, lease_s: float = LEASE_S) -> Lease:
    """Finish the gate stage and take the unit stage in the same transaction: the sandbox has the code loaded.

    The new lease is for the unit stage, attempt 1. Raises LeaseLost.
    """
    row = _held(work, lease)
    worker = row.worker or ""
    stages.close(work, row, state="done")
    stages.add(
        work, run_id=row.run_id, stage=Stage.UNIT.value, assignment_id=row.assignment_id, owner=row.owner,
        queue=row.queue, priority=row.priority, cost=0, turn=row.turn,
    )  # fmt: skip
    unit = stages.take(work, row.run_id, Stage.UNIT.value, worker, lease_s)
    submission = runs.origin_of(work, row.run_id).submission.id
    told: list[tuple[ProgressKind, str | None, dict[str, Any]]] = [
        (ProgressKind.STAGE, None, {"stage": Stage.GATE.value, "state": "done"}),
        (ProgressKind.STAGE, None, {"stage": Stage.UNIT.value, "state": "leased"}),
    ]
    events.tell(work, submission, row.run_id, told)
    return _lease(unit)


def finish_stage(work: Work, lease: Lease, report: RunReport) -> None:
    """End a stage with its report: its results replace what an earlier try left.

    REJECTED ends the run as rejected. Otherwise what the plan still asks for decides: unit checks make a unit stage,
    train checks a train stage (in the assignment's queue for live runs; in RERUN for mass reruns unless it needs the
    GPU) if the gate passed; when nothing is left the run ends with score, mark and the gradebook entries of its owner.
    A run whose results do not add up to the plan is failed, never scored. FAILED is our fault: the stage is given up,
    to be tried again. Raises LeaseLost.
    """
    if report.status is RunStatus.FAILED:
        give_up_stage(work, lease, report.message, again=True)
        return
    row = _held(work, lease)
    if report.status is RunStatus.GRADED:
        runs.keep_results(work, row.run_id, report.checks)
    close_stage(work, row, report)


def give_up_stage(work: Work, lease: Lease, problem: str, *, again: bool) -> None:
    """The stage failed by our fault.

    Back to waiting, with a growing delay, while attempts are left and `again`; else the run is failed (no score).
    Raises LeaseLost.
    """
    row = _held(work, lease)
    if again and row.attempts < MAX_ATTEMPTS:
        delay_s = _DELAYS_S[min(row.attempts, len(_DELAYS_S)) - 1]
        stages.back_to_waiting(work, row, delay_s=delay_s, problem=problem, attempts=row.attempts)
        _tell_waiting(work, row)
    else:
        stages.close(work, row, state="failed", problem=problem)
        fail_run(work, row.run_id, problem)


def put_back(work: Work, lease: Lease) -> None:
    """A worker that stops gives its stage back: waiting at once, and the attempt is not counted. LeaseLost is fine."""
    row = stages.locked(work, UUID(lease.run), lease.stage.value, UUID(lease.id))
    if row is not None:
        stages.back_to_waiting(work, row, delay_s=0, problem="", attempts=max(0, row.attempts - 1))
        _tell_waiting(work, row)
        work.wake(Queue(row.queue))


def _tell_waiting(work: Work, row: StageRow) -> None:
    submission = runs.origin_of(work, row.run_id).submission.id
    events.tell(work, submission, row.run_id, [(ProgressKind.STAGE, None, {"stage": row.stage, "state": "waiting"})])


def rerun(work: Work, reader: Reader, submission: Submission, *, is_fresh: bool = False) -> GradingRun:
    """A new run by the assignment's current spec version, on the live queue.

    Unless `is_fresh`, results of the last graded run are reused where nothing that made them has changed; of one by the
    same version none, because nothing else can be meant by it.
    Staff with scope grade. A run by that version that still waits is simply the answer instead of another one. Audited.
    Raises NoLongerKept when the submission's bytes are gone.
    """
    reader.require_scope(Scope.GRADE)
    reader.require_staff(submission.course_id)
    identity = UUID(submission.id)
    submission_rows.lock_owner(work, submission.assignment_id, submission.owner)
    # Under the lock: retention, which takes it too, may have been there since the submission was read.
    (submission_rows.get(work, identity) or submission).kept_sha256()
    run = stages.waiting_run(work, identity)
    if run is None:
        run = runs.add_by_current_spec(
            work,
            submission_id=identity,
            assignment_id=submission.assignment_id,
            reason=RunReason.RERUN,
            seed=secrets.token_hex(8),
            requested_by=reader.id,
        )
        if not is_fresh:
            runs.reuse_last(work, run)
        stages.add(
            work, run_id=run.id, stage=Stage.GATE.value, assignment_id=submission.assignment_id,
            owner=submission.owner, queue=Queue.CPU.value, priority=0, cost=0,
            turn=stages.fair_turn(work, submission.owner),
        )  # fmt: skip
        events.tell(work, identity, run.id, [(ProgressKind.RUN, None, {"state": RunState.WAITING.value})])
        audit.note(work, reader, "rerun submission", f"submission:{submission.id}")
        gradebook.refresh(work, AssignmentId(submission.assignment_id), Owner(submission.owner))
        work.wake(Queue.CPU)
    return runs.with_results(work, [run], runs.versions(work, [run]))[0]


def rerun_all(
    work: Work, reader: Reader, assignment: OfferedAssignment, *, dry_run: bool = False, is_fresh: bool = False
) -> int:
    """A new run of every owner's counting submission, and of those without any result, on the rerun queue; how many.

    `dry_run` only counts. Results are reused as by `rerun`, unless `is_fresh`. Staff with scope grade. Audited.
    """
    reader.require_scope(Scope.GRADE)
    reader.require_staff(CourseId(assignment.course_id))
    version = submission_rows.spec_version_id(work, assignment.spec.spec_slug, assignment.spec.version)
    if dry_run:
        return reruns.count_all(work, assignment.id, version)
    # Whoever comes second, by a double click or as another assistant, finds the first one's runs.
    submission_rows.lock_owner(work, assignment.id, _EVERYBODY)
    made = reruns.add_all(
        work,
        assignment_id=assignment.id,
        spec_version_id=version,
        definition=assignment.spec.definition,
        requested_by=reader.id,
        is_fresh=is_fresh,
    )
    events.tell_of_runs(work, made)
    audit.note(work, reader, "rerun assignment", f"assignment:{assignment.slug}", f"{len(made)} submissions")
    for _ in range(min(len(made), _WOKEN_AT_ONCE)):
        work.wake(Queue.RERUN)
    return len(made)


def sweep(work: Work, *, again_s: Sequence[float] = AGAIN_S) -> dict[str, int]:
    """Put expired leases back, or fail the run when attempts are used up, and ask for wake-ups for what waits.

    A run that failed so is tried once more after each of the pauses `again_s` (seconds). Counts by what was done:
    {"expired": n, "failed": n, "again": n, "woken": n}. Safe to run in several places at once.
    """
    done = {"expired": 0, "failed": 0, "again": 0, "woken": 0}
    for row in stages.expired(work, _SWEPT_AT_ONCE):
        problem = f"The worker {row.worker} fell silent while it graded the {row.stage} stage."
        if row.attempts < MAX_ATTEMPTS:
            stages.back_to_waiting(work, row, delay_s=0, problem=problem, attempts=row.attempts)
            _tell_waiting(work, row)
            done["expired"] += 1
        else:
            stages.close(work, row, state="failed", problem=problem)
            fail_run(work, row.run_id, problem)
            done["failed"] += 1
    for row in stages.failed_and_due(work, again_s, MAX_ATTEMPTS, _SWEPT_AT_ONCE):
        _open_again(work, row)
        done["again"] += 1
    for queue, waiting in stages.waiting_now(work).items():
        for _ in range(min(waiting, _WOKEN_AT_ONCE)):
            work.wake(Queue(queue))
            done["woken"] += 1
    operations.fold_ended_runs(work)
    return done


def _open_again(work: Work, row: StageRow) -> None:
    """One more try for the only stage that is missing; its attempts go on being counted."""
    stages.back_to_waiting(work, row, delay_s=0, problem=row.problem, attempts=row.attempts)
    runs.open_again(work, row.run_id)
    _tell_waiting(work, row)
    # Of a trial's run, too, it reads what counts without it.
    gradebook.refresh(work, AssignmentId(row.assignment_id), Owner(row.owner))


def heard_of(work: Work, *, worker: str, queues: Sequence[Queue], slots: int, draining: bool = False) -> None:
    """Note that a worker process is there; one that drains claims nothing more."""
    stages.heard_of(work, worker, [queue.value for queue in queues], slots, draining=draining)


def is_heard_of(work: Work, prefix: str) -> bool:
    """Whether a worker whose name begins so was heard of in the last minute."""
    return stages.is_heard_of(work, prefix)
