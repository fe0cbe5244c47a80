"""What gVisor costs: cold import of torch, handing over a warm sandbox, a grading, under runc and under runsc.

    .venv/bin/python benchmarks/runtimes.py [--rounds 5] [--runtimes runc runsc]

The engine must offer the runtimes (docs/sandbox.md). Figures are medians of runs taken by turns in one process, with
`python -c "import torch"` on the host as the yardstick; on a busy machine read the processor seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack

from side_by_side import Action, by_turns, import_torch, show

from grader.domain.ending import EndingReason
from grader.domain.run import RunStatus
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.docker import DockerBackend
from grader.engine.sandbox.pool import WarmPool
from grader.specs.load import load_spec

SLUG = "cmp784-practical2"
# The pool starts them in the background, where a busy machine leaves them next to nothing.
READY_S = 600.0
YARDSTICK = "import torch"
IMPORT = "import torch, time; print('imported', flush=True); time.sleep(60)"


def cold_import(backend: DockerBackend, used: list[float]) -> Action:
    """From asking for a sandbox to torch imported in it; the processor seconds of it go to `used`."""

    def act() -> float:
        began = time.monotonic()
        sandbox = backend.start(SandboxProfile(warm=False, program=IMPORT))
        said = os.read(sandbox.read_fd, 100)
        took = time.monotonic() - began
        sandbox.kill(EndingReason.TIMED_OUT)
        if said.strip() != b"imported":
            raise SystemExit(f"torch was not imported: {sandbox.stderr()[-500:]}")
        used.append(sandbox.ending().cpu_s or 0.0)
        return took

    return act


def handover(backend: DockerBackend, stack: ExitStack) -> Action:
    """From asking a filled pool to holding a sandbox; refilling is not part of the time."""
    pool = WarmPool(backend, SandboxProfile(), 1)
    stack.callback(pool.stop)

    def act() -> float:
        pool.await_ready(READY_S)
        began = time.monotonic()
        with pool.lease():
            return time.monotonic() - began

    return act


def grading(backend: DockerBackend, stack: ExitStack) -> Action:
    """All unit checks of a reference hand-in by an engine with a filled pool, from bytes to results."""
    spec = load_spec(SLUG)
    made = reference_hand_in(spec)
    engine = stack.enter_context(Engine(backend))

    def act() -> float:
        engine.await_ready()
        began = time.monotonic()
        report = engine.grade(spec, made.name, made.content, GradeOptions(train=False))
        took = time.monotonic() - began
        if report.status is not RunStatus.GRADED:
            raise SystemExit(f"the reference was {report.status}: {report.message}")
        return took

    return act


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runtimes", nargs="+", default=["runc", "runsc"])
    options = parser.parse_args()
    makers = {"a warm sandbox handed over": handover, "a grading, warm": grading}
    image = os.environ.get("GRADER_SANDBOX_IMAGE")
    backends = {name: DockerBackend(image=image, runtime=name) for name in options.runtimes}
    used: dict[str, list[float]] = {name: [] for name in backends}
    cold = {f"cold import, {name}": cold_import(backend, used[name]) for name, backend in backends.items()}
    show("Cold", by_turns({YARDSTICK: import_torch, **cold}, options.rounds), YARDSTICK)
    show("Processor seconds of a cold import", used, options.runtimes[0])
    for title, maker in makers.items():
        with ExitStack() as stack:
            actions = {f"{title}, {name}": maker(backend, stack) for name, backend in backends.items()}
            show(title, by_turns({YARDSTICK: import_torch, **actions}, options.rounds), YARDSTICK)


if __name__ == "__main__":
    main()
