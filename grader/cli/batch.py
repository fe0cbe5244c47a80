"""Grading several hand-ins at once; their reports come back in the order in which they were given."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from grader.cli.collect import HandIn
from grader.cli.exits import DEBUG_VARIABLE
from grader.domain.assignment import Limits
from grader.domain.errors import GraderError, InputError
from grader.domain.run import Event, RunReport, RunStatus, without_checks
from grader.kit.digest import sha256_of
from grader.kit.text import one_line
from grader.specs.load import Spec

if TYPE_CHECKING:
    from grader.engine.pipeline import GradeOptions


class Grades(Protocol):
    """What the commands need of `grader.engine.pipeline.Engine`."""

    def grade(
        self,
        spec: Spec,
        name: str,
        content: bytes,
        options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport: ...


class Watcher(Protocol):
    """Is told how far each hand-in is; called from several threads."""

    def began(self, label: str) -> int:
        """The number by which this hand-in is spoken of from now on; the same file may be given twice."""
        ...

    def heard(self, number: int, event: Event) -> None: ...
    def ended(self, number: int) -> None: ...


class Unwatched:
    """For output that nobody watches."""

    def began(self, label: str) -> int:  # noqa: ARG002
        return 0

    def heard(self, number: int, event: Event) -> None: ...
    def ended(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What to grade by which spec, and how."""

    spec: Spec
    hand_ins: Sequence[HandIn]
    options: GradeOptions
    jobs: int

    def run(self, engine: Grades, watcher: Watcher) -> Iterator[RunReport]:
        """One report for each hand-in, in order, once all before it are there."""
        threads = ThreadPoolExecutor(self.jobs, thread_name_prefix="grade")
        try:
            for future in [threads.submit(self._one, engine, watcher, hand_in) for hand_in in self.hand_ins]:
                yield future.result()
        finally:
            # Not waited for: whoever interrupts closes the engine next, and that ends what is under way.
            threads.shutdown(wait=False, cancel_futures=True)

    def _one(self, engine: Grades, watcher: Watcher, hand_in: HandIn) -> RunReport:
        number = watcher.began(hand_in.label)
        content = b""
        try:
            content = hand_in.read(self.spec.assignment.limits)
            report = engine.grade(
                self.spec,
                hand_in.upload_name,
                content,
                self.options,
                lambda event: watcher.heard(number, event),
            )
            return replace(report, file=hand_in.label)
        except InputError as error:
            return self._without_checks(hand_in, content, RunStatus.REJECTED, str(error))
        except GraderError as error:
            return self._without_checks(hand_in, content, RunStatus.FAILED, str(error))
        except Exception as error:
            # One hand-in that trips over a fault of ours must not take the others with it.
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc()
            words = f"The grader has a fault of its own ({type(error).__name__}: {one_line(str(error))})."
            return self._without_checks(hand_in, content, RunStatus.FAILED, words)
        finally:
            watcher.ended(number)

    def _without_checks(self, hand_in: HandIn, content: bytes, status: RunStatus, message: str) -> RunReport:
        return without_checks(
            self.spec.assignment,
            spec_version=self.spec.version,
            file=hand_in.label,
            sha256=sha256_of(content) if content else "",
            status=status,
            message=message,
        )


def open_engine(
    *, sandbox: str | None, jobs: int, expected: int | None, limits: Limits
) -> AbstractContextManager[Grades]:
    """The engine, under an assignment's limits, over the sandbox of that name, else over the first that can be used.

    Raises:
        BadArguments: there is no sandbox of that name.
        NoSandbox: none can be used here.

    """
    from grader.engine.pipeline import Engine
    from grader.engine.sandbox.select import choose

    return Engine(choose(sandbox), limits=limits, jobs=jobs, expected=expected)
