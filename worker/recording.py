"""One claim under way: its lease is kept alive, and its results are written while they come, off the grading thread.

The invariant: after the lease was lost nothing more is written, and the grading ends at its next event. The database
being away is no loss of the lease: what came meanwhile is kept and written once it is back, if the lease still holds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from grader.domain.check import CheckResult, CheckStatus, Stage
from grader.domain.errors import DatabaseBusy, LeaseLost
from grader.domain.grading import Claim, Lease
from grader.domain.run import Event, RunReport
from grader.service import assignments, runs
from grader.service.runs import ArtifactToKeep
from grader.storage.blobs import Blobs
from grader.storage.database import Database, Work

log = logging.getLogger(__name__)
Value = TypeVar("Value")
# How often results that have come are written: soon enough to look live, seldom enough to cost nothing.
WRITE_EVERY_S = 0.25
_RETRY_S = 0.5
_JOIN_S = 5.0


class Recording:
    """A context manager around one grading. `hear` takes the engine's events; `finish` and the others end the claim."""

    def __init__(self, database: Database, blobs: Blobs, claim: Claim, *, lease_s: float) -> None:
        self._database = database
        self._blobs = blobs
        self._claim = claim
        self._lease_s = lease_s
        self._lock = threading.RLock()
        self._lease = claim.lease
        self._renewed_at = time.monotonic()
        self._waiting: list[CheckResult] = []
        self._gate_passed = True
        self._is_lost = False
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name=f"lease-{claim.lease.run[:8]}", daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._ticker.join(_JOIN_S)

    def hear(self, event: Event) -> None:
        """Note what happened; nothing here waits for the database but the step from gate to unit.

        Raises:
            LeaseLost: the stage is no longer ours; the engine passes this on and ends the run.

        """
        if self._is_lost:
            raise LeaseLost
        if event.kind == "plan":
            self._begin_anew(event)
        elif event.kind == "check" and event.result is not None:
            with self._lock:
                self._waiting.append(event.result)
                fine = event.result.status in (CheckStatus.PASSED, CheckStatus.SKIPPED)
                if event.result.stage is Stage.GATE and not fine:
                    self._gate_passed = False
        elif event.kind == "stage" and event.stage is Stage.UNIT:
            self._pass_gate()

    def _begin_anew(self, event: Event) -> None:
        """A plan comes first, and again when the engine had to begin again: what came before counts no longer."""
        with self._lock:
            self._waiting.clear()
            self._gate_passed = True
        slug, version = self._claim.spec_slug, self._claim.spec_version
        self._write(lambda work: assignments.keep_plan(work, spec_slug=slug, version=version, plan=event.plan))

    def _pass_gate(self) -> None:
        with self._lock:
            if self._lease.stage is not Stage.GATE or not self._gate_passed:
                return
            self._flush()
            self._lease = self._write(lambda work: runs.pass_gate(work, self._lease, lease_s=self._lease_s))

    def finish(self, report: RunReport) -> None:
        """Write what is left and end the stage. Raises LeaseLost."""
        with self._lock:
            self._waiting = list(report.checks)
            self._flush()
            self._write(lambda work: runs.finish_stage(work, self._lease, report))
            self._over.set()

    def give_up(self, problem: str, *, again: bool) -> None:
        """Our fault. Raises LeaseLost."""
        with self._lock:
            self._write(lambda work: runs.give_up_stage(work, self._lease, problem, again=again))
            self._over.set()

    def put_back(self) -> None:
        """This worker stops."""
        with self._lock:
            self._write(lambda work: runs.put_back(work, self._lease))
            self._over.set()

    def _tick(self) -> None:
        while not self._over.wait(WRITE_EVERY_S):
            try:
                with self._lock:
                    if self._over.is_set():
                        return
                    self._flush()
                    if time.monotonic() - self._renewed_at > self._lease_s / 3:
                        self._lease = self._write(lambda work: runs.renew(work, self._lease, lease_s=self._lease_s))
            except LeaseLost:
                log.warning("run %s: the lease of stage %s was lost", self._lease.run, self._lease.stage)
                self._is_lost = True
                return
            except Exception:
                # The thread's edge: a fault here must not end the heartbeat while the grading goes on.
                log.exception("run %s: results could not be written", self._lease.run)

    def _flush(self) -> None:
        results, self._waiting = self._waiting, []
        if not results:
            return
        try:
            artifacts = [self._kept(result, number) for result in results for number in range(len(result.artifacts))]
            self._write(lambda work: runs.record_checks(work, self._lease, results, artifacts))
        except BaseException:
            self._waiting = results + self._waiting
            raise

    def _kept(self, result: CheckResult, number: int) -> ArtifactToKeep:
        artifact = result.artifacts[number]
        stored = self._blobs.put(artifact.content)
        return ArtifactToKeep(
            check=str(result.id), name=artifact.name, kind=artifact.kind.value, title=artifact.title,
            sha256=stored.sha256, size_bytes=stored.size_bytes,
        )  # fmt: skip

    def _write(self, change: Callable[[Work], Value]) -> Value:
        """One transaction, tried again while the database is away and the lease could still be ours."""
        while True:
            try:
                with self._database.begin() as work:
                    value = change(work)
            except DatabaseBusy:
                if time.monotonic() - self._renewed_at > self._lease_s:
                    self._is_lost = True
                    raise LeaseLost from None
                time.sleep(_RETRY_S)
                continue
            except LeaseLost:
                self._is_lost = True
                raise
            if isinstance(value, Lease):
                self._renewed_at = time.monotonic()
            return value
