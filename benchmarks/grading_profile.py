"""Where the time of one grading goes, from bytes to check results, unit stage, everything warm.

    .venv/bin/python benchmarks/grading_profile.py [--rounds 10] [--sandbox fork] [--report docs/performance.md]

The seconds are the report's own (`timing`), the sandbox's processor seconds those of its control group. Under `fork` a
sandbox begins with torch imported, so its processor seconds are the hand-in's alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from report import Figures, as_markdown, machine, publish
from rich.console import Console

from grader.domain.check import Stage
from grader.domain.run import RunReport
from grader.engine.engines import Engines
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import GradeOptions
from grader.engine.sandbox.select import choose
from grader.specs.load import load_spec

SPECS = ("cmp784-practical2", "csc413-pa2", "csc2516-pa2", "cse891-hw2", "cse251b-pa3")
_LONGEST = 3


def gradings(engines: Engines, slug: str, rounds: int) -> list[RunReport]:
    """Reports of the reference, one grading after another; the first one is thrown away."""
    spec = load_spec(slug)
    made = reference_hand_in(spec)
    engines.await_ready(spec.assignment.limits)
    found = []
    for _ in range(rounds + 1):
        engines.await_ready(spec.assignment.limits)
        found.append(engines.grade(spec, made.name, made.content, GradeOptions(train=False)))
    return found[1:]


def row_of(slug: str, reports: Sequence[RunReport]) -> tuple[str, ...]:
    def median(seconds: Sequence[float]) -> float:
        return statistics.median(seconds)

    timings = [report.timing for report in reports]
    total = median([timing.total for timing in timings])
    parts = [
        median([timing.intake for timing in timings]),
        median([timing.sandbox for timing in timings]),
        median([timing.load for timing in timings]),
        median([timing.checks for timing in timings]),
    ]
    spent = median([report.facts.cpu_s or 0.0 for report in reports])
    judged = [result for result in reports[0].checks if result.stage is not Stage.TRAIN]
    return (
        f"`{slug}`", f"{len(judged)}", f"{total:.2f}", *(f"{seconds:.3f}" for seconds in parts),
        f"{max(0.0, total - sum(parts)):.3f}", f"{spent:.2f}", longest(reports),
    )  # fmt: skip


def longest(reports: Sequence[RunReport]) -> str:
    """The checks that take most, with their share of the checks' seconds."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for report in reports:
        for result in report.checks:
            seconds[result.id].append(result.seconds)
    medians = {identity: statistics.median(values) for identity, values in seconds.items()}
    whole = sum(medians.values()) or 1.0
    most = sorted(medians, key=lambda identity: -medians[identity])[:_LONGEST]
    return ", ".join(f"`{identity}` {medians[identity] / whole:.0%}" for identity in most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sandbox", default="fork")
    parser.add_argument("--report", type=Path, help="a page whose table is replaced")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with Engines(choose(options.sandbox), jobs=1) as engines:
        rows = [row_of(slug, gradings(engines, slug, options.rounds)) for slug in SPECS]
    columns = (
        "reference", "checks", "whole s", "intake", "wait for a sandbox", "load", "checks s", "the rest",
        "processor s in the sandbox", "longest checks",
    )  # fmt: skip
    about = f"`grading_profile.py --rounds {options.rounds} --sandbox {options.sandbox}`, medians ({machine()}):"
    figures = Figures(name="grading-profile", about=about, columns=columns, rows=rows)
    Console(width=160).print(as_markdown(figures), markup=False, soft_wrap=True)
    if options.report:
        publish(options.report, [figures])


if __name__ == "__main__":
    main()
