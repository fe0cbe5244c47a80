from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Float, cast, func, select, text, union_all

from grader.storage.database import Work
from grader.storage.models import EndedRunsRow, RunRow, StageRow, WorkerRow

_SEEN = text("interval '1 minute'")
# The states that the index `ix_runs_open` holds.
_STILL = ("waiting", "grading", "failed")
# Summing a few hundred rows costs nothing; folding after each run would.
_FOLDED_FROM = 500
_FOLD = text("""
    WITH folded AS (DELETE FROM ended_runs RETURNING state, runs)
    INSERT INTO ended_runs (state, runs) SELECT state, sum(runs) FROM folded GROUP BY state
""")


class WaitingStages(NamedTuple):
    queue: str
    stages: int
    oldest_s: float


def waiting(work: Work) -> list[WaitingStages]:
    """By queue; read from the partial index of what waits."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(StageRow.created_at))
    query = (
        select(StageRow.queue, func.count(), cast(age, Float))
        .where(StageRow.state == "waiting")
        .group_by(StageRow.queue)
    )
    return [WaitingStages(queue, stages, max(0.0, age_s)) for queue, stages, age_s in work.session.execute(query)]


def runs_by_state(work: Work) -> dict[str, int]:
    """What is open or failed is counted by its partial index, the rest was counted when it ended."""
    still = select(RunRow.state, func.count().label("runs")).where(RunRow.state.in_(_STILL), ~RunRow.is_trial)
    still = still.group_by(RunRow.state)
    ended = select(EndedRunsRow.state, func.sum(EndedRunsRow.runs).label("runs")).group_by(EndedRunsRow.state)
    return {row.state: int(row.runs) for row in work.session.execute(union_all(still, ended))}


def fold_ended_runs(work: Work) -> None:
    """Make one row a state of what was counted since the last time. Safe to run in several places at once."""
    if work.session.execute(select(func.count()).select_from(EndedRunsRow)).scalar_one() > _FOLDED_FROM:
        work.session.execute(_FOLD)


class WorkWaiting(NamedTuple):
    queue: str
    seconds: float


# A claimed gate goes on with the unit checks, so its work is both. A kind is a stage of an assignment; one that was
# never measured is taken to be like the same stage of the other assignments.
_WORK_WAITING = text("""
    WITH waiting AS (
        SELECT queue, assignment_id, stage, count(*) AS stages
        FROM run_stages WHERE state = 'waiting' GROUP BY queue, assignment_id, stage
    ), asked AS (
        SELECT queue, assignment_id, stage, stages FROM waiting
        UNION ALL SELECT queue, assignment_id, 'unit', stages FROM waiting WHERE stage = 'gate'
    ), kinds AS (
        SELECT kind.assignment_id, kind.stage, (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.seconds) FROM (
                SELECT extract(epoch FROM finished_at - started_at) AS seconds
                FROM run_stages AS done
                WHERE done.assignment_id = kind.assignment_id AND done.stage = kind.stage AND done.state = 'done'
                ORDER BY finished_at DESC LIMIT 50
            ) AS recent
        ) AS median_s
        FROM (SELECT assignments.id AS assignment_id, stage
              FROM assignments, (SELECT DISTINCT stage FROM asked) AS stages) AS kind
    ), likely AS (
        SELECT stage, percentile_cont(0.5) WITHIN GROUP (ORDER BY median_s) AS median_s FROM kinds GROUP BY stage
    )
    SELECT asked.queue, sum(asked.stages * coalesce(kinds.median_s, likely.median_s, :unmeasured_s))
    FROM asked JOIN kinds USING (assignment_id, stage) JOIN likely USING (stage)
    GROUP BY asked.queue
""")


def work_waiting(work: Work, *, unmeasured_s: float) -> list[WorkWaiting]:
    """Seconds of one slot's work that wait, by queue: each stage by the median of the last fifty of its kind."""
    found = work.session.execute(_WORK_WAITING, {"unmeasured_s": unmeasured_s})
    return [WorkWaiting(queue, float(seconds)) for queue, seconds in found]


def being_graded(work: Work) -> dict[str, int]:
    """Stages under a lease, by queue."""
    query = select(StageRow.queue, func.count().label("stages")).where(StageRow.state == "leased")
    return {row.queue: row.stages for row in work.session.execute(query.group_by(StageRow.queue))}


# By assignment, because the index of what was measured begins with it.
_GPU_SECONDS = text("""
    SELECT coalesce(sum((runs.facts -> 'train' ->> 'gpu_s')::float), 0)
    FROM assignments
    JOIN run_stages AS done ON done.assignment_id = assignments.id AND done.stage = 'train' AND done.state = 'done'
        AND done.finished_at > clock_timestamp() - make_interval(secs => :last_s)
    JOIN runs ON runs.id = done.run_id
""")


def gpu_seconds(work: Work, *, last_s: float) -> float:
    """For how many seconds whole GPUs were taken by the trainings that ended in the last so many seconds."""
    return float(work.session.execute(_GPU_SECONDS, {"last_s": last_s}).scalar_one())


def workers_seen(work: Work, *, draining: bool | None = None) -> int:
    """Heard of in the last minute: all of them, or only those that drain, or that do not."""
    query = select(func.count()).where(WorkerRow.seen_at > func.clock_timestamp() - _SEEN)
    if draining is not None:
        query = query.where(WorkerRow.draining == draining)
    return work.session.execute(query).scalar_one()
