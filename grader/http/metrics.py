"""What a server process counts about itself, for Prometheus.

Processes that share a port share their figures too, through files in the folder that PROMETHEUS_MULTIPROC_DIR names
(`grader.server.serve` sets it before they start): whichever of them is asked tells the sum.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Seconds until an answer begins: pages and reads are tens of milliseconds, an upload of 64 MiB is seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """What a server counts.

    `uploads` by outcome (received, again, refused); `latency` by method, route and status, in seconds; `streams` that
    are open; `connections` to the database that are in use, and the most there may be.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared = os.environ.get(SHARED_FOLDER)
        if self._shared:
            _forget_the_dead(Path(self._shared))
        else:
            # Of several processes nobody could tell whose figures these are.
            ProcessCollector(registry=self.registry)
        self.uploads = Counter(
            "grader_uploads", "Uploads by what became of them.", ["outcome"], registry=self.registry
        )  # fmt: skip
        self.latency = Histogram(
            "grader_http_seconds",
            "Seconds from a request to the beginning of its answer.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.streams = self._gauge("grader_event_streams", "Event streams that are open.")
        self.connections = self._gauge("grader_database_connections", "Connections to the database that are in use.")
        self.most_connections = self._gauge("grader_database_connections_limit", "The most connections that may be.")
        for outcome in ("received", "again", "refused"):
            self.uploads.labels(outcome=outcome)

    def _gauge(self, name: str, words: str) -> Gauge:
        return Gauge(name, words, registry=self.registry, multiprocess_mode="livesum")

    def text(self, *more: Collector) -> bytes:
        """In Prometheus' format, with what `more` collect at this moment; of all processes that share the port."""
        registry = self.registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=self._shared)  # type: ignore[no-untyped-call]
        extra = CollectorRegistry()
        for collector in more:
            extra.register(collector)
        return generate_latest(registry) + generate_latest(extra)


def _forget_the_dead(folder: Path) -> None:
    """What a process had open is gone with it; what it counted stays counted."""
    for path in folder.glob("gauge_live*_*.db"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal() and not Path(f"/proc/{number}").exists():
            mark_process_dead(int(number), path=str(folder))  # type: ignore[no-untyped-call]
