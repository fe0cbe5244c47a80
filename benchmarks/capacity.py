"""How many grading slots a deadline needs: the service's queue, simulated, and the simulation held against the real one.

    .venv/bin/python benchmarks/capacity.py                      # measure this machine, simulate 300 and 10,000 students
    .venv/bin/python benchmarks/capacity.py --unit-s 4 --train-s 25     # take these seconds instead of measuring
    .venv/bin/python benchmarks/capacity.py --check              # 300 students through the real queue, faster than life

A slot is one of a worker's `--jobs`. What a slot takes for a stage in a rush is measured with every slot busy: then no
sandbox is warm, and a stage pays for the next sandbox's imports. The order of the queue is that of docs/queue.md.

The hour before a deadline: each student uploads once, and again with a chance of `1 - 1/uploads` each time; two thirds of
the uploads come the later the more (exponential, 12 minutes in the mean before the deadline), the others at any time.
That shape is an assumption, not a measurement: `--uploads` changes the load, `--seed` the draw.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grader.domain.check import Stage
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import Engine, GradeOptions
from grader.engine.sandbox.select import choose
from grader.specs.load import load_spec
from grader.storage.repositories.stages import HANDICAP_S

HOUR_S = 3600.0
RUSH_S = 720.0
RUSH_SHARE = 2 / 3
UNIT, TRAIN = 0, 1
console = Console(width=120)


@dataclass(frozen=True, slots=True)
class Upload:
    """`at` in seconds from the beginning of the hour."""

    at: float
    owner: int


@dataclass(frozen=True, slots=True)
class Served:
    """Seconds from the upload to the unit results and to the score; `most_waiting` stages at once in any queue."""

    unit: list[float]
    score: list[float]
    most_waiting: int


def uploads_of(students: int, uploads: float, seed: int) -> list[Upload]:
    dice = random.Random(seed)
    made = []
    for owner in range(students):
        while True:
            rush = dice.random() < RUSH_SHARE
            before = min(dice.expovariate(1 / RUSH_S), HOUR_S) if rush else dice.uniform(0, HOUR_S)
            made.append(Upload(HOUR_S - before, owner))
            if dice.random() < 1 / uploads:
                break
    return sorted(made, key=lambda upload: upload.at)


def simulate(uploads: list[Upload], *, slots: int, gpus: int, unit_s: float, train_s: float) -> Served:
    """Gate and unit on `slots`; training on `gpus` slots of their own, or on the same slots where there are none.

    Args:
        uploads: in the order in which they come.
        slots: how many stages are graded at once.
        gpus: how many slots train and do nothing else; 0 for none.
        unit_s: seconds a slot takes for gate and unit, drawn within a fifth of it.
        train_s: seconds a slot takes for the training, likewise; 0 for an assignment without.

    """
    dice = random.Random(1)
    number = itertools.count()
    coming: list[tuple[float, int, str, tuple[int, ...]]] = [
        (upload.at, next(number), "upload", (index,)) for index, upload in enumerate(uploads)
    ]
    heapq.heapify(coming)
    waiting: dict[str, list[tuple[int, int, int, int]]] = {"cpu": [], "gpu": []}
    free = {"cpu": slots, "gpu": gpus}
    unfinished: dict[int, int] = defaultdict(int)
    turns: dict[int, int] = {}
    unit: list[float] = []
    score: list[float] = []
    most = 0
    training = "gpu" if gpus else "cpu"
    while coming:
        now, _, what, (index, *rest) = heapq.heappop(coming)
        upload = uploads[index]
        if what == "upload":
            turns[index] = int(now) + HANDICAP_S * unfinished[upload.owner]
            unfinished[upload.owner] += 1
            heapq.heappush(waiting["cpu"], (UNIT, turns[index], next(number), index))
        else:
            free[what] += 1
            if rest[0] == UNIT:
                unit.append(now - upload.at)
            if rest[0] == UNIT and train_s:
                heapq.heappush(waiting[training], (TRAIN, turns[index], next(number), index))
            else:
                unfinished[upload.owner] -= 1
                score.append(now - upload.at)
        most = max(most, *(len(queue) for queue in waiting.values()))
        for queue, stages in waiting.items():
            while stages and free[queue]:
                stage, _, _, taken = heapq.heappop(stages)
                free[queue] -= 1
                takes = (train_s if stage == TRAIN else unit_s) * dice.uniform(0.8, 1.2)
                heapq.heappush(coming, (now + takes, next(number), queue, (taken, stage)))
    return Served(unit, score, most)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measured(slug: str, backend: str, jobs: int) -> tuple[float, float]:
    """Seconds a slot of this machine takes for gate and unit, and for the training, with every slot busy all along."""
    spec = load_spec(slug)
    made = reference_hand_in(spec)
    with Engine(choose(backend), limits=spec.assignment.limits, jobs=jobs) as engine:
        found = []
        for stages, rounds in (((Stage.GATE, Stage.UNIT), 6), ((Stage.TRAIN,), 2)):

            def grade(stages: tuple[Stage, ...] = stages, rounds: int = rounds) -> None:
                for _ in range(rounds):
                    engine.grade(spec, made.name, made.content, GradeOptions(stages=stages))

            threads = [threading.Thread(target=grade) for _ in range(jobs)]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            found.append((time.monotonic() - began) / rounds)
    return found[0], found[1]


def show(students: int, rows: list[tuple[str, Served]], uploads: int) -> None:
    table = Table(title=f"{students} students, {uploads} uploads in the hour before the deadline")
    for column in ("slots", "unit p50", "p95", "longest", "score p50", "p95", "most waiting"):
        table.add_column(column, justify="right")
    for name, served in rows:
        times = [
            quantile(served.unit, 0.5), quantile(served.unit, 0.95), max(served.unit),
            quantile(served.score, 0.5), quantile(served.score, 0.95),
        ]  # fmt: skip
        table.add_row(name, *(spoken(seconds) for seconds in times), str(served.most_waiting))
    console.print(table)


def spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def slots_for(uploads: list[Upload], unit_s: float, train_s: float, *, gpus: int, within_s: float) -> int:
    """The fewest slots with which 95 of 100 uploads have their unit results within so many seconds."""

    def are_enough(slots: int) -> bool:
        served = simulate(uploads, slots=slots, gpus=gpus, unit_s=unit_s, train_s=train_s)
        return quantile(served.unit, 0.95) <= within_s

    low, high = 1, 1
    while not are_enough(high):
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if are_enough(middle) else (middle + 1, high)
    return high


def held_against_the_real_queue(
    uploads: list[Upload], *, slots: int, unit_s: float, train_s: float, faster: float
) -> None:
    """The same hour through PostgreSQL, receipts, claims and leases, with an engine that only waits."""
    from real_queue import through_the_real_queue

    with tempfile.TemporaryDirectory() as folder:
        real = through_the_real_queue(
            [(upload.at / faster, upload.owner) for upload in uploads], Path(folder), slots=slots,
            unit_s=unit_s / faster, train_s=train_s / faster, handicap_s=round(HANDICAP_S / faster),
        )  # fmt: skip
    simulated = simulate(uploads, slots=slots, gpus=0, unit_s=unit_s, train_s=train_s)
    table = Table(title=f"{len(uploads)} uploads, {slots} slots: simulated, and the real queue {faster:g} times faster")
    for column in ("", "simulated", "real", "ratio"):
        table.add_column(column, justify="right")
    for name, guess, fact in (
        ("unit, median", statistics.median(simulated.unit), statistics.median(real[0]) * faster),
        ("unit, p95", quantile(simulated.unit, 0.95), quantile(real[0], 0.95) * faster),
        ("score, median", statistics.median(simulated.score), statistics.median(real[1]) * faster),
        ("score, p95", quantile(simulated.score, 0.95), quantile(real[1], 0.95) * faster),
    ):
        table.add_row(name, f"{guess:.0f} s", f"{fact:.0f} s", f"{fact / guess:.2f}")
    console.print(table)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--assignment", default="cmp784-practical2")
    arguments.add_argument("--backend", default="bwrap")
    arguments.add_argument("--unit-s", type=float, help="seconds a slot takes for gate and unit")
    arguments.add_argument("--train-s", type=float, help="seconds a slot takes for the training, 0 for none")
    arguments.add_argument("--train-slots", type=int, default=0, help="slots that only train, beside the others")
    arguments.add_argument("--uploads", type=float, default=2.0, help="uploads of a student in the hour, in the mean")
    arguments.add_argument("--students", type=int, nargs="+", default=[300, 10_000])
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--faster", type=float, default=10.0, help="how much faster than life --check is")
    arguments.add_argument("--check", action="store_true", help="hold the simulation against the real queue")
    given = arguments.parse_args()
    unit_s, train_s = given.unit_s, given.train_s
    if unit_s is None or train_s is None:
        jobs = os.cpu_count() or 1
        unit_s, train_s = measured(given.assignment, given.backend, jobs)
        load = os.getloadavg()[0]
        console.print(f"{given.assignment}, {given.backend}, {jobs} slots busy all along (load {load:.1f}):")
    console.print(f"a slot takes {unit_s:.1f} s for gate and unit, {train_s:.1f} s for the training")
    if given.check:
        hour = uploads_of(given.students[0], given.uploads, given.seed)
        held_against_the_real_queue(hour, slots=4, unit_s=unit_s, train_s=train_s, faster=given.faster)
        return
    for students in given.students:
        hour = uploads_of(students, given.uploads, given.seed)
        fewest = slots_for(hour, unit_s, train_s, gpus=given.train_slots, within_s=60)
        tried = sorted({max(1, round(fewest * share)) for share in (0.25, 0.5, 0.75, 1, 1.5)})
        rows = [
            (str(slots), simulate(hour, slots=slots, gpus=given.train_slots, unit_s=unit_s, train_s=train_s))
            for slots in tried
        ]
        show(students, rows, len(hour))
        console.print(
            f"{fewest} slots: unit results within a minute for 95 of 100; {students / fewest:.0f} students a slot"
        )


if __name__ == "__main__":
    main()
