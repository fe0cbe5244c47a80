"""A grading run as the service keeps it: its states, the stages that workers claim, and leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from grader.domain.assignment import Assignment, LatePolicy
from grader.domain.check import CheckDefinition, CheckResult, Stage
from grader.domain.ids import ArtifactId, CheckId, LeaseId, RunId, Sha256, Slug, SubmissionId
from grader.domain.regrade import DEFAULT_DAYS
from grader.domain.run import Mark


class RunState(StrEnum):
    """`failed` is our fault and has no score: the student reads "still being graded", staff see why."""

    WAITING = "waiting"
    GRADING = "grading"
    GRADED = "graded"
    REJECTED = "rejected"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (RunState.GRADED, RunState.REJECTED, RunState.FAILED)


class RunReason(StrEnum):
    UPLOAD = "upload"
    RERUN = "rerun"
    MASS_RERUN = "mass-rerun"


class StageState(StrEnum):
    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


class Queue(StrEnum):
    """Which workers may claim a stage: `rerun` is served only when nothing else waits."""

    CPU = "cpu"
    GPU = "gpu"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A worker's time-limited right to write the results of one stage of one run."""

    id: LeaseId
    run: RunId
    stage: Stage
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A graded run of the same submission whose results may be taken over: by which spec version, and with which torch.

    Each of `checks` says in `reused_from` which run came to it. `torch` is empty where its stages had different ones.
    """

    spec_slug: str
    spec_version: str
    spec_blob: Sha256
    torch: str
    checks: tuple[CheckResult, ...]
    artifacts: tuple[StoredArtifact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a worker needs to grade: the lease, the bytes' and the spec's addresses, and this stage's try number.

    `parts` are those that the run judges, empty for all. `earlier` is a run whose results may be taken over where
    nothing that made them has changed.
    """

    lease: Lease
    submission: SubmissionId
    spec_slug: str
    spec_version: str
    spec_blob: Sha256
    file: str
    sha256: Sha256
    seed: str
    queue: Queue
    attempt: int
    answers_sha256: Sha256 | None = None
    parts: tuple[str, ...] = ()
    earlier: EarlierRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """One stage of a run as staff see it."""

    stage: Stage
    queue: Queue
    state: StageState
    worker: str | None
    attempts: int
    problem: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    id: ArtifactId
    check: CheckId
    name: str
    kind: str
    title: str
    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingRun:
    """One judging of one submission by one spec version.

    `plan` lists every check of the spec version once a worker has seen it (empty before). `checks` holds the results
    that are there; a reader who may not see everything has been given less (`grader.service.visibility`). `parts` are
    the ids of the parts that it judges, and `plan` their checks; None for all.
    """

    id: RunId
    submission: SubmissionId
    spec_version: str
    reason: RunReason
    state: RunState
    score: float | None
    max_score: float
    mark: Mark | None
    message: str = ""
    notes: tuple[str, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    plan: tuple[CheckDefinition, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    artifacts: tuple[StoredArtifact, ...] = ()
    stages: tuple[StageFacts, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    requested_by: str | None = None
    parts: tuple[str, ...] | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """What its workers saw that looks deliberate, over all stages. Nothing in what a student was given."""
        said = [of_stage.get("flags") for of_stage in self.facts.values() if isinstance(of_stage, dict)]
        return tuple(dict.fromkeys(str(flag) for flags in said if isinstance(flags, list) for flag in flags))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """How many stages are claimed before this one, and seconds until its result by measured times (None: unknown)."""

    ahead: int
    eta_s: float | None


class ProgressKind(StrEnum):
    """`run`: a run was made or changed its state; `stage`: a stage was claimed, done or put back; `plan`; `check`."""

    RUN = "run"
    STAGE = "stage"
    PLAN = "plan"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """Something that happened to a submission. `id` grows; a reader who saw `id` misses nothing after it."""

    id: int
    kind: ProgressKind
    run: RunId
    check: CheckId | None
    body: dict[str, Any]
    at: datetime


class Counting(StrEnum):
    """Which of a student's graded submissions counts; `chosen`: the one its owner chose, else the last."""

    LAST = "last"
    BEST = "best"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecVersion:
    """A spec as it was published once: never changed, kept as bytes so that any worker can grade by it."""

    spec_slug: str
    version: str
    definition: Assignment
    plan: tuple[CheckDefinition, ...]
    blob: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAssignment:
    """An assignment as one course offers it: `slug` is its address, `spec` the version that judges it now.

    `set_late` is the late policy that an instructor set instead of the spec's. `due_at` is everybody's; whoever has an
    extension has another one (`grader.service.lateness`). `regrade_days` is for how many days a result may be asked
    about; 0 takes no requests. While it `is_blind`, whoever grades items by hand is not shown whose they are; students
    read what they were given for them from `items_released_at` on.
    """

    id: int
    slug: Slug
    course_id: int
    course_slug: str
    title: str
    due_at: datetime | None
    time_zone: str
    uploads_per_day: int
    counting: Counting
    spec: SpecVersion
    set_late: LatePolicy | None = None
    regrade_days: int = DEFAULT_DAYS
    is_blind: bool = True
    items_released_at: datetime | None = None

    @property
    def late(self) -> LatePolicy:
        """The late policy that holds."""
        return self.set_late or self.spec.definition.late
