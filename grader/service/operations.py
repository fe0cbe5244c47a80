"""Figures about the whole service, for whoever runs it: no names, nothing of anybody's work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.domain.grading import Queue, RunState
from grader.storage.database import Work
from grader.storage.repositories import operations, stages

# What a stage is taken for of which no like was ever measured.
UNMEASURED_S = 10.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One queue; `oldest_s` is 0 when nothing waits.

    `work_s` is for how many seconds one slot would be busy with what waits: each stage by the measured median of its
    kind. `graded` stages are under way, on `slots` of the workers that serve the queue and do not drain. What a queue
    needs to be empty within T seconds is about `graded + work_s / T` slots.
    """

    stages: int = 0
    oldest_s: float = 0.0
    work_s: float = 0.0
    graded: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Stages that wait by queue, runs by state, and workers heard of in the last minute, with those that drain."""

    waiting: Mapping[Queue, Waiting]
    runs: Mapping[RunState, int]
    workers: int
    draining: int = 0


def gpu_seconds(work: Work, *, last_s: float = DAY_S) -> float:
    """For how many seconds GPUs were taken by trainings that ended in the last day: half a share counts half."""
    return operations.gpu_seconds(work, last_s=last_s)


def figures(work: Work) -> Figures:
    """As the database has them now."""
    waiting = {row.queue: row for row in operations.waiting(work)}
    work_s = {row.queue: row.seconds for row in operations.work_waiting(work, unmeasured_s=UNMEASURED_S)}
    graded = operations.being_graded(work)
    runs = operations.runs_by_state(work)
    return Figures(
        waiting={
            queue: Waiting(
                stages=waiting[queue].stages if queue in waiting else 0,
                oldest_s=waiting[queue].oldest_s if queue in waiting else 0.0,
                work_s=work_s.get(queue, 0.0),
                graded=graded.get(queue, 0),
                slots=stages.slots(work, queue),
            )
            for queue in Queue
        },
        runs={state: runs.get(state.value, 0) for state in RunState},
        workers=operations.workers_seen(work),
        draining=operations.workers_seen(work, draining=True),
    )
