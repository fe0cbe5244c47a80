"""What is measured of every tool: how long one hand-in waits, how many go through, what they are worth, what it takes."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from report import Figures, machine, ratio
from side_by_side import by_turns, import_torch

from peers import ours, tools
from peers.assignment import Task, read_task
from peers.build import Installed
from peers.hand_ins import CELLS, SOURCE, PeerHandIn, hand_ins, small_hand_in, write
from peers.judging import tally
from peers.memory import peak_bytes

IMPORT, BARE = "`import torch`", "the bare work, torch imported"
# The same steps of training as a last cell, as real hand-ins have one: about 20 s of one core.
TRAINING_CELL = """
model, data = UNet(3, 32, 24, 1), torch.randn(50, 1, 32, 32)
optimizer = torch.optim.Adam(model.parameters())
began = time.time()
while time.time() - began < 20:
    optimizer.zero_grad()
    model(data).square().mean().backward()
    optimizer.step()
"""
_BARE = """
import json, sys, time
import torch
torch.set_num_threads(1)
source, prelude, bodies = json.load(sys.stdin)
began = time.monotonic()
names = {"__name__": "submission"}
exec(source, names)
exec(prelude, names)
for body in bodies:
    exec(body, dict(names))
print(time.monotonic() - began)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The tools, ready, and what they are given."""

    task: Task
    given: list[PeerHandIn]
    backends: list[str]
    pytest: tools.PlainPytest
    small: tools.PlainPytest
    otter: tools.OtterRun
    otter_grade: tools.OtterGrade
    nbgrader: tools.Nbgrader
    folder: Path

    @property
    def reference(self) -> PeerHandIn:
        return self.given[0]

    def files(self, given: Sequence[PeerHandIn]) -> list[Path]:
        return [write(self.folder, one, ".ipynb") for one in given]


def make_bench(installed: Installed, folder: Path, *, count: int) -> Bench:
    """Write every tool's tests and hand-ins."""
    task, given = read_task("short", CELLS), hand_ins(count)
    places = {name: folder / name for name in ("pytest", "small", "otter", "grade", "nbgrader", "files")}
    for place in places.values():
        place.mkdir()
    otter = tools.OtterRun(installed, task, places["otter"])
    return Bench(
        task=task,
        given=given,
        backends=ours.backends(),
        pytest=tools.PlainPytest(installed, task, places["pytest"]),
        small=tools.PlainPytest(installed, read_task("small", ("imports", "cnn")), places["small"]),
        otter=otter,
        otter_grade=tools.OtterGrade(installed, otter, places["grade"]),
        nbgrader=tools.Nbgrader(installed, task, places["nbgrader"], given[0].cells),
        folder=places["files"],
    )


def cold_actions(bench: Bench, given: PeerHandIn) -> dict[str, Callable[[], object]]:
    """Every tool's way from nothing to the points of one hand-in."""
    (path,) = bench.files([given])
    actions: dict[str, Callable[[], object]] = {
        f"ours, `grader grade`, {name}": partial(ours.command, [path], name) for name in bench.backends
    }
    return actions | {
        bench.pytest.name: lambda: bench.pytest.judge(given),
        bench.otter.name: lambda: bench.otter.judge(given),
        bench.otter_grade.name: lambda: bench.otter_grade.judge_all([given]),
        bench.nbgrader.name: lambda: bench.nbgrader.judge(given),
    }


def bare_seconds(bench: Bench) -> float:
    """The hand-in's code and the same checks, in a process that has imported torch: what no tool can leave out."""
    import json
    import sys

    work = json.dumps([bench.reference.script, bench.task.prelude, [check.body for check in bench.task.checks]])
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-c", _BARE], input=work, capture_output=True, text=True, check=True, cwd=elsewhere
        )
    return float(done.stdout.split()[-1])


def latency(bench: Bench, rounds: int) -> Figures:
    """One hand-in, with nothing running and, for ours, by a worker that runs."""

    def timed(action: Callable[[], object]) -> None:
        action()

    actions = {name: partial(timed, action) for name, action in cold_actions(bench, bench.reference).items()}
    times = by_turns({IMPORT: import_torch, BARE: lambda: bare_seconds(bench), **actions}, rounds)
    for backend in bench.backends:
        worker = ours.Worker(backend, 1)
        try:
            worker.one(bench.reference)
            times[f"ours, a worker that runs, {backend}"] = [
                worker.one(bench.reference) for _ in range(max(3, 2 * rounds))
            ]
        finally:
            worker.close()
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    rows = []
    for name, taken in times.items():
        median = medians[name]
        rows.append((
            name, str(len(taken)), f"{median:.2f}", f"{min(taken):.2f} to {max(taken):.2f}",
            ratio(median, medians[IMPORT]), ratio(median, medians[BARE]), ratio(median, medians[bench.pytest.name]),
        ))  # fmt: skip
    columns = ("one hand-in", "runs", "median s", "min to max", "x import torch", "x bare work", "x plain pytest")
    return Figures(
        name="latency", columns=columns, rows=rows, about=f"One hand-in, from its file to its points ({machine()}):"
    )


def training_cell(bench: Bench) -> Figures:
    """The reference with a last cell that trains for 20 s: who waits for it."""
    given = PeerHandIn(name="with-training", is_right=True, cells={**bench.reference.cells, "last": TRAINING_CELL})
    given.cells["imports"] += "\nimport time\n"
    # nbgrader's notebook has a fixed number of students' cells.
    joined = {**bench.reference.cells, "imports": given.cells["imports"]}
    joined["train"] += f"\n{TRAINING_CELL}"
    given = PeerHandIn(name="with-training", is_right=True, cells=joined)
    rows = []
    for name, action in cold_actions(bench, given).items():
        began = time.monotonic()
        action()
        rows.append((name, f"{time.monotonic() - began:.1f}"))
    return Figures(
        name="training-cell", columns=("the same hand-in, and 20 s of training in its last cell", "s"), rows=rows,
        about=f"Each once ({machine()}):",
    )  # fmt: skip


def memory(bench: Bench) -> Figures:
    """Peaks of one hand-in's grading."""
    rows = []
    peaks = {name: peak_bytes(action) for name, action in cold_actions(bench, bench.reference).items()}
    for name, peak in peaks.items():
        rows.append((name, f"{peak / 2**20:.0f}", ratio(peak, peaks[bench.pytest.name])))
    return Figures(
        name="memory", columns=("one hand-in", "peak, MB", "x plain pytest"), rows=rows,
        about=f"Proportional memory of all processes of one grading, client of the engine included ({machine()}):",
    )  # fmt: skip


def throughput_and_grades(bench: Bench, widths: Sequence[int] = (1, 2)) -> list[Figures]:
    """All hand-ins through every tool; the points of the same runs say who judged rightly."""
    minute: dict[str, list[float | None]] = {}
    points: dict[str, dict[str, float]] = {}

    def take(name: str, jobs: int, action: Callable[[], dict[str, float]]) -> None:
        began = time.monotonic()
        points.setdefault(name, action())
        row = minute.setdefault(name, [None, None])
        row[jobs - 1] = len(bench.given) / (time.monotonic() - began) * 60

    files = bench.files(bench.given)
    for jobs in widths:
        for backend in bench.backends:
            name = f"ours, `grader grade --jobs`, {backend}"
            take(name, jobs, lambda b=backend, j=jobs: _by_stem(ours.command(files, b, jobs=j)))  # type: ignore[misc]
        for peer in (bench.pytest, bench.otter):
            take(peer.name, jobs, lambda p=peer, j=jobs: tools.batch(p, bench.given, j))  # type: ignore[misc]
        take(bench.otter_grade.name, jobs, lambda j=jobs: bench.otter_grade.judge_all(bench.given, j))  # type: ignore[misc]
    take("nbgrader autograde, all in one go", 1, lambda: bench.nbgrader.judge_all(bench.given, limit_s=600.0)[0])
    for backend in bench.backends:
        name = f"ours, a worker that runs, {backend}"
        # Several times what a full pool gives at once, so that the steady state is seen.
        count = len(bench.given) * (6 if backend == "fork" else 2)
        for jobs in widths:
            worker = ours.Worker(backend, jobs)
            try:
                minute.setdefault(name, [None, None])[jobs - 1], points[name] = worker.many(bench.given, count)
            finally:
                worker.close()
    return [_throughput(bench, minute), _grades(bench, points)]


def burst(bench: Bench, widths: Sequence[int] = (1, 2), count: int = 120) -> Figures:
    """A deadline hour: the smallest hand-ins with two checks that compute next to nothing, `count` for a fork worker."""
    given, minute = small_hand_in(), dict[str, list[float | None]]()
    for jobs in widths:
        for backend in bench.backends:
            wanted = count if backend == "fork" else max(4, count // 15)
            worker = ours.Worker(backend, jobs, "small")
            try:
                rate, points = worker.many([given], wanted)
            finally:
                worker.close()
            _full(points[given.name], bench.small.task.points, backend)
            minute.setdefault(f"ours, a worker that runs, {backend}", [None, None])[jobs - 1] = rate
        took, many = time.monotonic(), max(4, count // 10)
        batches = tools.batch(bench.small, [replace(given, name=f"small-{index}") for index in range(many)], jobs)
        minute.setdefault(bench.pytest.name, [None, None])[jobs - 1] = many / (time.monotonic() - took) * 60
        for score in batches.values():
            _full(score, bench.small.task.points, bench.small.name)
    return replace(
        _throughput(bench, minute),
        name="burst",
        about=f"Small hand-ins, two checks, each to full points ({machine()}):",
    )


def _full(points: float, wanted: float, tool: str) -> None:
    if points != wanted:
        raise SystemExit(f"{tool} gave the small hand-in {points} of {wanted} points.")


def _by_stem(points: dict[str, float]) -> dict[str, float]:
    return {Path(name).stem: score for name, score in points.items()}


def _throughput(bench: Bench, minute: dict[str, list[float | None]]) -> Figures:
    base = minute[bench.pytest.name][0] or 0.0
    rows = []
    for name, (one, two) in minute.items():
        best = max(one or 0.0, two or 0.0)
        cells = ["-" if value is None else f"{value:.0f}" for value in (one, two)]
        rows.append((name, *cells, ratio(best, base)))
    return Figures(
        name="throughput", columns=("hand-ins a minute", "one by one", "two at a time", "best x plain pytest one by one"),
        rows=rows, about=f"{len(bench.given)} hand-ins at once ({machine()}):",
    )  # fmt: skip


def _grades(bench: Bench, points: dict[str, dict[str, float]]) -> Figures:
    rows = [(name, *tally(bench.given, mine, bench.task.points).cells) for name, mine in points.items()]
    wholes = [bench.folder / one.name / one.whole[0] for one in bench.given if one.whole]
    for path, one in zip(wholes, bench.given, strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(one.whole[1] if one.whole else b"")
    if bench.backends:
        full: dict[str, float] = {}
        for path, one in zip(wholes, bench.given, strict=True):
            (full[one.name],) = ours.command([path], bench.backends[-1], slug=SOURCE).values()
        rows.append(
            (
                "ours, the course's own spec without training",
                *tally(bench.given, full, full["reference"]).cells,
            )
        )
    return Figures(
        name="grades", columns=("tool, same tests", "correct accepted", "wrong caught", "judged wrongly"), rows=rows,
        about=f"The same run's verdicts on {len(bench.given)} hand-ins of cmp784-practical2:",
    )  # fmt: skip
