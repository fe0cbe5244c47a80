from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base

_EMPTY_LIST = text("'[]'::jsonb")
_EMPTY_OBJECT = text("'{}'::jsonb")


class RunRow(Base):
    """One judging of one submission by one spec version. Added, finished once, never changed afterwards.

    While `is_trial` it is nobody's but the trial's: whoever reads runs leaves such out. `reuse_from` is the run whose
    results are taken where nothing that made them has changed; neither it nor a result's `reused_from` is held to.
    """

    __tablename__ = "runs"
    __table_args__ = (
        Index(None, "submission_id", "created_at"),
        # What is under way or failed is a handful among all that were ever graded.
        Index("ix_runs_open", "state", postgresql_where=text("state in ('waiting', 'grading', 'failed')")),
        Index("ix_runs_trial", "trial_id", postgresql_where=text("trial_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    spec_version_id: Mapped[int] = mapped_column(ForeignKey("spec_versions.id"))
    reason: Mapped[str]
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    seed: Mapped[str]
    score: Mapped[float | None]
    max_score: Mapped[float]
    mark_value: Mapped[float | None]
    mark_label: Mapped[str | None]
    message: Mapped[str] = mapped_column(server_default="")
    notes: Mapped[list[Any]] = mapped_column(server_default=_EMPTY_LIST)
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    # Ids of the parts that it judges; NULL for all.
    parts: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    trial_id: Mapped[int | None] = mapped_column(ForeignKey("trials.id"))
    is_trial: Mapped[bool] = mapped_column(server_default=false())
    reuse_from: Mapped[UUID | None]


class EndedRunsRow(Base):
    """So many more runs (or fewer) are graded or rejected; the sum counts. A trigger on `runs` writes these rows."""

    __tablename__ = "ended_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    state: Mapped[str]
    runs: Mapped[int] = mapped_column(BigInteger)


class StageRow(Base):
    """A claimable piece of a run; `turn` is its place in an order that is fair to all owners.

    `lease_*` belong to who claimed it. `priority` is 0 for live work, 1 for mass reruns and 2 for trials. All times are
    the database's own clock.
    """

    __tablename__ = "run_stages"
    __table_args__ = (
        # The order of claims; only what waits is in it, so a claim costs the same however many runs are finished.
        Index(
            "ix_run_stages_claim",
            "queue", "priority", "cost", "turn", "created_at",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_run_stages_lease", "lease_until", postgresql_where=text("state = 'leased'")),
        Index("ix_run_stages_owner", "owner", postgresql_where=text("state in ('waiting', 'leased')")),
        Index(
            "ix_run_stages_measured",
            "assignment_id", "stage", "finished_at",
            postgresql_where=text("state = 'done'"),
        ),
    )  # fmt: skip

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(server_default="0")
    # 0 for gate and unit, 1 for train: seconds come before minutes.
    cost: Mapped[int] = mapped_column(server_default="0")
    turn: Mapped[int] = mapped_column(BigInteger, server_default="0")
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str] = mapped_column(server_default="")
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class CheckResultRow(Base):
    """`position` is the order in which results came; `detail` and `reused_from` (whose result it is) are for staff."""

    __tablename__ = "check_results"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    check_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    part: Mapped[str]
    title: Mapped[str]
    stage: Mapped[str]
    status: Mapped[str]
    points: Mapped[float]
    max_points: Mapped[float]
    visibility: Mapped[str]
    message: Mapped[str] = mapped_column(server_default="")
    detail: Mapped[str] = mapped_column(server_default="")
    output: Mapped[str] = mapped_column(server_default="")
    seconds: Mapped[float] = mapped_column(server_default="0")
    reused_from: Mapped[UUID | None]


class ArtifactRow(Base):
    """A picture or curve that belongs to a check result; the bytes are a blob."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("run_id", "check_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    check_id: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    blob_sha256: Mapped[str]
    size_bytes: Mapped[int]


class ProgressEventRow(Base):
    """What happened to a submission, in order. Written under a lock of the submission, so ids never overtake."""

    __tablename__ = "progress_events"
    __table_args__ = (Index(None, "submission_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    kind: Mapped[str]
    check_id: Mapped[str | None]
    body: Mapped[dict[str, Any]] = mapped_column(server_default=_EMPTY_OBJECT)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class WorkerRow(Base):
    """A worker process that has been heard of; `seen_at` tells whether it still is. One that drains claims nothing."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    queues: Mapped[list[str]] = mapped_column(ARRAY(String))
    slots: Mapped[int]
    draining: Mapped[bool] = mapped_column(server_default=false())
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
