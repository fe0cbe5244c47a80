"""Claimable stages: the queue itself. All times are PostgreSQL's `clock_timestamp()`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Cast, Float, Interval, any_, case, cast, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from grader.storage.database import Work
from grader.storage.models import AssignmentRow, RunRow, StageRow, SubmissionRow, TrialRow, WorkerRow
from grader.storage.plain_text import keepable

_now = func.clock_timestamp
# What each of an owner's unfinished uploads puts the next one back by.
HANDICAP_S = 300


class Expired(NamedTuple):
    run_id: UUID
    stage: str
    attempts: int


def _in(seconds: float) -> object:
    return _now() + _interval(seconds)


def _interval(seconds: float) -> Cast[timedelta]:
    return cast(literal(timedelta(seconds=seconds)), Interval)


def now(work: Work) -> datetime:
    moment: datetime = work.session.execute(select(_now())).scalar_one()
    return moment


def add(
    work: Work,
    *,
    run_id: UUID,
    stage: str,
    assignment_id: int,
    owner: str,
    queue: str,
    priority: int,
    cost: int,
    turn: int,
) -> None:
    work.session.add(
        StageRow(
            run_id=run_id,
            stage=stage,
            assignment_id=assignment_id,
            owner=owner,
            queue=queue,
            priority=priority,
            cost=cost,
            turn=turn,
        )
    )
    work.session.flush()  # fmt: skip


def fair_turn(work: Work, owner: str) -> int:
    """Now, in seconds, and a handicap for each unfinished stage of the owner.

    A tenth upload waits behind others' first ones, and yet nobody waits for ever: a handicap is used up by time.
    """
    now_s = cast(func.extract("epoch", _now()), Float)
    own = select(now_s, func.count()).where(StageRow.owner == owner, StageRow.state.in_(("waiting", "leased")))
    seconds, unfinished = work.session.execute(own).one()
    return int(seconds) + HANDICAP_S * int(unfinished)


def claim_next(work: Work, queue: str, worker: str, lease_s: float) -> StageRow | None:
    """Lease the next stage of the queue that nobody else is taking right now."""
    query = (
        select(StageRow)
        .where(StageRow.queue == queue, StageRow.state == "waiting", StageRow.not_before <= _now())
        .order_by(StageRow.priority, StageRow.cost, StageRow.turn, StageRow.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = work.session.scalars(query).first()
    if row is None:
        return None
    _take(work, row, worker, lease_s, attempts=row.attempts + 1)
    return row


def take(work: Work, run_id: UUID, stage: str, worker: str, lease_s: float) -> StageRow:
    """Lease a stage that was just added, without it ever having waited for anybody else."""
    row = work.session.get_one(StageRow, (run_id, stage))
    _take(work, row, worker, lease_s, attempts=1)
    return row


def _take(work: Work, row: StageRow, worker: str, lease_s: float, *, attempts: int) -> None:
    changed = (
        update(StageRow)
        .where(StageRow.run_id == row.run_id, StageRow.stage == row.stage)
        .values(
            state="leased", lease_id=uuid4(), lease_until=_in(lease_s), worker=worker, attempts=attempts,
            started_at=_now(), problem="",
        )
    )  # fmt: skip
    work.session.execute(changed, execution_options={"synchronize_session": False})
    work.session.refresh(row)


def locked(work: Work, run_id: UUID, stage: str, lease_id: UUID) -> StageRow | None:
    """The stage, locked for this transaction, if the lease is its own and has not run out."""
    query = (
        select(StageRow)
        .where(
            StageRow.run_id == run_id, StageRow.stage == stage, StageRow.lease_id == lease_id,
            StageRow.state == "leased", StageRow.lease_until > _now(),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    return work.session.scalars(query).first()


def extend(work: Work, row: StageRow, lease_s: float) -> None:
    work.session.execute(
        update(StageRow)
        .where(StageRow.run_id == row.run_id, StageRow.stage == row.stage)
        .values(lease_until=_in(lease_s)),
        execution_options={"synchronize_session": False},
    )
    work.session.refresh(row)


def close(work: Work, row: StageRow, *, state: str, problem: str = "") -> None:
    """Done or failed: nobody holds it any more."""
    _end(work, row, state=state, problem=problem, finished_at=_now())


def back_to_waiting(work: Work, row: StageRow, *, delay_s: float, problem: str, attempts: int) -> None:
    _end(work, row, state="waiting", problem=problem, not_before=_in(delay_s), attempts=attempts)


def _end(work: Work, row: StageRow, **values: object) -> None:
    work.session.execute(
        update(StageRow)
        .where(StageRow.run_id == row.run_id, StageRow.stage == row.stage)
        .values(lease_id=None, lease_until=None, **keepable(values)),
        execution_options={"synchronize_session": False},
    )
    work.session.refresh(row)


def expired(work: Work, limit: int) -> list[StageRow]:
    """Leases that ran out, locked; those another sweep has are skipped."""
    query = (
        select(StageRow)
        .where(StageRow.state == "leased", StageRow.lease_until <= _now())
        .order_by(StageRow.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(work.session.scalars(query))


def failed_and_due(work: Work, again_s: Sequence[float], after_tries: int, limit: int) -> list[StageRow]:
    """Stages that used up their tries and whose next one is due, locked; those another sweep has are skipped.

    `again_s[n]` is the pause in seconds after `after_tries + n` tries. Only of a submission's newest run and of trials
    that are open, and not of a submission whose bytes are gone.
    """
    newer = aliased(RunRow)
    if not again_s:
        return []
    pauses = {after_tries + number: _interval(pause_s) for number, pause_s in enumerate(again_s)}
    query = (
        select(StageRow)
        .join(RunRow, RunRow.id == StageRow.run_id)
        .join(SubmissionRow, SubmissionRow.id == RunRow.submission_id)
        .where(
            RunRow.state == "failed",
            StageRow.state == "failed",
            StageRow.attempts.in_(pauses),
            StageRow.finished_at + case(pauses, value=StageRow.attempts) <= _now(),
            SubmissionRow.removed_at.is_(None),
            ~exists().where(
                newer.submission_id == RunRow.submission_id,
                newer.created_at > RunRow.created_at,
                newer.is_trial == RunRow.is_trial,
            ),
            ~RunRow.is_trial | exists().where(TrialRow.id == RunRow.trial_id, TrialRow.state == "open"),
        )
        .order_by(StageRow.finished_at)
        .limit(limit)
        .with_for_update(of=StageRow, skip_locked=True)
    )
    return list(work.session.scalars(query))


def waiting_now(work: Work) -> dict[str, int]:
    """How many stages of each queue could be claimed at once."""
    query = (
        select(StageRow.queue, func.count().label("stages"))
        .where(StageRow.state == "waiting", StageRow.not_before <= _now())
        .group_by(StageRow.queue)
    )
    return {row.queue: row.stages for row in work.session.execute(query)}


def of_runs(work: Work, runs: Sequence[UUID]) -> list[StageRow]:
    order = func.array_position(["gate", "unit", "train"], StageRow.stage)
    query = select(StageRow).where(StageRow.run_id.in_(runs)).order_by(StageRow.run_id, order)
    return list(work.session.scalars(query))


def first_waiting(work: Work, run_id: UUID) -> StageRow | None:
    query = select(StageRow).where(StageRow.run_id == run_id, StageRow.state == "waiting")
    return work.session.scalars(query).first()


def ahead_of(work: Work, row: StageRow) -> dict[str, int]:
    """Stages that are claimed before this one, counted by stage; those being graded are counted as "leased"."""
    place = tuple_(StageRow.priority, StageRow.cost, StageRow.turn, StageRow.created_at)
    own = tuple_(literal(row.priority), literal(row.cost), literal(row.turn), literal(row.created_at))
    waiting = (
        select(StageRow.stage, func.count().label("stages"))
        .where(StageRow.queue == row.queue, StageRow.state == "waiting", place < own)
        .group_by(StageRow.stage)
    )
    counted = {found.stage: found.stages for found in work.session.execute(waiting)}
    if row.queue == "rerun":
        live = (
            select(StageRow.stage, func.count().label("stages"))
            .where(StageRow.queue == "cpu", StageRow.state == "waiting")
            .group_by(StageRow.stage)
        )
        for found in work.session.execute(live):
            counted[found.stage] = counted.get(found.stage, 0) + found.stages
    return counted


def median_seconds(work: Work, assignment_id: int, stage: str) -> float | None:
    """Of the last fifty such stages of the assignment, as measured from claim to end."""
    recent = (
        select((func.extract("epoch", StageRow.finished_at - StageRow.started_at)).label("seconds"))
        .join(RunRow, RunRow.id == StageRow.run_id)
        .where(
            StageRow.assignment_id == assignment_id,
            StageRow.stage == stage,
            StageRow.state == "done",
            ~RunRow.is_trial,
        )
        .order_by(StageRow.finished_at.desc())
        .limit(50)
        .subquery()
    )
    query = select(cast(func.percentile_cont(0.5).within_group(recent.c.seconds), Float))
    seconds: float | None = work.session.execute(query).scalar_one()
    return seconds


def slots(work: Work, queue: str) -> int:
    """How many stages of the queue the workers heard of in the last minute grade at once; not those that drain."""
    query = select(func.coalesce(func.sum(WorkerRow.slots), 0)).where(
        ~WorkerRow.draining,
        WorkerRow.seen_at > _now() - text("interval '1 minute'"),
        literal(queue) == any_(WorkerRow.queues),
    )
    return int(work.session.execute(query).scalar_one())


def heard_of(work: Work, name: str, queues: list[str], number: int, *, draining: bool) -> None:
    values = {"queues": queues, "slots": number, "draining": draining}
    work.session.execute(
        insert(WorkerRow)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values | {"seen_at": _now()})
    )


def is_heard_of(work: Work, prefix: str) -> bool:
    """Whether a worker whose name begins so was heard of in the last minute."""
    query = select(literal(True)).where(
        WorkerRow.name.startswith(prefix, autoescape=True), WorkerRow.seen_at > _now() - text("interval '1 minute'")
    )
    return work.session.execute(query.limit(1)).scalar_one_or_none() is not None


def waiting_run(work: Work, submission: UUID) -> RunRow | None:
    """The newest run of the submission that waits to be judged by the assignment's current spec version."""
    query = (
        select(RunRow)
        .join(SubmissionRow, SubmissionRow.id == RunRow.submission_id)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .where(
            RunRow.submission_id == submission,
            RunRow.state == "waiting",
            ~RunRow.is_trial,
            RunRow.spec_version_id == AssignmentRow.spec_version_id,
        )
        .order_by(RunRow.created_at.desc())
    )
    return work.session.scalars(query).first()
