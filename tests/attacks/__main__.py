"""`python -m tests.attacks --backend all`: every idea on every backend, and the table of docs/attacks.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from grader.engine.pipeline import Engine
from tests.attacks import backends, judging, table
from tests.attacks.canaries import Canaries
from tests.attacks.idea import Idea
from tests.attacks.ideas import all_ideas

DOCUMENT = Path(__file__).parents[2] / "docs" / "attacks.md"


def run(name: str, ideas: Iterable[Idea], jobs: int) -> dict[str, judging.Ended] | None:
    """How each idea ended on a backend, by name; None where it cannot be used here."""
    backend = backends.make(name)
    if backend is None:
        return None
    spec = judging.target()
    with (
        Engine(backend, limits=spec.assignment.limits, jobs=jobs, expected=judging.MANY) as engine,
        Canaries(backend) as canaries,
    ):

        def tried(idea: Idea) -> judging.Ended:
            began = time.monotonic()
            ended = judging.grade(engine, spec, idea, canaries)
            after = judging.next_student(engine, spec, {"only": ("A.output",)}) if idea.harms else []
            told(f"{name:6} {time.monotonic() - began:5.1f} s  {idea.name}: {ended.summary}", (*ended.problems, *after))
            return ended.with_problems(after)

        with ThreadPoolExecutor(jobs) as threads:
            found = {ended.idea.name: ended for ended in threads.map(tried, ideas)}
        told(f"{name:6} afterwards", (*judging.next_student(engine, spec), *canaries.problems()))
    return found


def told(line: str, problems: Iterable[str]) -> None:
    sys.stdout.write("\n".join([line, *(f"        PROBLEM {problem}" for problem in problems)]) + "\n")
    sys.stdout.flush()


def main() -> int:
    """0 if every idea ended as it must."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--backend", default="all", choices=["all", *backends.NAMES])
    asked.add_argument("--only", default="*", help="a shell pattern on ideas' names")
    asked.add_argument("--jobs", type=int, default=3)
    asked.add_argument("--write", action="store_true", help="put the table into docs/attacks.md")
    options = asked.parse_args()
    for name in [name for name in os.environ if name.startswith("GRADER_")]:
        del os.environ[name]
    ideas = [idea for idea in all_ideas() if fnmatch(idea.name, options.only)]
    names = backends.NAMES if options.backend == "all" else (options.backend,)
    ended = {name: run(name, ideas, options.jobs) for name in names}
    if options.write:
        DOCUMENT.write_text(table.document(ideas, ended), encoding="utf-8")
    return int(any(one.problems for found in ended.values() if found for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
