"""Claim, grade, record: what each of a worker's threads does until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from grader.domain.check import Stage
from grader.domain.errors import BadSpec, DatabaseBusy, GraderError, LeaseLost
from grader.domain.grading import Claim, Queue
from grader.domain.run import Event, RunReport, RunStatus
from grader.engine.pipeline import GradeOptions
from grader.service import runs
from grader.specs.load import Spec
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from worker.bell import Bell
from worker.recording import Recording
from worker.settings import WorkerSettings
from worker.specs import SpecShelf

log = logging.getLogger(__name__)
# A worker looks by itself, whether or not a wake-up reached it.
LOOK_S = 2.0
# After so many faults of ours in a row this machine pauses, so that it does not use up every run's tries.
FAULTS_BEFORE_PAUSE = 3
PAUSE_S = 60.0
# Gate and unit share a sandbox: the code is loaded once.
_STAGES = {
    Stage.GATE: (Stage.GATE, Stage.UNIT),
    Stage.UNIT: (Stage.UNIT,),
    Stage.TRAIN: (Stage.TRAIN,),
}


class Grades(Protocol):
    """What the loop needs of `grader.engine.engines.Engines`."""

    def grade(
        self, spec: Spec, name: str, content: bytes, options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport: ...  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything a worker's threads share."""

    settings: WorkerSettings
    database: Database
    blobs: Blobs
    specs: SpecShelf
    engines: Grades
    bell: Bell
    stopping: threading.Event


class GradingLoop:
    """One of a worker's slots. `queues` may be fewer than the worker's: one slot is kept free of reruns."""

    def __init__(self, place: Workplace, queues: tuple[Queue, ...]) -> None:
        self._place = place
        self._queues = queues
        self._faults = 0

    def run(self) -> None:
        """Until the worker stops."""
        while not self._place.stopping.is_set():
            try:
                if not self.grade_next():
                    self._place.bell.wait(LOOK_S)
            except DatabaseBusy as error:
                log.warning("the database is away: %s", error)
                self._place.stopping.wait(LOOK_S)
            except Exception:
                # The thread's edge: the lease runs out, and the sweep gives the stage to somebody else.
                log.exception("a grading ended in a fault of ours")
                self._place.stopping.wait(LOOK_S)

    def grade_next(self) -> bool:
        """Claim a stage and see it to its end; False when nothing waits."""
        settings = self._place.settings
        with self._place.database.begin() as work:
            claim = runs.claim(work, queues=self._queues, worker=settings.name, lease_s=settings.lease_s)
        if claim is None:
            return False
        began = time.monotonic()
        log.info(
            "run %s submission %s: %s claimed, try %d",
            claim.lease.run,
            claim.submission,
            claim.lease.stage,
            claim.attempt,
        )
        with Recording(self._place.database, self._place.blobs, claim, lease_s=settings.lease_s) as recording:
            try:
                said = self._grade(claim, recording)
            except LeaseLost:
                said = "lease lost, nothing written"
        log.info("run %s: %s after %.2f s", claim.lease.run, said, time.monotonic() - began)
        return True

    def _grade(self, claim: Claim, recording: Recording) -> str:
        options = GradeOptions(stages=_STAGES[claim.lease.stage], seed=claim.seed)
        try:
            spec = self._place.specs.get(claim)
            content = self._place.blobs.get(claim.sha256)
            report = self._place.engines.grade(spec, claim.file, content, options, recording.hear)
        except LeaseLost:
            raise
        except GraderError as error:
            return self._ours(recording, f"{type(error).__name__}: {error}", again=not isinstance(error, BadSpec))
        except Exception as error:
            log.exception("run %s: the engine ended in a fault of ours", claim.lease.run)
            return self._ours(recording, f"{type(error).__name__}: {error}", again=True)
        if report.status is RunStatus.FAILED:
            return self._ours(recording, report.message, again=True)
        recording.finish(report)
        self._faults = 0
        return str(report.status)

    def _ours(self, recording: Recording, problem: str, *, again: bool) -> str:
        if self._place.stopping.is_set():
            # What we stopped ourselves is nobody's fault.
            recording.put_back()
            return "put back, because this worker stops"
        recording.give_up(problem, again=again)
        self._faults += 1
        if self._faults >= FAULTS_BEFORE_PAUSE:
            log.error(
                "%d gradings in a row failed on this machine (the last: %s); it pauses for %g s. "
                "Run `grader doctor` here.", self._faults, problem, PAUSE_S,
            )  # fmt: skip
            self._place.stopping.wait(PAUSE_S)
            self._faults = 0
        return f"failed by our fault ({problem})"
