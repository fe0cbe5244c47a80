"""Starts the services of one machine in order, keeps them running, and takes them down in the opposite order.

Each service has a leash (`leash.py`): it sits in a session of its own, so a Ctrl-C in the terminal reaches us alone,
and it goes with us even if we are killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from grader.local.backoff import Backoff
from grader.local.faults import ServiceFailed
from grader.local.leashed import Command, LeashedProcess, last_words, wait_until_ready

LOOK_S = 0.2
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProcess:
    """A service to run. Durations are in seconds.

    `env` is added to our own environment. `ready` says whether it can be used; without it a service counts as ready
    once it runs. `restart`: start it again when it ends by itself. `stop_signal` goes to its first process alone, and
    what is left of it after `stop_wait_s` is killed.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    restart: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    stop_wait_s: float = 10.0
    ready_wait_s: float = 60.0
    cwd: Path | None = None


class ProcessFacts(NamedTuple):
    """How a service is doing. `pid` is None while it waits to be started again."""

    name: str
    pid: int | None
    alive: bool
    restarts: int


class _Kept:
    """One service with what happened to it."""

    def __init__(self, service: ServiceProcess, process: LeashedProcess) -> None:
        self.service = service
        self.process: LeashedProcess | None = process
        self.restarts = 0
        self.backoff = Backoff()
        self.waiting = False

    def facts(self) -> ProcessFacts:
        alive = self.process is not None and self.process.alive
        return ProcessFacts(
            self.service.name, self.process.pid if alive and self.process else None, alive, self.restarts
        )


class Supervisor:
    """The services of one `grader up`; logs go to `folder/logs/<name>.log`. A context manager that stops them."""

    def __init__(self, folder: Path) -> None:
        self._logs = folder.absolute() / "logs"
        self._kept: list[_Kept] = []
        self._stopping = threading.Event()
        self._changing = threading.RLock()
        self._watch: threading.Thread | None = None

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def start(self, services: Sequence[ServiceProcess]) -> None:
        """One after the other, each when the one before is ready.

        Raises `ServiceFailed`, with the last lines of its log, if one ends before it is ready or takes too long; those
        that were started are stopped again.
        """
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            for service in services:
                self._start_one(service)
            if self._watch is None:
                self._stopping.clear()
                self._watch = threading.Thread(target=self._keep, name="supervisor", daemon=True)
                self._watch.start()
            undo.pop_all()

    def stop(self) -> None:
        """In the opposite order, each fully gone before the next is asked. Harmless when nothing runs."""
        self._stopping.set()
        if self._watch is not None:
            self._watch.join()
            self._watch = None
        with self._changing:
            while self._kept:
                kept = self._kept[-1]
                if kept.process is not None:
                    kept.process.stop()
                self._kept.pop()

    def wait(self, stopping: threading.Event) -> None:
        """Returns when `stopping` is set. Raises `ServiceFailed` if a service that is not restarted has ended."""
        while not stopping.wait(LOOK_S):
            for kept in self._kept:
                if not kept.service.restart and kept.process is not None and not kept.process.alive:
                    raise ServiceFailed(self._obituary(kept.service.name, kept.process))

    def processes(self) -> list[ProcessFacts]:
        """One entry for each service, in the order of their start."""
        return [kept.facts() for kept in list(self._kept)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_one(self, service: ServiceProcess) -> None:
        log = self.log(service.name)
        process = self._spawn(service, fresh_log=True)
        with self._changing:
            self._kept.append(_Kept(service, process))
        ready = service.ready or (lambda: process.alive)
        wait_until_ready(service.name, process, ready, log, within_s=service.ready_wait_s)

    def _spawn(self, service: ServiceProcess, *, fresh_log: bool) -> LeashedProcess:
        return LeashedProcess(
            Command(
                argv=service.argv,
                env={**os.environ, **service.env},
                log=self.log(service.name),
                fresh_log=fresh_log,
                cwd=service.cwd or Path.cwd(),
                stop_signal=service.stop_signal,
                stop_wait_s=service.stop_wait_s,
            )
        )

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_S):
            with self._changing:
                for kept in self._kept:
                    if kept.service.restart:
                        self._look_after(kept, time.monotonic())

    def _look_after(self, kept: _Kept, now: float) -> None:
        if kept.process is not None and kept.process.alive:
            return
        if not kept.waiting:
            wait_s = kept.backoff.begin(now)
            kept.waiting = True
            if kept.process is not None:
                logger.warning("%s; starting it again in %g s", self._obituary(kept.service.name, kept.process), wait_s)
                kept.process.wait()
            return
        if kept.backoff.is_over(now):
            kept.waiting = False
            kept.restarts += 1
            kept.process = None
            try:
                kept.process = self._spawn(kept.service, fresh_log=False)
            except ServiceFailed as error:
                logger.warning("%s", error)

    def _obituary(self, name: str, process: LeashedProcess) -> str:
        words = last_words(self.log(name)) or "nothing"
        return f"{name} ended by itself (status {process.status}); the last words of its log {self.log(name)}: {words}"
