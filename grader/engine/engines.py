"""One worker, many assignments: an engine for each set of limits, over one pool of harnesses.

The invariants: an engine is closed only while nobody grades with it, unless everything is stopped; and a share of a
GPU has one engine at a time, whose sandboxes have ended before those of the next one start.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Self

from grader.domain.assignment import Limits
from grader.domain.errors import DeviceLost, TransientError
from grader.domain.run import Event, RunReport, RunStatus
from grader.engine.harness.supervise import HarnessPool
from grader.engine.pipeline import Engine, GradeOptions, profile_for
from grader.engine.sandbox.base import SandboxBackend, SandboxProfile
from grader.engine.sandbox.devices import Share
from grader.engine.sandbox.pool import PoolStatistics
from grader.specs.load import Spec


@dataclass(slots=True)
class _Opened:
    engine: Engine
    users: int = 0


class Engines:
    """Grades submissions of any spec on this machine. Safe to use from as many threads as it was opened with jobs.

    Args:
        backend: makes the sandboxes.
        jobs: how many runs may go on at once without a GPU; each engine keeps as many sandboxes warm.
        shares: how many run on a GPU besides; each has one sandbox, warm or at work.
        keep: how many engines stay open when nobody uses them; the least recently used is closed first. Limits that
            differ in nothing a sandbox feels share an engine.

    """

    def __init__(self, backend: SandboxBackend, *, jobs: int, shares: int = 0, keep: int = 2) -> None:
        self._backend = backend
        self._jobs = jobs
        self._keep = keep
        self._lock = threading.Lock()
        # The least recently used first.
        self._opened: OrderedDict[SandboxProfile, _Opened] = OrderedDict()
        self._on_shares: dict[Share, tuple[SandboxProfile, Engine]] = {}
        self._is_stopped = False
        self._harnesses = HarnessPool(jobs + shares)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def grade(
        self,
        spec: Spec,
        name: str,
        content: bytes,
        options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport:
        """Judge one hand-in under its spec's own limits; see `Engine.grade`, which says what is raised.

        With a share of a GPU among the options nobody else grades on that share at the same time. A device that fails
        gives a report of status FAILED, or DeviceLost where it is out of service already.
        """
        if options is not None and options.share is not None:
            return self._grade_on(options.share, spec, name, content, options, on_event)
        with self._engine(spec.assignment.limits) as engine:
            return engine.grade(spec, name, content, options, on_event)

    def await_ready(self, limits: Limits) -> None:
        """Wait until a grading under these limits would have to wait for nothing.

        Raises:
            NoSandbox, SandboxLost, RunFailed: it will not come to that.
            TransientError: everything was stopped.

        """
        with self._engine(limits) as engine:
            engine.await_ready()

    def warm(self, share: Share, limits: Limits) -> None:
        """Wait for a sandbox with its CUDA context on a share that nobody has used yet; else does nothing.

        Raises what `await_ready` does.
        """
        if not share.device.is_in_service():
            return
        with self._lock:
            if share in self._on_shares:
                return
            engine = self._open_on(share, limits)
        engine.await_ready()

    def statistics(self) -> PoolStatistics:
        """Sandboxes of all engines: ready, starting, leased."""
        with self._lock:
            engines = [opened.engine for opened in self._opened.values()]
            engines += [engine for _, engine in self._on_shares.values()]
        pools = [engine.statistics for engine in engines]
        return (
            PoolStatistics(*(sum(column) for column in zip(*pools, strict=True))) if pools else PoolStatistics(0, 0, 0)
        )

    def stop(self) -> None:
        """Kill everything at once, from any thread: gradings under way raise TransientError. Idempotent."""
        with self._lock:
            self._is_stopped = True
            engines = [opened.engine for opened in self._opened.values()]
            engines += [engine for _, engine in self._on_shares.values()]
            self._opened.clear()
            self._on_shares.clear()
        for engine in engines:
            engine.interrupt()
        self._harnesses.stop()
        for engine in engines:
            engine.close()

    def _grade_on(
        self,
        share: Share,
        spec: Spec,
        name: str,
        content: bytes,
        options: GradeOptions,
        on_event: Callable[[Event], None] | None,
    ) -> RunReport:
        began = time.monotonic()
        with share.held():
            report = self._engine_on(share, spec.assignment.limits).grade(spec, name, content, options, on_event)
            if report.status is RunStatus.FAILED:
                self._look_into(share)
        spent_s = round((time.monotonic() - began) / share.of, 3)
        return replace(report, facts=replace(report.facts, gpu=f"{share.gpu.name} ({share.gpu.uuid})", gpu_s=spent_s))

    def _look_into(self, share: Share) -> None:
        """Find out whether it was the device, with nothing of ours left on the share."""
        self._leave(share)
        if not share.device.problem:
            # Put out of service is all that there is to do; the report has failed already.
            with suppress(DeviceLost):
                share.check_released()

    def _engine_on(self, share: Share, limits: Limits) -> Engine:
        """The share's engine for these limits; one for others is closed first, so that two never overlap."""
        profile = profile_for(limits, background=True, share=share)
        with self._lock:
            known = self._on_shares.get(share)
        if known is not None and known[0] == profile:
            return known[1]
        self._leave(share)
        with self._lock:
            return self._open_on(share, limits)

    def _open_on(self, share: Share, limits: Limits) -> Engine:
        """A new engine on a share that has none; called with the lock held."""
        if self._is_stopped:
            raise TransientError("The engines are stopped, so nothing more is graded here.")
        engine = Engine(self._backend, limits=limits, jobs=1, harnesses=self._harnesses, share=share)
        self._on_shares[share] = profile_for(limits, background=True, share=share), engine
        return engine

    def _leave(self, share: Share) -> None:
        with self._lock:
            known = self._on_shares.pop(share, None)
        if known is not None:
            known[1].close()

    @contextmanager
    def _engine(self, limits: Limits) -> Iterator[Engine]:
        """The engine for these limits, opened if need be, and not closed while the block lasts."""
        profile = profile_for(limits, background=True)
        with self._lock:
            if self._is_stopped:
                raise TransientError("The engines are stopped, so nothing more is graded here.")
            opened = self._opened.get(profile)
            if opened is None:
                engine = Engine(self._backend, limits=limits, jobs=self._jobs, harnesses=self._harnesses)
                opened = self._opened[profile] = _Opened(engine)
            self._opened.move_to_end(profile)
            opened.users += 1
        try:
            self._close_idle()
            yield opened.engine
        finally:
            with self._lock:
                opened.users -= 1
            self._close_idle()

    def _close_idle(self) -> None:
        with self._lock:
            idle = [profile for profile, opened in self._opened.items() if not opened.users]
            excess = max(0, len(self._opened) - self._keep)
            closing = [self._opened.pop(profile).engine for profile in idle[:excess]]
        # Killing sandboxes takes a while, and nobody needs to wait for it who wants another engine.
        for engine in closing:
            engine.close()
