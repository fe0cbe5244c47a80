"""The queue: claims with leases, results under the run's own lease, reruns. The database is the truth.

Times are the database's alone, so a worker whose clock is wrong neither keeps nor loses a lease by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.domain.check import CheckResult, Stage
from grader.domain.course import Reader
from grader.domain.grading import Claim, GradingRun, Lease, OfferedAssignment, Queue
from grader.domain.run import RunReport
from grader.domain.submission import Submission
from grader.storage.database import Work

LEASE_S = 30.0
MAX_ATTEMPTS = 3


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
    (fair between owners), then by age. `FOR UPDATE SKIP LOCKED`: two workers never get the same stage. Counts as one
    attempt.
    """
    raise NotImplementedError


def renew(work: Work, lease: Lease, *, lease_s: float = LEASE_S) -> Lease:
    """Raises LeaseLost when the lease is no longer the stage's own (even if nobody has claimed it since)."""
    raise NotImplementedError


def record_checks(
    work: Work, lease: Lease, results: Sequence[CheckResult], artifacts: Sequence[ArtifactToKeep] = ()
) -> None:
    """Add or replace results of a run under its lease, with one progress event each. Raises LeaseLost."""
    raise NotImplementedError


def pass_gate(work: Work, lease: Lease, *, lease_s: float = LEASE_S) -> Lease:
    """Finish the gate stage and take the unit stage in the same transaction: the sandbox has the code loaded.

    The new lease is for the unit stage, attempt 1. Raises LeaseLost.
    """
    raise NotImplementedError


def finish_stage(work: Work, lease: Lease, report: RunReport) -> None:
    """End a stage with its report (results must have been recorded, or are now): all of a stage's results replace
    what an earlier try left.

    `report.status` REJECTED ends the run as rejected. GRADED after gate+unit: makes the train stage (queue: the
    assignment's for live runs; RERUN for mass reruns unless it needs the GPU) when the plan has train checks, the
    gate passed and the run has none yet; else ends the run: score, mark, gradebook entries of every member of the
    owner. A run whose results do not add up to the plan is failed, never scored. Raises LeaseLost.
    """
    raise NotImplementedError


def give_up_stage(work: Work, lease: Lease, problem: str, *, again: bool) -> None:
    """The stage failed by our fault: back to waiting with a growing delay while attempts are left and `again`; else
    the run is failed (no score). Raises LeaseLost.
    """
    raise NotImplementedError


def put_back(work: Work, lease: Lease) -> None:
    """A worker that stops gives its stage back: waiting at once, and the attempt is not counted. LeaseLost is fine."""
    raise NotImplementedError


def rerun(work: Work, reader: Reader, submission: Submission) -> GradingRun:
    """A new run by the assignment's current spec version, on the live queue. Staff with scope grade; an unfinished
    run that is not leased is simply the answer instead of another one. Audited.
    """
    raise NotImplementedError


def rerun_all(work: Work, reader: Reader, assignment: OfferedAssignment, *, dry_run: bool = False) -> int:
    """A new run of every owner's counting submission (and of those that have no score yet) on the rerun queue; how
    many. `dry_run` only counts. Staff with scope grade. Audited.
    """
    raise NotImplementedError


def sweep(work: Work) -> dict[str, int]:
    """Put expired leases back (or fail the run when attempts are used up), and ask for as many wake-ups as stages
    wait. Counts by what was done: {"expired": n, "failed": n, "woken": n}. Safe to run in several places at once.
    """
    raise NotImplementedError


def heard_of(work: Work, *, worker: str, queues: Sequence[Queue], slots: int) -> None:
    """Note that a worker process is there."""
    raise NotImplementedError


def stage_of(lease: Lease) -> Stage:
    return lease.stage
