"""How long each assignment's stages take for its reference hand-in, warm.

    .venv/bin/python benchmarks/assignments.py [--rounds 5] [--backend bwrap] [--report docs/performance.md]

The gate and unit stages by turns with `python -c "import torch"` as the yardstick; then the train stage, once, on one
core. Figures are medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from pathlib import Path

from report import Figures, machine, publish, ratio
from rich.console import Console
from side_by_side import Action, by_turns, import_torch, show

from grader.domain.check import Stage
from grader.domain.run import RunStatus
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.select import choose
from grader.specs.load import Spec, list_specs

YARDSTICK = "import torch"
UNIT = (Stage.GATE, Stage.UNIT)


def graded(engine: Engine, spec: Spec, stages: tuple[Stage, ...]) -> float:
    """Wall seconds of one grading by an engine whose pool is filled."""
    made = reference_hand_in(spec)
    engine.await_ready()
    began = time.monotonic()
    report = engine.grade(spec, made.name, made.content, GradeOptions(stages=stages))
    took = time.monotonic() - began
    if report.status is not RunStatus.GRADED:
        raise SystemExit(f"the reference of {spec.slug} was {report.status}: {report.message}")
    return took


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--backend", default="bwrap")
    arguments.add_argument("--report", type=Path, help="a page whose table is replaced")
    given = arguments.parse_args()
    specs = list_specs()
    with Engine(choose(given.backend)) as engine:
        actions: dict[str, Action] = {YARDSTICK: import_torch}
        actions |= {spec.slug: partial(graded, engine, spec, UNIT) for spec in specs}
        times = by_turns(actions, given.rounds)
        show(f"gate and unit stages, {given.backend}", times, YARDSTICK)
        trained = {spec.slug: graded(engine, spec, (Stage.TRAIN,)) for spec in specs}
    for slug, seconds in trained.items():
        Console().print(f"{slug}: train stage {seconds:.1f} s")
    if given.report:
        base = statistics.median(times[YARDSTICK])
        rows = [
            (slug, ratio(statistics.median(times[slug]), base), f"{seconds:.1f} s") for slug, seconds in trained.items()
        ]
        about = (
            f"`assignments.py --rounds {given.rounds}`, {given.backend}; import torch took {base:.2f} s ({machine()}):"
        )
        columns = ("assignment", "gate and unit stages, x import torch", "train stage")
        publish(given.report, [Figures(name="assignments", columns=columns, rows=rows, about=about)])


if __name__ == "__main__":
    main()
