"""Claimable stages: the queue itself. All times are PostgreSQL's `clock_timestamp()`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Cast, Float, Interval, any_, case, cast, exists, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from grader.domain.assignment import Assignment
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


# What a mass rerun and a trial take: what counts for somebody, and what has no result yet.
CHOSEN = """
    s.assignment_id = :assignment AND s.removed_at IS NULL AND (
        s.id IN (SELECT e.submission_id FROM gradebook_entries e WHERE e.assignment_id = :assignment
                 UNION SELECT e.own_submission_id FROM gradebook_entries e WHERE e.assignment_id = :assignment)
        OR NOT EXISTS (SELECT FROM runs r WHERE r.submission_id = s.id AND NOT r.is_trial
                       AND r.state IN ('graded', 'rejected')))
"""
# Where one by this very spec version is under way nothing is added; by another it says nothing of what this one will.
_NOT_UNDER_WAY = """
    NOT EXISTS (SELECT FROM runs r WHERE r.submission_id = s.id AND NOT r.is_trial
                AND r.state IN ('waiting', 'grading') AND r.spec_version_id = :version)
"""
_LAST_GRADED = """
    SELECT last.id FROM runs last WHERE last.submission_id = s.id AND NOT last.is_trial AND last.state = 'graded'
    AND last.created_at = (SELECT max(r.created_at) FROM runs r
                           WHERE r.submission_id = s.id AND NOT r.is_trial AND r.state = 'graded')
"""


def add_reruns(
    work: Work,
    *,
    assignment_id: int,
    spec_version_id: int,
    definition: Assignment,
    requested_by: int,
    is_fresh: bool = False,
) -> list[UUID]:
    """A mass rerun in one statement: a run and a gate stage for every owner's counting or scoreless submission.

    Unless `is_fresh`, each may reuse results of its submission's last graded run, if that was by another spec version.
    """
    return add_chosen(
        work, f"{CHOSEN} AND {_NOT_UNDER_WAY}", assignment_id=assignment_id, spec_version_id=spec_version_id,
        definition=definition, requested_by=requested_by, is_fresh=is_fresh,
    )  # fmt: skip


def add_chosen(
    work: Work, those: str, *, assignment_id: int, spec_version_id: int, definition: Assignment, requested_by: int,
    is_fresh: bool,
) -> list[UUID]:  # fmt: skip
    """A mass rerun of every submission that the condition `those` on `s` holds for."""
    return _add(
        work, those, f"{_LAST_GRADED} AND last.spec_version_id <> :version LIMIT 1",
        definition, assignment=assignment_id, version=spec_version_id, person=requested_by, fresh=is_fresh,
        priority=1, trial=None,
    )  # fmt: skip


def add_trial_runs(work: Work, trial: TrialRow, those: str, *, definition: Assignment, requested_by: int) -> list[UUID]:
    """Runs of a trial for every submission that the condition `those` on `s` holds for, behind all else that waits."""
    return _add(
        work, those, f"{_LAST_GRADED} LIMIT 1", definition, assignment=trial.assignment_id,
        version=trial.spec_version_id, person=requested_by, fresh=trial.is_fresh, priority=2, trial=trial.id,
    )  # fmt: skip


def _add(work: Work, those: str, reuse: str, definition: Assignment, **values: object) -> list[UUID]:
    statement = text(f"""
        WITH fresh AS (
            INSERT INTO runs (id, submission_id, spec_version_id, reason, requested_by, seed, max_score, parts,
                              trial_id, is_trial, reuse_from)
            SELECT gen_random_uuid(), s.id, :version, 'mass-rerun', :person, md5(random()::text || s.id),
                   (k.kind ->> 'points')::double precision, nullif(k.kind -> 'parts', 'null'::jsonb),
                   CAST(:trial AS integer), CAST(:trial AS integer) IS NOT NULL,
                   CASE WHEN CAST(:fresh AS boolean) THEN NULL ELSE ({reuse}) END
            FROM submissions s CROSS JOIN LATERAL (SELECT CAST(:kinds AS jsonb) -> CASE WHEN s.is_own THEN 'own'
                 WHEN s.owner LIKE 't%' THEN 'team' ELSE 'alone' END AS kind) k
            WHERE {those}
            RETURNING id, submission_id
        )
        INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue, priority, turn)
        SELECT fresh.id, 'gate', :assignment, s.owner, 'rerun', :priority,
               extract(epoch FROM clock_timestamp())::bigint
               + :handicap * row_number() OVER (PARTITION BY s.owner ORDER BY s.received_at)
        FROM fresh JOIN submissions s ON s.id = fresh.submission_id
        RETURNING run_id
    """)  # noqa: S608  # of this module's own words alone
    kinds = json.dumps({name: _judged(definition, name) for name in ("own", "team", "alone")})
    return list(work.session.scalars(statement, {**values, "kinds": kinds, "handicap": HANDICAP_S}))


def _judged(definition: Assignment, whose: str) -> dict[str, Any]:
    parts = definition.parts_judged(is_team=whose == "team", is_own=whose == "own")
    return {"parts": parts, "points": definition.points_of(parts)}


def rerun_count(work: Work, assignment_id: int, spec_version_id: int) -> int:
    """How many runs `add_reruns` would make."""
    query = text(f"SELECT count(*) FROM submissions s WHERE {CHOSEN} AND {_NOT_UNDER_WAY}")  # noqa: S608  # as above
    return int(work.session.execute(query, {"assignment": assignment_id, "version": spec_version_id}).scalar_one())


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
