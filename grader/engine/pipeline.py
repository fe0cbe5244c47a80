"""One run from bytes to check results. A list of calls; everything it calls is elsewhere."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Self

from grader.domain.assignment import Assignment, Limits
from grader.domain.check import CheckResult
from grader.domain.errors import InputError, SandboxLost
from grader.domain.run import Event, RunReport, RunStatus, Timing, without_checks
from grader.domain.score import mark_of, score_of
from grader.engine.harness.job import Job
from grader.engine.harness.supervise import HarnessPool, Judgement
from grader.engine.sandbox.base import SandboxBackend, SandboxProfile
from grader.engine.sandbox.pool import WarmPool
from grader.intake.archive import Listing, list_upload
from grader.intake.files import Match, match
from grader.kit.digest import sha256_of
from grader.specs.load import Spec

# A lost sandbox is ours to try again; more than this and something is broken that trying does not mend.
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeOptions:
    """What is run, and under which randomness.

    `only` holds shell patterns on check or part ids, empty for all; `train` False leaves training checks out; `seed`
    fixes a run's randomness, which is otherwise its own.
    """

    only: tuple[str, ...] = ()
    train: bool = True
    seed: str | None = None


def profile_for(limits: Limits, *, background: bool) -> SandboxProfile:
    """What a sandbox may use under an assignment's limits."""
    return SandboxProfile(
        memory_bytes=limits.memory_bytes,
        scratch_bytes=limits.scratch_bytes,
        processes=limits.processes,
        cpu_s=int(limits.run_s),
        background=background,
    )


class Engine:
    """Grades submissions on this machine. Safe to use from as many threads as it was opened with jobs.

    Args:
        backend: makes the sandboxes.
        limits: what an assignment lets one sandbox use.
        jobs: how many runs may go on at once.
        expected: how many runs will be asked for, if known: then no sandbox is started for a run that will not come.
            A worker does not know; what it starts ahead of need starts in the background, so that the run under way
            is not slowed down by the next one's imports.

    """

    def __init__(
        self,
        backend: SandboxBackend,
        *,
        limits: Limits | None = None,
        jobs: int = 1,
        expected: int | None = None,
    ) -> None:
        self.backend = backend
        background = expected is None
        self._profile = profile_for(limits or Limits(), background=background)
        ahead = min(jobs, expected) if expected is not None else jobs
        self._sandboxes = WarmPool(backend, self._profile, ahead, expected=expected)
        self._harnesses = HarnessPool(ahead, expected=expected, background=background)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill every sandbox and harness."""
        self._harnesses.stop()
        self._sandboxes.stop()

    def await_ready(self) -> None:
        """Wait until a grading would have to wait for nothing (benchmarks and workers)."""
        self._harnesses.await_ready()
        self._sandboxes.await_ready()

    def grade(
        self,
        spec: Spec,
        name: str,
        content: bytes,
        options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport:
        """Judge one hand-in.

        Never raises for what a student handed in: that is a report with status `rejected`, or check results.

        Raises:
            SetupError: the grader itself cannot work here (no sandbox, broken spec).

        """
        started = time.monotonic()
        options = options or GradeOptions()
        blank = without_checks(
            spec.assignment,
            spec_version=spec.version,
            file=name,
            sha256=sha256_of(content),
            status=RunStatus.FAILED,
        )
        try:
            listing = list_upload(name, content, spec.assignment.limits)
            matched = match(listing, spec.assignment.files)
        except InputError as error:
            return replace(
                blank,
                status=RunStatus.REJECTED,
                message=str(error),
                timing=Timing(total=time.monotonic() - started),
            )
        intake_s = time.monotonic() - started
        job = _job(spec, listing, matched, content, options)
        try:
            judgement = self._judge(job, on_event or _ignore)
        except SandboxLost as error:
            return replace(
                blank,
                status=RunStatus.FAILED,
                message=str(error),
                timing=Timing(total=time.monotonic() - started),
            )
        report = replace(blank, files=tuple(entry.path for entry in listing.entries), notes=_notes(listing, judgement))
        timing = _timing(judgement, intake_s, time.monotonic() - started)
        return _graded(replace(report, timing=timing), spec.assignment, judgement)

    def _judge(self, job: Job, on_event: Callable[[Event], None]) -> Judgement:
        for attempt in range(TRIES):
            with ExitStack() as stack:
                harness = stack.enter_context(self._harnesses.lease())
                try:
                    return harness.judge(job, self._sandboxes.lease, on_event)
                except SandboxLost:
                    if attempt == TRIES - 1:
                        raise
        raise AssertionError("the last attempt returns or raises")


def _ignore(event: Event) -> None:
    """For callers who do not watch."""
    del event


def _job(spec: Spec, listing: Listing, matched: Match, content: bytes, options: GradeOptions) -> Job:
    assignment = spec.assignment
    load: dict[str, Any] = {
        "archive": content, "name": listing.name, "kind": listing.kind, "entries": list(matched.entries),
        "prefer": list(assignment.names), "starter": spec.starter, "starter_names": list(assignment.starter_names),
        "statement_s": 5.0,
    }  # fmt: skip
    return Job(
        spec_folder=str(spec.folder),
        seed=options.seed or secrets.token_hex(8),
        load=load,
        load_s=assignment.limits.load_s,
        run_s=assignment.limits.run_s,
        submission={
            "name": listing.name, "kind": listing.kind, "files": [entry.path for entry in listing.entries],
            "roles": [[entry["path"], entry["role"]] for entry in matched.entries],
            "misnamed": [[rule, sentence] for rule, sentence in matched.problems],
        },
        parts={part.id: (part.checks, part.points) for part in assignment.part},
        only=options.only,
        train=options.train,
        thresholds={name: threshold.model_dump() for name, threshold in assignment.threshold.items()},
        names=assignment.names,
    )  # fmt: skip


def _notes(listing: Listing, judgement: Judgement) -> tuple[str, ...]:
    files = judgement.facts.get("files", [])
    return (
        *listing.notes,
        *(f"{path}: {note}" for path, _, note in files if note),
        *judgement.facts.get("notes", []),
    )


def _timing(judgement: Judgement, intake_s: float, total_s: float) -> Timing:
    return Timing(
        intake=round(intake_s, 4),
        sandbox=round(judgement.first_sandbox_s, 4),
        load=round(float(judgement.facts.get("load_s", 0.0)), 4),
        checks=round(sum(result.seconds for result in judgement.results), 4),
        total=round(total_s, 4),
    )


def _graded(report: RunReport, assignment: Assignment, judgement: Judgement) -> RunReport:
    files = judgement.facts.get("files", [])
    if (
        files
        and all(status in ("unreadable", "unparsed") for _, status, _ in files)
        and not judgement.facts.get("names")
    ):
        words = next((f"{path}: {note}" for path, _, note in files if note), "None of the code files could be read.")
        return replace(report, status=RunStatus.REJECTED, message=words, notes=())
    results = _in_order(assignment, judgement.results)
    score = score_of(results)
    mark = mark_of(assignment.scale, score, report.max_score)
    return replace(report, status=RunStatus.GRADED, score=score, mark=mark, checks=results)


def _in_order(assignment: Assignment, results: list[CheckResult]) -> tuple[CheckResult, ...]:
    place = {part.id: index for index, part in enumerate(assignment.part)}
    return tuple(sorted(results, key=lambda result: place[result.part]))
