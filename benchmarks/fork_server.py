"""The fork server beside bwrap: start to ready, unit gradings a second, memory of a waiting sandbox.

    .venv/bin/python benchmarks/fork_server.py [--rounds 20] [--gradings 60] [--jobs 2] [--backends bwrap fork]

Starts are taken by turns, with `python -c "import torch"` as the yardstick. Gradings are those of a full queue: as many
at once as `--jobs`, by the engines that a worker has, pools filled before the clock starts; of the smallest spec there
is (two checks that compute nothing) and of all 39 unit checks of `cmp784-practical2`. On a busy machine read the
processor seconds.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table
from side_by_side import Action, by_turns, import_torch, show

from grader.domain.check import Stage
from grader.domain.run import RunStatus
from grader.engine.engines import Engines
from grader.engine.handins import HandIn, reference_hand_in
from grader.engine.pipeline import GradeOptions
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.cgroups import Group, GroupTree
from grader.engine.sandbox.select import choose
from grader.specs.load import Spec, load_spec

ROOT = Path(__file__).parents[1]
YARDSTICK = "import torch"
TINY = "def answer():\n    return 42\n" + "".join(
    f"\ndef {name}_pause():\n    return 'slept'\n" for name in ("gate", "unit", "train")
)
READY_S = 600.0


def group_of(sandbox: Sandbox) -> Group:
    return dict(GroupTree().strays())[sandbox.name]


def start_to_ready(backend: SandboxBackend, spent: list[float]) -> Action:
    """From asking for a sandbox to its READY; its own processor seconds go to `spent`."""

    def act() -> float:
        began = time.monotonic()
        sandbox = backend.start(SandboxProfile())
        said = os.read(sandbox.read_fd, 1 << 16)
        took = time.monotonic() - began
        sandbox.kill()
        if not said:
            raise SystemExit(f"a sandbox ended before it was ready: {sandbox.stderr()[-500:]}")
        spent.append(sandbox.ending().cpu_s or 0.0)
        return took

    return act


def waiting_memory(backend: SandboxBackend, count: int) -> tuple[float, float, float]:
    """MB of one of `count` warm sandboxes that wait: private, proportional, and what its control group counts."""
    sandboxes = [backend.start(SandboxProfile()) for _ in range(count)]
    try:
        for sandbox in sandboxes:
            os.read(sandbox.read_fd, 1 << 16)
        private, proportional, counted = [], [], []
        for sandbox in sandboxes:
            directory = group_of(sandbox).directories["memory"]
            processes = (directory / "cgroup.procs").read_text().split()
            sums = smaps_of(processes)
            private.append(sums["Private_Dirty"] + sums["Private_Clean"])
            proportional.append(sums["Pss"])
            usage = directory / "memory.usage_in_bytes"
            text = (usage if usage.exists() else directory / "memory.current").read_text()
            counted.append(int(text) / 1e6)
        return statistics.median(private), statistics.median(proportional), statistics.median(counted)
    finally:
        for sandbox in sandboxes:
            sandbox.kill()


def smaps_of(processes: Iterable[str]) -> dict[str, float]:
    """MB by the kernel's names, summed over processes."""
    sums = {"Private_Dirty": 0.0, "Private_Clean": 0.0, "Pss": 0.0}
    for process in processes:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in sums:
                sums[name] += int(rest.split()[0]) * 1024 / 1e6
    return sums


def gradings_a_second(backend: SandboxBackend, spec: Spec, made: HandIn, count: int, jobs: int) -> float:
    """Of a full queue; every grading must come to its full unit points."""
    with Engines(backend, jobs=jobs) as engines:
        engines.await_ready(spec.assignment.limits)

        def one(_: int) -> None:
            report = engines.grade(spec, made.name, made.content, GradeOptions(train=False))
            bad = [
                found.id
                for found in report.checks
                if found.points < found.max_points and found.stage is not Stage.TRAIN
            ]
            if report.status is not RunStatus.GRADED or bad:
                raise SystemExit(f"{spec.slug} under {backend.name} was {report.status}: {bad} {report.message}")

        one(0)
        began = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, range(count)))
        return count / (time.monotonic() - began)


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--gradings", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--waiting", type=int, default=4)
    parser.add_argument("--backends", nargs="+", default=["bwrap", "fork"])
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console(width=120)
    backends = {name: choose(name) for name in options.backends}
    spent: dict[str, list[float]] = {name: [] for name in backends}
    actions: dict[str, Action] = {YARDSTICK: import_torch}
    actions |= {f"start to ready, {name}": start_to_ready(backend, spent[name]) for name, backend in backends.items()}
    show("Start to ready", by_turns(actions, options.rounds), YARDSTICK)
    show("Processor seconds of a start", spent, options.backends[0])

    memory = Table(title=f"One of {options.waiting} warm sandboxes that wait, MB ({machine()})")
    for column in ("backend", "private", "proportional", "counted by its control group"):
        memory.add_column(column, justify="left" if column == "backend" else "right")
    for name, backend in backends.items():
        memory.add_row(name, *(f"{figure:.1f}" for figure in waiting_memory(backend, options.waiting)))
    console.print(memory)

    tiny = load_spec("tiny", ROOT / "tests" / "faults" / "specs")
    practical = load_spec("cmp784-practical2")
    hand_ins = {
        "2 small checks": (tiny, HandIn(name="answer.py", content=TINY.encode()), options.gradings),
        "39 checks": (practical, reference_hand_in(practical), max(4, options.gradings // 6)),
    }
    for title, (spec, made, count) in hand_ins.items():
        table = Table(title=f"Unit gradings, {title}, {options.jobs} at once ({machine()})")
        for column in ("backend", "gradings", "a second", f"x {options.backends[0]}"):
            table.add_column(column, justify="left" if column == "backend" else "right")
        base = None
        for name, backend in backends.items():
            rate = gradings_a_second(backend, spec, made, count, options.jobs)
            base = base or rate
            table.add_row(name, str(count), f"{rate:.2f}", f"{rate / base:.1f}")
        console.print(table)


if __name__ == "__main__":
    main()
