"""How long each assignment's stages take for its reference hand-in, warm.

    .venv/bin/python benchmarks/assignments.py [--rounds 5] [--backend bwrap]

The gate and unit stages by turns with `python -c "import torch"` as the yardstick; then the train stage, once, on one
core. Figures are medians.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

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
    given = arguments.parse_args()
    specs = list_specs()
    with Engine(choose(given.backend)) as engine:
        actions: dict[str, Action] = {YARDSTICK: import_torch}
        actions |= {spec.slug: partial(graded, engine, spec, UNIT) for spec in specs}
        show(f"gate and unit stages, {given.backend}", by_turns(actions, given.rounds), YARDSTICK)
        console = Console()
        for spec in specs:
            console.print(f"{spec.slug}: train stage {graded(engine, spec, (Stage.TRAIN,)):.1f} s")


if __name__ == "__main__":
    main()
