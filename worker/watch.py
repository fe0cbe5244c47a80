"""What a worker's threads do, as figures, health and traces. The loop tells; nothing of the grading depends on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import pairwise

from grader.domain.check import Stage
from grader.domain.grading import Claim, Queue
from grader.domain.run import RunReport
from grader.kit.tracing import NoTraces, Span, Traces
from worker.metrics import PoolFigures, WorkerMetrics
from worker.pulse import Pulse

_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One for a worker."""

    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    pulse: Pulse = field(default_factory=Pulse)
    traces: Traces = field(default_factory=NoTraces)
    _quarantine_s: list[Callable[[], float]] = field(default_factory=list)

    def show(self, *, slots: int, quarantine_s: Callable[[], float], pools: Callable[[], PoolFigures]) -> None:
        """Have these among the figures, and the quarantine in the health."""
        self._quarantine_s.append(quarantine_s)
        self.metrics.show(
            slots=slots, busy=self.pulse.busy, quarantine_s=quarantine_s, pools=pools,
            healthy=lambda: not self.problems(),
        )  # fmt: skip

    def problems(self) -> list[str]:
        """A sentence for each thing that keeps this worker from its work; empty while all is well."""
        left_s = max((read() for read in self._quarantine_s), default=0.0)
        said = self.pulse.problems()
        if left_s > 0:
            said.append(f"Gradings failed in a row on this machine, so it claims nothing for {left_s:.0f} s.")
        return said

    def begin(self, claim: Claim, *, slot: Hashable, asked_ns: int, within_s: float) -> Attempt:
        """A claim that was asked for at `asked_ns` (since 1970), to be graded `within_s` seconds or be stuck."""
        self.pulse.reached()
        self.pulse.grades(slot, within_s)
        return Attempt(self, claim, asked_ns=asked_ns)


class Attempt:
    """One claim, from when it was asked for to its end."""

    def __init__(self, watch: Watch, claim: Claim, *, asked_ns: int) -> None:
        self._watch = watch
        self._claim = claim
        self._asked_ns = asked_ns
        # Each stage of the claim and when it began; a gate goes on as the unit stage.
        self._begun: list[tuple[Stage, int]] = [(claim.lease.stage, time.time_ns())]
        self._report: RunReport | None = None

    def goes_on_with(self, stage: Stage) -> None:
        """The stage before it is over, and passed."""
        self._begun.append((stage, time.time_ns()))

    def judged(self, report: RunReport) -> None:
        """The engine came to this, whatever becomes of it."""
        self._report = report
        metrics = self._watch.metrics
        for reason in report.facts.endings:
            metrics.sandboxes.labels(reason=str(reason)).inc()
        metrics.gpu_seconds.inc(report.facts.gpu_s or 0.0)

    def ended(self, ending: str) -> None:
        """One of `worker.metrics.ENDINGS`."""
        over_ns = time.time_ns()
        metrics, queue = self._watch.metrics, self._claim.queue.value
        spans = [*self._begun, (self._begun[-1][0], over_ns)]
        for (stage, began_ns), (_, ended_ns) in pairwise(spans):
            is_last = ended_ns == over_ns
            metrics.seconds.labels(stage=stage.value, queue=queue).observe(max(0, ended_ns - began_ns) / _BILLION)
            metrics.gradings.labels(stage=stage.value, ending=ending if is_last else "passed").inc()
        if ending == "lease-lost":
            metrics.lease_losses.inc()
        elif ending == "put-back":
            metrics.put_backs.inc()
        elif ending in {"failed", "bad-spec"}:
            metrics.faults.labels(kind="spec" if ending == "bad-spec" else "grading").inc()
        if self._watch.traces.is_on:
            self._trace(ending, spans)

    def _trace(self, ending: str, begun: list[tuple[Stage, int]]) -> None:
        claim, traces = self._claim, self._watch.traces
        run = claim.lease.run
        ids = {"grader.run": run, "grader.submission": claim.submission, "grader.queue": claim.queue.value}
        claimed = Span(name="claim", began_ns=self._asked_ns, ended_ns=begun[0][1], about=ids, kind="consumer")
        # A mass rerun makes its runs in one statement, so the first who claims one begins its trace.
        is_first = claim.queue is Queue.RERUN and claim.lease.stage is Stage.GATE and claim.attempt == 1
        traces.tell_run(claimed, run=run, is_root=is_first)
        for number, ((stage, began_ns), (_, ended_ns)) in enumerate(pairwise(begun)):
            is_last = number == len(begun) - 2
            said = ending if is_last else "passed"
            span = Span(
                name=stage.value,
                began_ns=began_ns,
                ended_ns=ended_ns,
                about=ids | {"grader.stage": stage.value, "grader.try": claim.attempt, "grader.ending": said},
                children=tuple(self._pieces(stage, began_ns, is_first=number == 0)),
                problem=said if said in {"failed", "bad-spec", "lease-lost"} else "",
            )
            traces.tell_run(span, run=run)

    def _pieces(self, stage: Stage, began_ns: int, *, is_first: bool) -> list[Span]:
        """What the engine measured, laid end to end: it tells how long each took, not when it began."""
        if self._report is None:
            return []
        timing = self._report.timing
        checks_s = sum(check.seconds for check in self._report.checks if check.stage is stage and not check.reused_from)
        ahead = (("intake", timing.intake), ("sandbox", timing.sandbox), ("load", timing.load)) if is_first else ()
        pieces = []
        for name, seconds in (*ahead, ("checks", checks_s)):
            ended_ns = began_ns + int(seconds * _BILLION)
            pieces.append(Span(name=name, began_ns=began_ns, ended_ns=ended_ns))
            began_ns = ended_ns
        return pieces
