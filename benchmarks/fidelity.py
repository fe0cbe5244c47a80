"""How faithfully hand-ins are judged: mutants caught, correct variants accepted, verdicts that flip with the seed.

    .venv/bin/python benchmarks/fidelity.py [SLUG ...] [--repeats 50] [--others 5] [--report docs/fidelity.md]

Every mutant and every variant is graded once (training included, unless `--no-train`). Then, without training and each
time with another seed and so with other inputs, the reference is graded `--repeats` times, and the starter, the empty
hand-in and a selection of mutants and variants, chosen to cover as many checks as possible, `--others` times each. A
verdict that is not what it was the first time is a flip.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from report import Figures, as_markdown, publish

from grader.domain.run import RunReport
from grader.engine.engines import Engines
from grader.engine.prove import Case, Kind, other_cases, reference_case, stages_of
from grader.engine.sandbox.select import choose
from grader.specs.load import Spec, list_specs, load_spec

MOST_LINES = 40
COLUMNS = (
    "assignment", "mutants caught", "variants accepted", "reference, starter, empty", "gradings repeated",
    "verdicts compared", "flips",
)  # fmt: skip


@dataclass(slots=True)
class Fidelity:
    """What one spec's hand-ins came to. `verdicts` counts repeated ones, `wrong` holds a line for each surprise."""

    slug: str
    tried: Counter[Kind] = field(default_factory=Counter)
    right: Counter[Kind] = field(default_factory=Counter)
    repeated: int = 0
    verdicts: int = 0
    flips: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, case: Case, report: RunReport) -> None:
        """Count one hand-in that was graded once."""
        problems = case.judge(report)
        self.tried[case.kind] += 1
        self.right[case.kind] += not problems
        self.wrong += [f"{case.title}: {problem}" for problem in problems]

    def compare(self, case: Case, first: RunReport, again: RunReport) -> None:
        """Count the verdicts of a repeat, and those that differ from the first time's."""
        known = statuses(first)
        for check, status in statuses(again).items():
            self.verdicts += 1
            if known.get(check) != status:
                self.flips += 1
                self.wrong.append(f"{case.title}: {check} was {known.get(check)}, then {status} ({again.facts.seed})")

    def row(self) -> list[str]:
        shares = [f"{self.right[kind]} of {self.tried[kind]}" for kind in (Kind.MUTANT, Kind.VARIANT)]
        floor = sum(self.right[kind] for kind in (Kind.REFERENCE, Kind.STARTER, Kind.EMPTY))
        return [self.slug, *shares, f"{floor} of 3", f"{self.repeated:,}", f"{self.verdicts:,}", f"{self.flips:,}"]


def statuses(report: RunReport) -> dict[str, str]:
    """Check to verdict."""
    return {result.id: result.status.value for result in report.checks}


def graded(engines: Engines, spec: Spec, cases: Iterable[Case], jobs: int) -> Iterator[tuple[Case, RunReport]]:
    """Each case with its report, several at a time, in order."""

    def grade(case: Case) -> tuple[Case, RunReport]:
        return case, engines.grade(spec, case.made.name, case.made.content, case.options)

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        yield from threads.map(grade, cases)


def measure(engines: Engines, spec: Spec, *, repeats: int, others: int, train: bool, jobs: int) -> Fidelity:
    """All of it for one spec."""
    found, began = Fidelity(spec.slug), time.monotonic()
    ((reference, report),) = graded(engines, spec, [reference_case(spec, train=train)], 1)
    found.note(reference, report)
    stages = stages_of(report)
    for case, once in graded(engines, spec, other_cases(spec, stages, every=True, train=train), jobs):
        found.note(case, once)
    selected = [reference_case(spec, train=False), *other_cases(spec, stages, every=False, train=False)]
    firsts = {case.title: once for case, once in graded(engines, spec, selected, jobs)}
    again = [
        replace(case, options=replace(case.options, seed=f"repeat {number}"))
        for case in selected
        for number in range(1, repeats if case.kind is Kind.REFERENCE else others)
    ]
    for case, once in graded(engines, spec, again, jobs):
        found.compare(case, firsts[case.title], once)
    found.repeated = len(again) + len(selected)
    found.seconds = time.monotonic() - began
    return found


def as_figures(results: list[Fidelity], command: str, sandbox: str) -> Figures:
    """The table of docs/fidelity.md, and what came out otherwise."""
    wrong = [f"- {one.slug}: {line}" for one in results for line in one.wrong]
    notes = ["What came out otherwise:", "\n".join(wrong[:MOST_LINES])] if wrong else []
    if len(wrong) > MOST_LINES:
        notes.append(f"And {len(wrong) - MOST_LINES} more.")
    minutes = sum(one.seconds for one in results) / 60
    return Figures(
        name="fidelity",
        about=f"`{command}` ({sandbox}, {os.cpu_count()} cores, {minutes:.0f} min):",
        columns=COLUMNS,
        rows=[one.row() for one in results],
        notes=notes,
    )


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("slugs", nargs="*", metavar="SLUG")
    arguments.add_argument("--repeats", type=int, default=50, help="gradings of the reference")
    arguments.add_argument("--others", type=int, default=5, help="gradings of each of the others that are repeated")
    arguments.add_argument("--no-train", action="store_true", help="leave out what only training could tell")
    arguments.add_argument("--sandbox", default="bwrap")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--report", type=Path, help="replace the table in this file")
    given = arguments.parse_args()
    specs = [load_spec(slug) for slug in given.slugs] if given.slugs else list(list_specs())
    results = []
    with Engines(choose(given.sandbox), jobs=given.jobs) as engines:
        for spec in specs:
            found = measure(
                engines, spec, repeats=given.repeats, others=given.others, train=not given.no_train, jobs=given.jobs
            )
            print(*found.row(), f"{found.seconds:.0f} s", sep=" | ", flush=True)
            print(*found.wrong, sep="\n", flush=True)
            results.append(found)
    figures = as_figures(results, " ".join(["benchmarks/fidelity.py", *sys.argv[1:]]), given.sandbox)
    if given.report:
        publish(given.report, [figures])
    print(as_markdown(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
