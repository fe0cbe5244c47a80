"""What a worker and the sweep count, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from grader.domain.check import Stage
from grader.domain.ending import EndingReason
from grader.domain.notices import Channel

# A unit stage is a second or two, a training minutes, and nothing may take more than an hour or so.
_BUCKETS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
# `passed` is a gate whose sandbox is used on for the unit checks.
ENDINGS = ("passed", "graded", "rejected", "failed", "bad-spec", "put-back", "lease-lost")
# `failed` is what cannot be shown, `fault` is ours.
SHEET_ENDINGS = ("made", "failed", "put-back", "fault")
FAULTS = ("grading", "spec", "loop")


class PoolFigures(Protocol):
    """Warm sandboxes, by what they do."""

    @property
    def ready(self) -> int: ...
    @property
    def starting(self) -> int: ...
    @property
    def leased(self) -> int: ...


class WorkerMetrics:
    """One for a worker process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.seconds = Histogram(
            "grader_grading_seconds", "Seconds from a stage's claim to its end.", ["stage", "queue"],
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.gradings = self._counter("grader_gradings", "Stages that ended here, and how.", "stage", "ending")
        self.sandboxes = self._counter("grader_sandbox_endings", "Sandboxes by why they ended.", "reason")
        self.faults = self._counter("grader_faults", "Faults of ours: while grading, in a spec, in the loop.", "kind")
        self.lease_losses = self._counter("grader_lease_losses", "Leases lost while a stage was graded.")
        self.put_backs = self._counter("grader_put_backs", "Stages given back, uncounted.")
        self._sheets = self._counter("grader_sheets", "Submissions whose sheets were taken on here, and how.", "ending")
        for ending in SHEET_ENDINGS:
            self._sheets.labels(ending=ending)
        self.wake_ups = self._counter("grader_wake_ups", "Wake-ups heard from the broker.")
        self.gpu_seconds = self._counter("grader_gpu_seconds", "Seconds of whole GPUs that gradings took.")
        for stage in Stage:
            for ending in ENDINGS:
                self.gradings.labels(stage=stage.value, ending=ending)
        for reason in EndingReason:
            self.sandboxes.labels(reason=reason.value)
        for kind in FAULTS:
            self.faults.labels(kind=kind)

    def show(
        self, *, slots: int, busy: Callable[[], int], quarantine_s: Callable[[], float],
        pools: Callable[[], PoolFigures], healthy: Callable[[], bool],
    ) -> None:  # fmt: skip
        """Have these shown as they are at each scrape."""

        def figures() -> Iterable[Metric]:
            yield GaugeMetricFamily("grader_slots", "Stages graded at the same time at most.", slots)
            yield GaugeMetricFamily("grader_slots_busy", "Stages that are being graded here.", busy())
            yield GaugeMetricFamily(
                "grader_quarantine_seconds", "Seconds until this machine claims again.", quarantine_s()
            )
            yield GaugeMetricFamily("grader_worker_healthy", "1 while /healthz says so.", float(healthy()))
            pool = pools()
            warm = GaugeMetricFamily("grader_sandboxes", "Sandboxes of the warm pools, by state.", labels=["state"])
            for state in ("ready", "starting", "leased"):
                warm.add_metric([state], getattr(pool, state))
            yield warm

        self.registry.register(Figures(figures))

    def sheets_ended(self, ending: str) -> None:
        """One of SHEET_ENDINGS."""
        self._sheets.labels(ending=ending).inc()

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self.registry)


class SweepMetrics:
    """One for a sweep process."""

    def __init__(self, healthy: Callable[[], bool]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.sweeps = Counter("grader_sweeps", "Sweeps that reached the database.", registry=self.registry)
        self.expired = Counter(
            "grader_sweep_expired", "Stages of silent workers that were put back.", registry=self.registry
        )
        self.failed = Counter(
            "grader_sweep_failed", "Runs that failed because every try fell silent.", registry=self.registry
        )
        self.woken = Counter("grader_sweep_woken", "Wake-ups asked for what waits.", registry=self.registry)
        self.deliveries = Counter(
            "grader_deliveries", "Attempts to deliver a notice, by how they ended.", ["channel", "ending"],
            registry=self.registry,
        )  # fmt: skip
        # An alert compares two of them, so that each is there from the beginning.
        for channel in Channel:
            for ending in ("delivered", "failed"):
                self.deliveries.labels(channel=channel.value, ending=ending)
        self.registry.register(
            Figures(lambda: [GaugeMetricFamily("grader_sweep_healthy", "1 while /healthz says so.", float(healthy()))])
        )

    def delivery_ended(self, channel: Channel, delivered: bool) -> None:
        self.deliveries.labels(channel=channel.value, ending="delivered" if delivered else "failed").inc()


class Figures(Collector):
    """What is read at each scrape."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()
