"""What the benchmarks share: timing by turns, medians, and a table of ratios. Run by hand, never by tests."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from report import Figures, machine, ratio
from rich.console import Console
from rich.table import Table

# Figures are of the runtime that most engines take; GRADER_DOCKER_RUNTIME=runsc measures gVisor.
os.environ.setdefault("GRADER_DOCKER_RUNTIME", "runc")
Action = Callable[[], float | None]


def import_torch() -> None:
    """The yardstick: what every grader that runs PyTorch pays at least once."""
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def seconds_of(action: Action) -> float:
    """Wall seconds of one call, or what the call itself says it took (set-up left out)."""
    began = time.monotonic()
    said = action()
    return time.monotonic() - began if said is None else said


def by_turns(actions: dict[str, Action], rounds: int) -> dict[str, list[float]]:
    """Run all actions in turn, `rounds` times, so that a machine that slows down slows them all."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds_of(action))
    return times


def show(title: str, times: dict[str, list[float]], yardstick: str) -> None:
    """Print medians with their range, and each as a multiple of the yardstick's median in the same run."""
    base = statistics.median(times[yardstick])
    table = Table(title=f"{title} ({platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})")
    for column in ("what", "runs", "median s", "min", "max", f"x {yardstick}"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, values in times.items():
        median = statistics.median(values)
        table.add_row(
            name, str(len(values)), f"{median:.3f}", f"{min(values):.3f}", f"{max(values):.3f}", f"{median / base:.2f}"
        )
    Console(width=120).print(table)


def as_figures(name: str, about: str, times: dict[str, list[float]], yardstick: str) -> Figures:
    """The same table for a page."""
    base = statistics.median(times[yardstick])
    rows = []
    for what, values in times.items():
        median = statistics.median(values)
        rows.append((what, f"{median:.3f}", f"{min(values):.3f} to {max(values):.3f}", ratio(median, base)))
    runs = len(times[yardstick])
    columns = ("what", "median s", "min to max", f"x {yardstick}")
    return Figures(name=name, columns=columns, rows=rows, about=f"{about}, {runs} runs by turns ({machine()}):")
