"""Ours as a tool of the comparison: the command as a teacher types it, and the engine as a worker keeps it running."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from grader.domain.errors import SandboxLost
from grader.domain.run import RunStatus
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox import select
from grader.specs.load import Spec, load_spec
from peers.assignment import SPECS
from peers.hand_ins import PeerHandIn

ROOT = Path(__file__).parents[2]
# How often a pool may miss its two minutes, on a machine that has other work.
PATIENCE = 4


class Hostile(Protocol):
    """A hand-in by name, as a notebook."""

    @property
    def name(self) -> str: ...
    @property
    def notebook(self) -> str: ...


def backends() -> list[str]:
    """Names of the sandboxes that can be used here, the fork server among them where there is one."""
    return [name for name in select.NAMES if select.make(name).check().usable]


def command(files: Sequence[Path], backend: str, *, slug: str = "short", jobs: int = 1) -> dict[str, float]:
    """Points by file name, of `grader grade FILE... --no-train --json`, with nothing running before.

    Raises:
        SystemExit: the command failed.

    """
    environment = {**os.environ, "GRADER_SANDBOX": backend, "OMP_NUM_THREADS": "1"}
    if slug == "short":
        environment["GRADER_SPECS"] = str(SPECS)
    argv = [str(ROOT / ".venv/bin/grader"), "grade", *map(str, files), "--assignment", slug, "--no-train", "--json"]
    done = subprocess.run(
        [*argv, "--jobs", str(jobs)], capture_output=True, text=True, check=False, env=environment, cwd=ROOT
    )
    if done.returncode:
        raise SystemExit(f"grader grade with {backend} ended with {done.returncode}: {done.stderr[-500:]}")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        path.name: _points(report["checks"]) for path, report in zip(files, reports, strict=True)
    }  # fmt: skip


def _points(checks: list[dict[str, object]]) -> float:
    return sum(float(str(check["points"])) for check in checks)


class Worker:
    """An engine with a filled pool, as a worker holds it."""

    def __init__(self, backend: str, jobs: int, slug: str = "short") -> None:
        os.environ["OMP_NUM_THREADS"] = "1"
        self._spec = load_spec(slug, SPECS)
        self._jobs = jobs
        self._engine = Engine(select.choose(backend), jobs=jobs)

    def close(self) -> None:
        self._engine.close()

    def _await_ready(self) -> None:
        for _ in range(PATIENCE - 1):
            with contextlib.suppress(SandboxLost):
                return self._engine.await_ready()
        return self._engine.await_ready()

    def one(self, given: PeerHandIn) -> float:
        """Seconds from the bytes to the results; refilling the pool is not part of it."""
        self._await_ready()
        began = time.monotonic()
        graded(self._engine, self._spec, given)
        return time.monotonic() - began

    def many(self, given: Sequence[PeerHandIn], count: int) -> tuple[float, dict[str, float]]:
        """Hand-ins a minute, the given ones over and over, and points by name."""
        self._await_ready()
        wanted = [given[index % len(given)] for index in range(count)]
        began = time.monotonic()
        with ThreadPoolExecutor(self._jobs) as pool:
            points = list(pool.map(lambda one: graded(self._engine, self._spec, one), wanted))
        took = time.monotonic() - began
        return count / took * 60, {one.name: score for one, score in zip(wanted, points, strict=True)}


def graded(engine: Engine, spec: Spec, given: PeerHandIn) -> float:
    """Points of one hand-in."""
    report = engine.grade(spec, f"{given.name}.ipynb", given.notebook.encode(), GradeOptions(train=False))
    if report.status is not RunStatus.GRADED:
        raise SystemExit(f"{given.name} was {report.status}: {report.message}")
    return float(sum(result.points for result in report.checks))


def target_judge(specs: Path, backend: str) -> Callable[[Hostile], tuple[float, str, bool]]:
    """Ours against the attacks: a fresh engine per hand-in, as a command would use it, and all that a teacher reads."""
    spec = load_spec("target", specs)

    def judge(one: Hostile) -> tuple[float, str, bool]:
        with Engine(select.choose(backend), expected=1, limits=spec.assignment.limits) as engine:
            report = engine.grade(spec, f"{one.name}.ipynb", one.notebook.encode(), GradeOptions())
        said = "\n".join(f"{check.message}\n{check.output}" for check in report.checks)
        return float(sum(check.points for check in report.checks)), said, False

    return judge
