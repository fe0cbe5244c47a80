"""How long a student waits: one grading warm and cold, many at once, beside plain pytest in a fresh container.

    .venv/bin/python benchmarks/grade_latency.py [--rounds 20] [--backends bwrap docker] [--report docs/performance.md]

All unit checks of cmp784-practical2 on its reference hand-in; training left out on every side. Figures are medians of
runs taken by turns in one process, with `python -c "import torch"` as the yardstick.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from report import Figures, publish
from rich.console import Console
from side_by_side import Action, as_figures, by_turns, import_torch, show

from grader.domain.run import RunStatus
from grader.engine.handins import HandIn, reference_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.select import choose
from grader.specs.load import Spec, load_spec

ROOT = Path(__file__).parents[1]
SLUG = "cmp784-practical2"
YARDSTICK = "import torch"
GRADE = [str(ROOT / ".venv/bin/grader"), "grade", "--assignment", SLUG, "--no-train", "--json"]


def warm(backend: str, spec: Spec, made: HandIn) -> tuple[Engine, Action]:
    """A worker's engine with a filled pool, and one grading by it; refilling is not part of the time."""
    engine = Engine(choose(backend))

    def grade() -> float:
        engine.await_ready()
        began = time.monotonic()
        report = engine.grade(spec, made.name, made.content, GradeOptions(train=False))
        took = time.monotonic() - began
        if report.status is not RunStatus.GRADED:
            raise SystemExit(f"the reference was {report.status}: {report.message}")
        return took

    return engine, grade


def cold(backend: str, path: Path) -> Action:
    """The command as a person types it, with nothing running."""
    command = [
        str(ROOT / ".venv/bin/grader"),
        "grade",
        str(path),
        "--assignment",
        SLUG,
        "--no-train",
        "--json",
        "--sandbox",
        backend,
    ]
    return lambda: _quietly(command)


def _quietly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")


def plain_pytest(folder: Path) -> Action:
    """What most graders do: tests and student code in one fresh container, with the same packages."""
    packages = next((ROOT / ".venv/lib").glob("python3*")) / "site-packages"
    command = [
        *[
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--cpus",
            "1",
            "-e",
            "OMP_NUM_THREADS=1",
            "-w",
            "/work",
        ],
        *(
            "-v",
            f"{folder}:/work:ro",
            "-v",
            f"{packages}:/plain:ro",
            "--entrypoint",
            "python3",
            "grader-sandbox:latest",
        ),
        "-c",
        "import sys; sys.path.append('/plain'); import pytest; sys.exit(pytest.main(['-q', '-pno:cacheprovider', '.']))",
    ]
    return lambda: _quietly(command)


def many(backend: str, folder: Path, count: int) -> float:
    """Hand-ins per minute of `grader grade FOLDER --jobs 2`."""
    command = [
        str(ROOT / ".venv/bin/grader"),
        "grade",
        str(folder),
        "--assignment",
        SLUG,
        "--no-train",
        "--json",
        "--jobs",
        "2",
        "--sandbox",
        backend,
    ]
    began = time.monotonic()
    _quietly(command)
    return count / (time.monotonic() - began) * 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--backends", nargs="+", default=["bwrap", "docker"])
    parser.add_argument("--many", type=int, default=20)
    parser.add_argument("--warm-only", action="store_true")
    parser.add_argument("--report", type=Path, help="a page whose tables are replaced")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    spec = load_spec(SLUG)
    made = reference_hand_in(spec)
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        path = folder / made.name
        path.write_bytes(made.content)
        plain = folder / "plain"
        plain.mkdir()
        for source in (Path(__file__).parent / "plain_pytest").glob("*.py"):
            (plain / source.name).write_bytes(source.read_bytes())
        actions: dict[str, Action] = {YARDSTICK: import_torch}
        engines = []
        for backend in options.backends:
            engine, actions[f"warm, {backend}"] = warm(backend, spec, made)
            engines.append(engine)

        def import_torch_when_quiet() -> float:
            """The yardstick must not run beside the refilling of a pool."""
            for engine in engines:
                engine.await_ready()
            began = time.monotonic()
            import_torch()
            return time.monotonic() - began

        actions[YARDSTICK] = import_torch_when_quiet
        times = by_turns(actions, options.rounds)
        for engine in engines:
            engine.close()
        show("one grading, warm pool", times, YARDSTICK)
        tables: list[Figures] = [as_figures("warm", "`grade_latency.py`, a filled pool", times, YARDSTICK)]
        if options.warm_only:
            if options.report:
                publish(options.report, tables)
            return
        actions = {YARDSTICK: import_torch}
        actions |= {f"cold, {backend}": cold(backend, path) for backend in options.backends}
        actions["plain pytest, fresh container"] = plain_pytest(plain)
        cold_times = by_turns(actions, options.rounds)
        show("one grading, from the command line", cold_times, YARDSTICK)
        batch = folder / "many"
        batch.mkdir()
        for number in range(options.many):
            (batch / f"name{number}-surname-practical2.zip").write_bytes(made.content)
        said = [
            f"{backend}: {many(backend, batch, options.many):.0f} hand-ins a minute with --jobs 2, {options.many} files"
            for backend in options.backends
        ]
        each = sorted(cold_times["plain pytest, fresh container"])[options.rounds // 2]
        said.append(f"plain pytest, fresh containers one after another: {60 / each:.0f} a minute")
        console.print("\n".join(said))
        cold_table = as_figures("cold", "`grade_latency.py`, nothing running before", cold_times, YARDSTICK)
        tables.append(replace(cold_table, notes=["; ".join(said) + "."]))
    if options.report:
        publish(options.report, tables)


if __name__ == "__main__":
    sys.exit(main())
