"""What a server process counts about itself, for Prometheus. With several processes each counts its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

# Seconds until an answer begins: pages and reads are tens of milliseconds, an upload of 64 MiB is seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """`uploads` by outcome (received, again, refused); `latency` by method, route and status, in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        for outcome in ("received", "again", "refused"):
            self.uploads.labels(outcome=outcome)
