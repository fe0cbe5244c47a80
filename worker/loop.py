"""Claim, grade, record: what each of a worker's threads does until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from grader.answers.given import unpacked
from grader.domain.check import Stage
from grader.domain.errors import BadSpec, DatabaseBusy, GraderError, LeaseLost, StorageFull
from grader.domain.grading import Claim, Queue
from grader.domain.run import Event, RunReport, RunStatus
from grader.engine.pipeline import GradeOptions
from grader.engine.sandbox.devices import Share
from grader.kit.logs import about
from grader.service import runs
from grader.specs.load import Spec
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.objects import BlobsAway
from worker.bell import Bell
from worker.quarantine import Quarantine
from worker.recording import Recording
from worker.reusing import reuse_of
from worker.settings import WorkerSettings
from worker.sheets import MakesSheets
from worker.specs import SpecShelf
from worker.watch import Attempt, Watch

log = logging.getLogger(__name__)
# A worker looks by itself, whether or not a wake-up reached it.
LOOK_S = 2.0
# Fetching, writing, and the harness's own grace, besides what a spec's run may take.
_BESIDES_S = 900.0
# Gate and unit share a sandbox: the code is loaded once.
_STAGES = {
    Stage.GATE: (Stage.GATE, Stage.UNIT),
    Stage.UNIT: (Stage.UNIT,),
    Stage.TRAIN: (Stage.TRAIN,),
}


class Ended(NamedTuple):
    """How a claim ended: one of `worker.metrics.ENDINGS`, and words for the log."""

    ending: str
    said: str


class Grades(Protocol):
    """What the loop needs of `grader.engine.engines.Engines`."""

    def grade(
        self, spec: Spec, name: str, content: bytes, options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport: ...  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Everything a worker's threads share.

    Once `leaving` is set nothing more is claimed; `stopping`, which comes with it or later, ends what is under way.
    """

    settings: WorkerSettings
    database: Database
    blobs: Blobs
    specs: SpecShelf
    engines: Grades
    bell: Bell
    stopping: threading.Event
    sheets: MakesSheets | None = None
    leaving: threading.Event = field(default_factory=threading.Event)
    quarantine: Quarantine = field(default_factory=Quarantine)
    watch: Watch = field(default_factory=Watch)


class GradingLoop:
    """One of a worker's slots. `queues` may be fewer than the worker's: one slot is kept free of reruns.

    With a `share` of a GPU it grades there, and nothing while that device is out of service.
    """

    def __init__(self, place: Workplace, queues: tuple[Queue, ...], share: Share | None = None) -> None:
        self._place = place
        self._queues = queues
        self._share = share
        # A GPU's faults keep nobody from grading on the CPU.
        self._quarantine = place.quarantine if share is None else Quarantine()
        self._blobs_are_away = False

    def run(self) -> None:
        """Until the worker stops, or has finished its last stage."""
        leaving, pulse = self._place.leaving, self._place.watch.pulse
        pulse.looked(self, pause_s=self._quarantine.left_s())
        while not leaving.wait(self._quarantine.left_s()):
            pulse.looked(self)
            try:
                if self._share is not None and not self._share.device.is_in_service():
                    leaving.wait(LOOK_S)
                    continue
                if self._blobs_are_away and not self._place.blobs.is_ready():
                    # Nothing is claimed that could not be fetched.
                    leaving.wait(LOOK_S)
                    continue
                self._blobs_are_away = False
                if not self.grade_next() and not self._make_sheets():
                    self._place.bell.wait(LOOK_S)
            except DatabaseBusy as error:
                log.warning("the database is away: %s", error)
                leaving.wait(LOOK_S)
            except Exception:
                # The thread's edge: the lease runs out, and the sweep gives the stage to somebody else.
                log.exception("a grading ended in a fault of ours")
                self._place.watch.metrics.faults.labels(kind="loop").inc()
                leaving.wait(LOOK_S)
            pulse.looked(self, pause_s=self._quarantine.left_s())
        pulse.left(self)

    def grade_next(self) -> bool:
        """Claim a stage and see it to its end; False when nothing waits. Raises DatabaseBusy when nothing is held."""
        place, asked_ns = self._place, time.time_ns()
        with place.database.begin() as work:
            claim = runs.claim(
                work, queues=self._queues, worker=place.settings.name, lease_s=place.settings.lease_s
            )  # fmt: skip
        place.watch.pulse.reached()
        if claim is None:
            return False
        with about(run=claim.lease.run, submission=claim.submission, stage=claim.lease.stage.value):
            attempt = place.watch.begin(claim, slot=self, asked_ns=asked_ns, within_s=_BESIDES_S)
            self._grade(claim, attempt)
        return True

    def _make_sheets(self) -> bool:
        """Where there is nothing to grade, make sheets; False when there is nothing to do either."""
        place = self._place
        if place.sheets is None or self._share is not None:
            return False
        return place.sheets.make_next(self._queues, place.leaving, lambda: place.watch.pulse.grades(self, _BESIDES_S))

    def _grade(self, claim: Claim, attempt: Attempt) -> None:
        place = self._place
        log.info("claimed, try %d", claim.attempt)
        began = time.monotonic()
        with Recording(
            place.database, place.blobs, claim, lease_s=place.settings.lease_s, stopping=place.stopping,
            plan_is_known=place.specs.has_plan(claim), goes_on_with=attempt.goes_on_with,
        ) as recording:  # fmt: skip
            try:
                ended = self._see_through(claim, recording, attempt)
            except LeaseLost:
                ended = Ended("lease-lost", "lease lost, so it is somebody else's")
        attempt.ended(ended.ending)
        if recording.plan_is_known:
            place.specs.note_plan(claim)
        log.info("%s after %.2f s", ended.said, time.monotonic() - began)

    def _see_through(self, claim: Claim, recording: Recording, attempt: Attempt) -> Ended:
        """Grade and record; how it went. Raises LeaseLost."""
        try:
            report = self._judge(claim, recording)
            attempt.judged(report)
            if report.status is RunStatus.FAILED:
                return self._ours(recording, report.message)
            recording.finish(report)
        except LeaseLost:
            raise
        except (BlobsAway, StorageFull) as error:
            # The same for every submission while it lasts, so it costs none of them a try, and this machine no trust.
            recording.put_back()
            self._blobs_are_away = True
            return Ended("put-back", f"put back ({error})")
        except BadSpec as error:
            # The same on every machine and every try, so neither counts against this one nor is it tried again.
            recording.give_up(f"{type(error).__name__}: {error}", again=False)
            return Ended("bad-spec", f"given up ({error})")
        except GraderError as error:
            return self._ours(recording, f"{type(error).__name__}: {error}")
        except Exception as error:
            log.exception("the engine ended in a fault of ours")
            return self._ours(recording, f"{type(error).__name__}: {error}")
        self._quarantine.note_success()
        return Ended(report.status.value, str(report.status))

    def _judge(self, claim: Claim, recording: Recording) -> RunReport:
        spec = self._place.specs.get(claim)
        self._place.watch.pulse.grades(self, spec.assignment.limits.run_s + _BESIDES_S)
        content = self._place.blobs.get(claim.sha256)
        answers = unpacked(self._place.blobs.get(claim.answers_sha256)) if claim.answers_sha256 else {}
        options = GradeOptions(
            stages=_STAGES[claim.lease.stage], seed=claim.seed, answers=answers, share=self._share, parts=claim.parts,
            reuse=reuse_of(claim, self._place.specs, self._place.blobs),
        )  # fmt: skip
        return self._place.engines.grade(spec, claim.file, content, options, recording.hear)

    def _ours(self, recording: Recording, problem: str) -> Ended:
        if self._place.stopping.is_set():
            # What we stopped ourselves is nobody's fault.
            recording.put_back()
            return Ended("put-back", "put back, because this worker stops")
        recording.give_up(problem, again=True)
        self._quarantine.note_fault(problem)
        return Ended("failed", f"failed by our fault ({problem})")
