"""What the boundary costs: a tiny call, tensors through the pipe, training inside against training outside, memory.

    .venv/bin/python benchmarks/engine.py [--backends bwrap docker] [--rounds 20] [--report docs/performance.md]

Training is compared by the time of the same fixed loop (same model, data, seed, thread count) run in a plain
subprocess and through `student.fit`; both are measured by turns in one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import torch
from report import Figures, machine, publish
from rich.console import Console
from rich.table import Table
from side_by_side import by_turns, show

from grader.engine.sandbox.base import Sandbox, SandboxProfile
from grader.engine.sandbox.pool import WarmPool
from grader.engine.sandbox.select import choose
from grader.engine.student.client import ProbeClient
from grader.engine.student.session import LoadOrder, Session
from grader.engine.student.student import Student, SubmissionFacts
from grader.engine.wire.frames import FramePipe

SOURCE = (
    Path(__file__).parent / "plain_pytest" / "model.py"
).read_text() + "\n\ndef echo(x):\n    return x\n\ndef one():\n    return 1\n"
STEPS, BATCH = 40, 50
BARE = """
import sys, time
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from grader.engine.probe.warmup import warm_up
warm_up()
import torch.nn.functional as F
from model import UNet
torch.manual_seed(0)
x, y = torch.randn(1000, 1, 32, 32), torch.randint(24, (1000, 32, 32))
model = UNet(3, 32, 24, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
began = time.monotonic()
for step in range(int(sys.argv[2])):
    pick = torch.randperm(1000)[: int(sys.argv[3])]
    optimizer.zero_grad()
    F.cross_entropy(model(x[pick]), y[pick]).backward()
    optimizer.step()
print(time.monotonic() - began)
"""


def student_in(sandbox: Sandbox) -> Student:
    """A loaded session in a leased sandbox."""
    pipe = FramePipe(os.dup(sandbox.read_fd), os.dup(sandbox.write_fd))

    def lost(reason: object) -> object:
        raise SystemExit(f"the sandbox was lost: {reason}; {sandbox.ending()}")

    body = {
        "archive": SOURCE.encode(), "name": "model.py", "kind": "py", "entries": [{"path": "model.py", "role": "code"}],
        "prefer": [], "starter": "", "starter_names": [], "statement_s": 5.0,
    }  # fmt: skip
    session = Session(LoadOrder(body=body, load_s=60.0), lambda: ProbeClient(pipe, lost))  # type: ignore[arg-type]
    session.begin(600.0)
    return Student(session, SubmissionFacts(name="model.py", kind="py", files=("model.py",)))


def round_trips(student: Student, rounds: int) -> dict[str, float]:
    """Median seconds: a call without arguments, and tensors of 1 MB and 100 MB there and back."""
    figures = {}
    one, echo = student.one, student.echo
    small, large = torch.randn(2**18), torch.randn(25 * 2**20)
    for name, call, repeats in (
        ("tiny call, ms", one, rounds * 20),
        ("1 MB there and back, ms", lambda: echo(small), rounds),
        ("100 MB there and back, ms", lambda: echo(large), 5),
    ):
        times = []
        for _ in range(repeats):
            began = time.monotonic()
            call()
            times.append(time.monotonic() - began)
        figures[name] = statistics.median(times) * 1000
    return figures


def training(student: Student, rounds: int) -> float:
    """The cost of the sandbox and of our loop against the bare loop, as their ratio."""
    model = student.UNet(3, 32, 24, 1)
    torch.manual_seed(0)
    x, y = torch.randn(1000, 1, 32, 32), torch.randint(24, (1000, 32, 32))

    def bare() -> float:
        command = [sys.executable, "-c", BARE, str(Path(__file__).parent / "plain_pytest"), str(STEPS), str(BATCH)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def inside() -> float:
        return student.fit(model, x, y, steps=STEPS, batch_size=BATCH, budget_s=600, report_every=STEPS).seconds

    times = by_turns({"bare": bare, "in the sandbox": inside}, rounds)
    show(f"training, {STEPS} steps of {BATCH}", times, "bare")
    return statistics.median(times["in the sandbox"]) / statistics.median(times["bare"])


def proportional_bytes(pid: int) -> dict[str, int]:
    """Private and proportional memory of a process tree, shared pages counted by their share (kernel: smaps_rollup)."""
    sums = {"Pss": 0, "Private_Dirty": 0, "Rss": 0}
    for member in _tree(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in lines:
            name, _, rest = line.partition(":")
            if name in sums:
                sums[name] += int(rest.split()[0]) * 1024
    return sums


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def idle_memory(backend: str, count: int) -> str:
    """What warm, unused sandboxes cost: means over `count` of them; proportional / private / resident, for a page."""
    before = set(_probes())
    pool = WarmPool(choose(backend), SandboxProfile(), count)
    try:
        pool.await_ready()
        probes = [pid for pid in _probes() if pid not in before]
        sums = [proportional_bytes(pid) for pid in probes]
        table = Table(title=f"{backend}: memory of each of {len(probes)} idle warm sandboxes, MB")
        means = {
            name: f"{statistics.mean(one[name] for one in sums) / 2**20:.0f}"
            for name in ("Pss", "Private_Dirty", "Rss")
        }
        for name in means:
            table.add_column(name, justify="right")
        table.add_row(*means.values())
        Console(width=120).print(table)
        return " / ".join(means.values()) + " MB"
    finally:
        pool.stop()


def _probes() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The interpreter itself, not a launcher that names the module among its arguments.
            if b"grader.engine.probe" in words[1:6] and b"python" in words[0]:
                found.append(int(entry.name))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", nargs="+", default=["bwrap", "docker"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--trainings", type=int, default=7)
    parser.add_argument("--report", type=Path, help="a page whose table is replaced")
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=120)
    columns: dict[str, list[str]] = {}
    for backend in options.backends:
        with ExitStack() as stack:
            pool = WarmPool(choose(backend), SandboxProfile(), 1, expected=1)
            stack.callback(pool.stop)
            student = student_in(stack.enter_context(pool.lease()))
            table = Table(title=f"{backend}: through the pipe, medians")
            figures = round_trips(student, options.rounds)
            for name in figures:
                table.add_column(name, justify="right")
            table.add_row(*(f"{value:.3f}" for value in figures.values()))
            console.print(table)
            trained = f"{training(student, options.trainings):.2f}"
        columns[backend] = [*(f"{value:.2f} ms" for value in figures.values()), trained, idle_memory(backend, 4)]
    if options.report:
        publish(options.report, [_as_figures(columns, options.rounds, options.trainings)])


def _as_figures(columns: dict[str, list[str]], rounds: int, trainings: int) -> Figures:
    names = (
        "a tiny call there and back", "1 MB there and back", "100 MB there and back",
        f"training in the sandbox / the bare loop, {STEPS} steps of {BATCH}, UNet, {trainings} runs each",
        "an idle warm sandbox: proportional / private / resident memory",
    )  # fmt: skip
    rows = [(name, *cells) for name, *cells in zip(names, *columns.values(), strict=True)]
    about = f"`engine.py --rounds {rounds} --trainings {trainings}` ({machine()}):"
    return Figures(name="boundary", columns=("", *columns), rows=rows, about=about)


if __name__ == "__main__":
    main()
