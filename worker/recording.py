"""One claim under way: its lease is kept alive, and its results are written while they come, off the grading thread.

The invariant: after the lease was lost nothing more is written, and the grading ends at its next event. The database
being away is no loss of the lease: what came meanwhile is kept and written once it is back, if the lease still holds.
The blob store being away or full, which pictures need, is waited for while heartbeats go on: no training is in vain.
The accepted gap: a check that is under way when the lease is lost is seen to its end, for nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from grader.domain.check import CheckResult, CheckStatus, Stage
from grader.domain.errors import DatabaseBusy, LeaseLost, StorageFull
from grader.domain.grading import Claim
from grader.domain.run import Event, RunReport
from grader.kit.logs import about_now, carried
from grader.service import assignments, runs
from grader.service.runs import ArtifactToKeep
from grader.storage.blobs import Blobs
from grader.storage.database import Database, Work
from grader.storage.objects import BlobsAway

log = logging.getLogger(__name__)
Value = TypeVar("Value")
# How often results that have come are written: soon enough to look live, seldom enough to cost nothing.
WRITE_EVERY_S = 0.25
# Two renewals may fail before the lease is lost.
RENEWALS_PER_LEASE = 3
_RETRY_S = 0.5
# So long pictures wait for a blob store that is away; then the stage is put back, and its results are lost.
KEEP_S = 600.0
_JOIN_S = 5.0
_FINE = (CheckStatus.PASSED, CheckStatus.SKIPPED)


class Recording:
    """A context manager around one grading. `hear` takes the engine's events; `finish` and the others end the claim.

    Args:
        lease_s: for how many seconds a renewal holds.
        plan_is_known: whether the spec version's plan needs no keeping.
        stopping: set when the worker has no time to wait for anything.
        goes_on_with: told of the stage that a passed gate goes on as.

    """

    def __init__(
        self, database: Database, blobs: Blobs, claim: Claim, *, lease_s: float, plan_is_known: bool = False,
        stopping: threading.Event | None = None, goes_on_with: Callable[[Stage], None] | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._blobs = blobs
        self._claim = claim
        self._lease_s = lease_s
        self._stopping = stopping or threading.Event()
        self._plan_is_known = plan_is_known
        self._goes_on_with = goes_on_with
        # Held for a moment; `_writing` is held as long as the database takes.
        self._noting = threading.Lock()
        self._waiting: list[CheckResult] = []
        self._gate_passed = True
        self._writing = threading.RLock()
        self._lease = claim.lease
        self._renewed_at = time.monotonic()
        self._is_lost = False
        self._has_complained = False
        self._over = threading.Event()
        self._ticker = threading.Thread(target=carried(self._tick), name=f"lease-{claim.lease.run[:8]}", daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._ticker.join(_JOIN_S)

    @property
    def plan_is_known(self) -> bool:
        """Whether the plan of the claim's spec version is in the database."""
        return self._plan_is_known

    def hear(self, event: Event) -> None:
        """Note what happened. Results wait for nothing; a new plan and the step from gate to unit for the database.

        Raises:
            LeaseLost: the stage is no longer ours; the engine passes this on and ends the run.

        """
        if self._is_lost:
            raise LeaseLost
        if event.kind == "plan":
            self._begin_anew(event)
        elif event.kind == "check" and event.result is not None:
            with self._noting:
                self._waiting.append(event.result)
                if event.result.stage is Stage.GATE and event.result.status not in _FINE:
                    self._gate_passed = False
        elif event.kind == "stage" and event.stage is Stage.UNIT:
            self._pass_gate()

    def finish(self, report: RunReport) -> None:
        """Write what is left and end the stage.

        Raises:
            LeaseLost: nothing was written.
            StorageFull, BlobsAway: pictures could not be kept; the stage is not ended.

        """
        self._end(lambda work: runs.finish_stage(work, self._lease, report))

    def give_up(self, problem: str, *, again: bool) -> None:
        """Our fault. Results that are not written yet are dropped. Raises LeaseLost."""
        self._forget()
        self._end(lambda work: runs.give_up_stage(work, self._lease, problem, again=again))

    def put_back(self) -> None:
        """This worker stops. Results that are not written yet are dropped. Raises LeaseLost."""
        self._forget()
        self._end(lambda work: runs.put_back(work, self._lease))

    def _begin_anew(self, event: Event) -> None:
        """A plan comes first, and again when the engine had to begin again: what came before counts no longer."""
        self._forget()
        with self._noting:
            self._gate_passed = True
        if not self._plan_is_known:
            slug, version = self._claim.spec_slug, self._claim.spec_version
            self._write(lambda work: assignments.keep_plan(work, spec_slug=slug, version=version, plan=event.plan))
            self._plan_is_known = True

    def _pass_gate(self) -> None:
        self._once_blobs_are_back(self._take_unit)

    def _take_unit(self) -> None:
        with self._writing:
            # Already taken when the engine had to begin again; a gate that failed keeps its checks in one stage.
            if self._lease.stage is Stage.GATE and self._gate_passed:
                self._lease = self._write(lambda work: runs.pass_gate(work, self._lease, lease_s=self._lease_s))
                self._renewed_at = time.monotonic()
                about_now(stage=self._lease.stage.value)
                if self._goes_on_with is not None:
                    self._goes_on_with(self._lease.stage)

    def _end(self, change: Callable[[Work], None]) -> None:
        def end() -> None:
            with self._writing:
                self._write(change)
                self._over.set()

        self._once_blobs_are_back(end)

    def _once_blobs_are_back(self, step: Callable[[], None]) -> None:
        """Do it, and again while the blob store is away. In between others may write, so the lease is renewed."""
        ends_at = time.monotonic() + KEEP_S
        while True:
            try:
                return step()
            except (BlobsAway, StorageFull) as error:
                if self._is_lost:
                    raise LeaseLost from error
                if time.monotonic() > ends_at or self._stopping.wait(_RETRY_S):
                    raise

    def _tick(self) -> None:
        while not self._over.wait(WRITE_EVERY_S):
            try:
                self._beat()
            except LeaseLost:
                log.warning("the lease was lost", extra=self._about)
                return
            except (BlobsAway, StorageFull) as error:
                log.warning("pictures wait: %s", error, extra=self._about)
            except Exception:
                # The thread's edge: a picture that cannot be kept must not end the heartbeat. `finish` says it again.
                if not self._has_complained:
                    log.exception("results could not be written", extra=self._about)
                self._has_complained = True

    def _beat(self) -> None:
        with self._writing:
            if self._over.is_set():
                return
            if time.monotonic() - self._renewed_at > self._lease_s / RENEWALS_PER_LEASE:
                # By itself: a heartbeat depends on no picture.
                self._lease = self._try(lambda work: runs.renew(work, self._lease, lease_s=self._lease_s))
                self._renewed_at = time.monotonic()
            if self._waiting:
                self._write(_nothing_else)

    def _write(self, change: Callable[[Work], Value]) -> Value:
        """Results that have come and the change, in one transaction."""
        with self._writing:
            with self._noting:
                results = list(self._waiting)
            artifacts = [self._kept(result, number) for result in results for number in range(len(result.artifacts))]

            def all_of_it(work: Work) -> Value:
                if results:
                    runs.record_checks(work, self._lease, results, artifacts)
                return change(work)

            value = self._try(all_of_it)
            with self._noting:
                # By identity: an engine that began anew meanwhile has emptied the list.
                written = {id(result) for result in results}
                self._waiting = [result for result in self._waiting if id(result) not in written]
            return value

    def _try(self, change: Callable[[Work], Value]) -> Value:
        """One transaction, tried again while the database is away and the lease could still be ours."""
        while not self._is_lost:
            try:
                with self._database.begin() as work:
                    return change(work)
            except DatabaseBusy as error:
                log.warning("the database is away: %s", error, extra=self._about)
                self._is_lost = time.monotonic() - self._renewed_at > self._lease_s
                time.sleep(_RETRY_S)
            except LeaseLost:
                self._is_lost = True
        raise LeaseLost

    def _forget(self) -> None:
        with self._noting:
            self._waiting.clear()

    def _kept(self, result: CheckResult, number: int) -> ArtifactToKeep:
        artifact = result.artifacts[number]
        stored = self._blobs.put(artifact.content)
        return ArtifactToKeep(
            check=str(result.id), name=artifact.name, kind=artifact.kind.value, title=artifact.title,
            sha256=stored.sha256, size_bytes=stored.size_bytes,
        )  # fmt: skip

    @property
    def _about(self) -> dict[str, str]:
        return {"run": self._lease.run, "submission": self._claim.submission, "stage": self._lease.stage.value}


def _nothing_else(work: Work) -> None:
    del work
