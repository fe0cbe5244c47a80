"""Traces, told once something is over. The SDK of OpenTelemetry is imported only where a collector is named.

A run's trace has the run's own id, so that server and worker tell the same one without having spoken of it; its root
comes from whoever made the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

log = logging.getLogger(__name__)

Value = str | int | float | bool
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Something that took from `began_ns` to `ended_ns` (nanoseconds since 1970); `problem` is empty if all was well.

    `kind` is server, consumer or internal. `run` links to that run's trace.
    """

    name: str
    began_ns: int
    ended_ns: int
    about: Mapping[str, Value] = field(default_factory=dict)
    children: tuple[Span, ...] = ()
    problem: str = ""
    kind: str = "internal"
    run: str = ""

    def with_children(self, *children: Span) -> Span:
        return replace(self, children=(*self.children, *children))


class Traces(Protocol):
    """Where spans go. Telling one never fails and never waits for the collector."""

    is_on: bool

    def tell_request(self, span: Span, *, parent: str = "") -> None:
        """A request with all that it did; `parent` is the traceparent header it came with."""
        ...

    def tell_run(self, span: Span, *, run: str, is_root: bool = False) -> None:
        """Something that was done for a run. The root is what made the run: told once, by whoever made it."""
        ...

    def close(self) -> None:
        """Send what was told, for a few seconds at most."""
        ...


class NoTraces:
    """Where no collector is named."""

    is_on = False

    def tell_request(self, span: Span, *, parent: str = "") -> None:
        del span, parent

    def tell_run(self, span: Span, *, run: str, is_root: bool = False) -> None:
        del span, run, is_root

    def close(self) -> None:
        pass


def traces_for(environment: Mapping[str, str], *, service: str) -> Traces:
    """As OpenTelemetry's standard variables say; `service` is the name where OTEL_SERVICE_NAME gives none.

    A collector that is named where the packages are missing is a line in the log: nothing stops grading for a trace.
    """
    is_off = environment.get("OTEL_SDK_DISABLED", "").casefold() == "true"
    if is_off or not any(environment.get(name) for name in ENDPOINTS):
        return NoTraces()
    try:
        from grader.kit.otlp import OtlpTraces
    except ModuleNotFoundError:
        log.warning("a collector of traces is named, but its packages are missing: pip install 'grader[traces]'")
        return NoTraces()
    return OtlpTraces(service)
