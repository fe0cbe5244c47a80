"""One run from bytes to check results. A list of calls; everything it calls is elsewhere."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from grader.domain.assignment import Limits
from grader.domain.check import CheckResult, Stage
from grader.domain.errors import BadArchive, DeviceLost, GraderError, InputError, SandboxLost, TransientError
from grader.domain.run import Event, RunFacts, RunReport, RunStatus, Timing, without_checks
from grader.engine.flags import refused
from grader.engine.harness.job import Job, result_to_plain
from grader.engine.harness.supervise import HarnessPool, HarnessProcess, Judgement
from grader.engine.reporting import facts_of, graded, notes_of, timing_of
from grader.engine.sandbox.base import SandboxBackend, SandboxProfile
from grader.engine.sandbox.devices import Share
from grader.engine.sandbox.pool import PoolStatistics, WarmPool
from grader.intake.archive import Listing, list_upload
from grader.intake.files import Match, match
from grader.kit.digest import sha256_of
from grader.specs.load import Spec

# A lost sandbox is ours to try again; more than this and something is broken that trying does not mend.
TRIES = 3
# A sandbox that somebody killed so late is no reason to begin again: a worker that takes twice as long looks stuck.
DOUBT_S = 300.0
# Main memory that CUDA's libraries take in a process before it computes anything. Reasoned, not measured here.
DRIVER_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """Results of an earlier run that are taken over instead of being run: of checks in these test files of the spec.

    Each has its artifacts and says which run came to it. `torch` judged them: another one reuses none.
    """

    tests: frozenset[str]
    results: tuple[CheckResult, ...]
    torch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeOptions:
    """What is run, and under which randomness.

    `only` holds shell patterns on check or part ids, empty for all; `train` False leaves training checks out, and says
    so in the report; `seed` fixes a run's randomness, which is otherwise its own: the parts of one run under several
    calls take the same. `answers` are written answers that came beside the hand-in; they win over those inside it.

    `share` is the part of a GPU to train on; without one everything runs on the CPU.

    `parts` names the parts that this run judges, empty for all. A check of another part is neither run nor reported.
    Where all of them are each member's own, no code need be there: what is handed in for those may be answers alone.

    `reuse` holds results that are reported instead of being run, with the title, points and visibility of this spec;
    those of training checks come with the unit stage already, so that nobody takes a GPU for them.

    `stages` names the stages of this call. A check of another stage is neither run nor reported, whereas one that
    `only` or `train` leaves out is reported as skipped. One exception: if a gate check fails in a call that asks for
    both gate and unit, the call also reports the training checks, as skipped, so that the run is complete without a
    call for `train`, which a worker may need a GPU for. A call for the gate alone leaves that to whoever goes on; one
    for unit or train alone supposes that the gate passed. The score is the sum of what is reported. What the spec
    promises is held against all its checks in every call.
    """

    only: tuple[str, ...] = ()
    train: bool = True
    parts: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = tuple(Stage)
    seed: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    share: Share | None = None
    reuse: Reuse | None = None


def profile_for(limits: Limits, *, background: bool, share: Share | None = None) -> SandboxProfile:
    """What a sandbox may use under an assignment's limits, and on its share of a GPU if it has one."""
    return SandboxProfile(
        memory_bytes=limits.memory_bytes + (0 if share is None else DRIVER_BYTES),
        gpu=None if share is None else share.gpu.uuid,
        gpu_share=1.0 if share is None else share.part,
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
        harnesses: taken from here instead of a pool of the engine's own, and left running when it closes.
        share: the part of a GPU that its sandboxes see. It has room for one of them, so `jobs` is 1, and the next one
            starts when the device's memory is back.

    """

    def __init__(
        self,
        backend: SandboxBackend,
        *,
        limits: Limits | None = None,
        jobs: int = 1,
        expected: int | None = None,
        harnesses: HarnessPool | None = None,
        share: Share | None = None,
    ) -> None:
        self.backend = backend
        background = expected is None
        self._profile = profile_for(limits or Limits(), background=background, share=share)
        ahead = min(jobs, expected) if expected is not None else jobs
        self._sandboxes = WarmPool(
            backend, self._profile, ahead, expected=expected, only=share is not None,
            after_use=None if share is None else share.check_released,
        )  # fmt: skip
        self._owns_harnesses = harnesses is None
        self._harnesses = harnesses or HarnessPool(ahead)
        self._lock = threading.Lock()
        self._judging: set[HarnessProcess] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def statistics(self) -> PoolStatistics:
        """Its sandboxes: ready, starting, leased."""
        return self._sandboxes.statistics

    def close(self) -> None:
        """Kill every sandbox and harness; see `interrupt`. Idempotent."""
        self.interrupt()
        if self._owns_harnesses:
            self._harnesses.stop()
        self._sandboxes.stop()

    def interrupt(self) -> None:
        """End every grading at once, from any thread: `grade` raises TransientError, now and from now on.

        Harnesses go first. Were it the sandboxes, a check under way would come to a result that blames the student.
        """
        with self._lock:
            self._is_closed = True
            judging = tuple(self._judging)
        for harness in judging:
            harness.interrupt()

    def await_ready(self) -> None:
        """Wait until a grading would have to wait for nothing (benchmarks and workers).

        Raises:
            NoSandbox, SandboxLost, RunFailed: it will not come to that.
            TransientError: the engine was closed meanwhile.

        """
        try:
            self._harnesses.await_ready()
            self._sandboxes.await_ready()
        except GraderError as error:
            if self._is_closed:
                raise TransientError("The engine was closed before it was ready.") from error
            raise

    def grade(
        self,
        spec: Spec,
        name: str,
        content: bytes,
        options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport:
        """Judge one hand-in.

        Never raises for what a student handed in: that is a report with status `rejected`, or check results. What
        `on_event` raises ends the run and is passed on.

        Raises:
            SetupError: the grader itself cannot work here (no sandbox, broken spec).
            TransientError: the engine was closed meanwhile; nothing is wrong with spec or hand-in.

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
            matched = match(listing, spec.assignment.files, needs_code=_needs_code(spec, options))
        except InputError as error:
            return replace(
                blank,
                status=RunStatus.REJECTED,
                message=str(error),
                timing=Timing(total=time.monotonic() - started),
                facts=RunFacts(flags=refused(error.trick if isinstance(error, BadArchive) else "")),
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
                facts=RunFacts(sandbox=self.backend.name, seed=job.seed),
            )
        report = replace(
            blank,
            files=tuple(entry.path for entry in listing.entries),
            notes=notes_of(listing, judgement),
            timing=timing_of(judgement, intake_s, time.monotonic() - started),
            facts=facts_of(judgement, sandbox=self.backend.name, seed=job.seed),
        )
        return graded(report, spec.assignment, judgement)

    def _judge(self, job: Job, on_event: Callable[[Event], None]) -> Judgement:
        began = time.monotonic()
        for attempt in range(TRIES):
            try:
                with self._harness() as harness:
                    return harness.judge(
                        job, self._sandboxes.lease, on_event,
                        may_try_again=attempt < TRIES - 1 and time.monotonic() - began < DOUBT_S,
                    )  # fmt: skip
            except GraderError as error:
                if self._is_closed:
                    # Whatever it looked like from inside, it ended because everything was killed.
                    raise TransientError("The grading was interrupted, because its engine was closed.") from error
                # A device that failed is no better the next time; the queue may have another.
                if not isinstance(error, SandboxLost) or isinstance(error, DeviceLost) or attempt == TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _harness(self) -> Iterator[HarnessProcess]:
        """A harness that `interrupt` knows of."""
        with self._harnesses.lease() as harness:
            with self._lock:
                if self._is_closed:
                    raise TransientError("The engine is closed, so it grades nothing more.")
                self._judging.add(harness)
            try:
                yield harness
            finally:
                with self._lock:
                    self._judging.discard(harness)


def _ignore(event: Event) -> None:
    """For callers who do not watch."""
    del event


def _needs_code(spec: Spec, options: GradeOptions) -> bool:
    return not options.parts or not set(options.parts) <= set(spec.assignment.individual_parts)


def _job(spec: Spec, listing: Listing, matched: Match, content: bytes, options: GradeOptions) -> Job:
    assignment, reuse = spec.assignment, options.reuse
    load: dict[str, Any] = {
        "archive": content, "name": listing.name, "kind": listing.kind, "entries": list(matched.entries),
        "prefer": list(assignment.names), "starter": spec.starter, "starter_names": list(assignment.starter_names),
        "statement_s": 5.0, "answers": dict(options.answers),
    }  # fmt: skip
    return Job(
        spec_folder=str(spec.folder),
        import_folders=tuple(str(folder) for folder in spec.import_folders),
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
        judged=options.parts,
        train=options.train,
        stages=tuple(str(stage) for stage in options.stages),
        thresholds={name: threshold.model_dump() for name, threshold in assignment.threshold.items()},
        names=assignment.names,
        reuse={} if reuse is None else {str(result.id): result_to_plain(result) for result in reuse.results},
        reuse_tests=() if reuse is None else tuple(sorted(reuse.tests)),
        reuse_torch="" if reuse is None else reuse.torch,
    )  # fmt: skip
