"""Ours beside what teachers use today, in one run: plain pytest in containers, otter-grader, nbgrader.

    .venv/bin/python benchmarks/against_peers.py [--hand-ins 8] [--rounds 4] [--report docs/performance.md]
    .venv/bin/python benchmarks/against_peers.py --quick            # three hand-ins, once each, no service
    .venv/bin/python benchmarks/against_peers.py --only latency memory

The same hand-ins of cmp784-practical2 and the same twelve checks for every tool. The first run installs the peers into
var/peers and an image of their own (minutes). Prints its tables; with `--report` they also replace those in that page.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from peers import measures
from peers.build import ready
from report import Figures, as_markdown, publish
from service import bench_gradebook, bench_scaling, bench_uploads

from grader.domain.errors import GraderError

PARTS = ("latency", "throughput", "burst", "memory", "training-cell", "scaling", "uploads", "gradebook")
QUICK = ("latency", "throughput")


def service_part(part: str, backends: list[str]) -> list[Figures]:
    """Figures of the whole service, as benchmarks/service.py takes them."""
    makers: dict[str, Callable[[Path], Figures]] = {
        "scaling": partial(
            bench_scaling, count=16, workers=(1, 2, 4), backend="fork" if "fork" in backends else "bwrap"
        ),
        "uploads": partial(bench_uploads, count=400, clients=8),
        "gradebook": partial(bench_gradebook, students=1000, assignments=10),
    }
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        return [makers[part](Path(scratch))]


def measured(bench: measures.Bench, part: str, rounds: int, widths: Sequence[int]) -> list[Figures]:
    """The tables of one part; `widths` are how many hand-ins go at a time."""
    if part == "latency":
        return [measures.latency(bench, rounds)]
    if part == "throughput":
        return measures.throughput_and_grades(bench, widths)
    if part == "burst":
        return [measures.burst(bench, widths)]
    if part == "memory":
        return [measures.memory(bench)]
    if part == "training-cell":
        return [measures.training_cell(bench)]
    return service_part(part, bench.backends)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hand-ins", type=int, default=8, help="the reference, a third correct variants, mutants")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts alone")
    parser.add_argument("--report", type=Path, help="a page whose tables are replaced")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    count, rounds = (3, 1) if options.quick else (max(options.hand_ins, 3), options.rounds)
    parts = options.only or (QUICK if options.quick else PARTS)
    began = time.monotonic()
    failed = []
    installed = ready()
    with tempfile.TemporaryDirectory(prefix="against-peers-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        bench = measures.make_bench(installed, folder, count=count)
        for part in parts:
            try:
                tables = measured(bench, part, rounds, (1,) if options.quick else (1, 2))
            except (GraderError, SystemExit) as error:
                # The other parts are still worth their table.
                failed.append(part)
                print(f"\n{part} could not be measured: {error}\n", flush=True)
                continue
            for figures in tables:
                print(f"\n{as_markdown(figures)}\n", flush=True)
            if options.report:
                publish(options.report, tables)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
