"""What is going on, on stderr, while somebody watches a terminal. Silent otherwise."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from grader.cli.cards import SIGNS, console_for
from grader.domain.check import CheckStatus
from grader.domain.run import Event
from grader.kit.text import one_line


class LiveProgress:
    """A bar for each hand-in under way; a check ticks in as it comes to its result."""

    def __init__(self, *, checks: int) -> None:
        self._checks = checks
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._counts: dict[str, Counter[CheckStatus]] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=console_for(stderr=True),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def began(self, label: str) -> None:
        with self._lock:
            self._counts[label] = Counter()
            shown = one_line(label, limit=50).replace("[", "\\[")
            self._tasks[label] = self._progress.add_task(shown, total=self._checks or None, now="starting")

    def heard(self, label: str, event: Event) -> None:
        with self._lock:
            if event.result is None:
                self._progress.update(self._tasks[label], now=self._now(label, event.check_id or ""))
                return
            self._counts[label][event.result.status] += 1
            self._progress.update(self._tasks[label], advance=1, now=self._now(label, ""))

    def ended(self, label: str) -> None:
        with self._lock:
            self._progress.remove_task(self._tasks.pop(label))

    def aside(self, show: Callable[[], None]) -> None:
        """Call `show`, which prints to stdout, while the bars are out of its way."""
        with self._lock:
            self._progress.stop()
            show()
            self._progress.start()

    def _now(self, label: str, check: str) -> str:
        counts = self._counts[label]
        ticks = "  ".join(
            f"[{SIGNS[status][1]}]{SIGNS[status][0]}[/] {counts[status]}" for status in CheckStatus if counts[status]
        )
        return f"{ticks}  {check}".strip()
