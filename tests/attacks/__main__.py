"""`python -m tests.attacks --backend all`: every idea on every backend, and the table of docs/attacks.md.

How each ended is kept below var/attacks, so that the ideas may be run in several goes before `--write`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from grader.engine.pipeline import Engine
from tests.attacks import backends, judging, table
from tests.attacks.canaries import Canaries
from tests.attacks.idea import Idea
from tests.attacks.ideas import all_ideas

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "attacks.md"
KEPT = ROOT / "var" / "attacks"


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


def keep(name: str, found: Mapping[str, judging.Ended]) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    summaries = kept()[name] | {idea: ended.summary for idea, ended in found.items()}
    (KEPT / f"{name}.json").write_text(json.dumps(summaries, indent=1, sort_keys=True), encoding="utf-8")


def kept() -> dict[str, dict[str, str]]:
    """For each backend how those ideas ended that were run on it, of those that there are."""
    there = {idea.name for idea in all_ideas()}
    stored = {name: KEPT / f"{name}.json" for name in backends.NAMES}
    found = {name: json.loads(path.read_text()) if path.exists() else {} for name, path in stored.items()}
    return {name: {idea: said for idea, said in of.items() if idea in there} for name, of in found.items()}


def told(line: str, problems: Iterable[str]) -> None:
    sys.stdout.write("\n".join([line, *(f"        PROBLEM {problem}" for problem in problems)]) + "\n")
    sys.stdout.flush()


def main() -> int:
    """0 if every idea ended as it must."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--backend", default="all", choices=["all", *backends.NAMES])
    asked.add_argument("--only", default="*", help="shell patterns on ideas' names, with commas between")
    asked.add_argument("--jobs", type=int, default=3)
    asked.add_argument("--write", action="store_true", help="put the table into docs/attacks.md")
    options = asked.parse_args()
    for name in [name for name in os.environ if name.startswith("GRADER_")]:
        del os.environ[name]
    ideas = [idea for idea in all_ideas() if any(fnmatch(idea.name, one) for one in options.only.split(","))]
    names = backends.NAMES if options.backend == "all" else (options.backend,)
    ended = {name: run(name, ideas, options.jobs) for name in names}
    for name, found in ended.items():
        keep(name, found or {})
    if options.write:
        DOCUMENT.write_text(table.document(all_ideas(), kept()), encoding="utf-8")
    return int(any(one.problems for found in ended.values() if found for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
