"""One worker, many assignments: an engine for each set of limits, over one pool of harnesses.

The invariant: an engine is closed only while nobody grades with it, unless everything is stopped.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from grader.domain.assignment import Limits
from grader.domain.errors import TransientError
from grader.domain.run import Event, RunReport
from grader.engine.harness.supervise import HarnessPool
from grader.engine.pipeline import Engine, GradeOptions, profile_for
from grader.engine.sandbox.base import SandboxBackend, SandboxProfile
from grader.specs.load import Spec


@dataclass(slots=True)
class _Opened:
    engine: Engine
    users: int = 0


class Engines:
    """Grades submissions of any spec on this machine. Safe to use from as many threads as it was opened with jobs.

    Args:
        backend: makes the sandboxes.
        jobs: how many runs may go on at once; each engine keeps as many sandboxes warm.
        keep: how many engines stay open when nobody uses them; the least recently used is closed first. Limits that
            differ in nothing a sandbox feels share an engine.

    """

    def __init__(self, backend: SandboxBackend, *, jobs: int, keep: int = 2) -> None:
        self._backend = backend
        self._jobs = jobs
        self._keep = keep
        self._lock = threading.Lock()
        # The least recently used first.
        self._opened: OrderedDict[SandboxProfile, _Opened] = OrderedDict()
        self._is_stopped = False
        self._harnesses = HarnessPool(jobs)

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
        """Judge one hand-in under its spec's own limits; see `Engine.grade`, which says what is raised."""
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

    def stop(self) -> None:
        """Kill everything at once, from any thread: gradings under way raise TransientError. Idempotent."""
        with self._lock:
            self._is_stopped = True
            engines = [opened.engine for opened in self._opened.values()]
            self._opened.clear()
        for engine in engines:
            engine.interrupt()
        self._harnesses.stop()
        for engine in engines:
            engine.close()

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
