from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Float, cast, func, select, text

from grader.storage.database import Work
from grader.storage.models import RunRow, StageRow, WorkerRow

_SEEN = text("interval '1 minute'")


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
    query = select(RunRow.state, func.count().label("runs")).group_by(RunRow.state)
    return {row.state: row.runs for row in work.session.execute(query)}


def workers_seen(work: Work) -> int:
    query = select(func.count()).where(WorkerRow.seen_at > func.clock_timestamp() - _SEEN)
    return work.session.execute(query).scalar_one()
