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
        self._counts: dict[TaskID, Counter[CheckStatus]] = {}
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

    def began(self, label: str) -> int:
        shown = one_line(label, limit=50).replace("[", "\\[")
        with self._lock:
            task = self._progress.add_task(shown, total=self._checks or None, now="starting")
            self._counts[task] = Counter()
            return task

    def heard(self, number: int, event: Event) -> None:
        task = TaskID(number)
        with self._lock:
            if event.result is None:
                self._progress.update(task, now=self._now(task, event.check_id or ""))
                return
            self._counts[task][event.result.status] += 1
            self._progress.update(task, advance=1, now=self._now(task, ""))

    def ended(self, number: int) -> None:
        with self._lock:
            self._progress.remove_task(TaskID(number))

    def aside(self, show: Callable[[], None]) -> None:
        """Call `show`, which prints to stdout, while the bars are out of its way."""
        with self._lock:
            self._progress.stop()
            show()
            self._progress.start()

    def _now(self, task: TaskID, check: str) -> str:
        counts = self._counts[task]
        ticks = "  ".join(
            f"[{SIGNS[status][1]}]{SIGNS[status][0]}[/] {counts[status]}" for status in CheckStatus if counts[status]
        )
        return f"{ticks}  {check}".strip()
