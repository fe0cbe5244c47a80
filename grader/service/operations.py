"""Figures about the whole service, for whoever runs it: no names, nothing of anybody's work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.domain.grading import Queue, RunState
from grader.storage.database import Work
from grader.storage.repositories import operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """`oldest_s` is 0 when nothing waits."""

    stages: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Stages that wait by queue, runs by state, and workers heard of in the last minute."""

    waiting: Mapping[Queue, Waiting]
    runs: Mapping[RunState, int]
    workers: int


def figures(work: Work) -> Figures:
    """As the database has them now."""
    waiting = {row.queue: Waiting(stages=row.stages, oldest_s=row.oldest_s) for row in operations.waiting(work)}
    runs = operations.runs_by_state(work)
    return Figures(
        waiting={queue: waiting.get(queue.value, Waiting()) for queue in Queue},
        runs={state: runs.get(state.value, 0) for state in RunState},
        workers=operations.workers_seen(work),
    )
