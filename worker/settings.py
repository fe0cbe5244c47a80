"""What a worker reads from its environment and command line, once."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from grader.domain.errors import SetupError
from grader.domain.grading import Queue


class BadWorkerSettings(SetupError):
    """A worker's setting is missing or cannot be used."""

    code = "bad-worker-settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Where database, broker and blobs are: all a worker or sweep needs to know of the rest."""

    database_url: str
    broker_url: str
    blobs_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """`jobs` stages are graded at the same time; a worker silent for `lease_s` seconds loses its stages."""

    service: ServiceSettings
    queues: tuple[Queue, ...]
    jobs: int
    lease_s: float
    sandbox: str | None
    name: str


def service_settings(environment: Mapping[str, str]) -> ServiceSettings:
    """Raises BadWorkerSettings, naming what is missing."""
    return ServiceSettings(
        database_url=_needed(environment, "GRADER_DATABASE_URL"),
        broker_url=_needed(environment, "GRADER_BROKER_URL"),
        blobs_url=_needed(environment, "GRADER_BLOBS_URL"),
    )


def worker_settings(environment: Mapping[str, str], *, queues: str, jobs: int | None) -> WorkerSettings:
    """Raises BadWorkerSettings, naming what is missing or unusable."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    known = [queue.value for queue in Queue]
    strange = [name for name in names if name not in known]
    if strange or not names:
        raise BadWorkerSettings(f"--queues takes some of {', '.join(known)}, but was given {queues!r}.")
    return WorkerSettings(
        service=service_settings(environment),
        queues=tuple(Queue(name) for name in names),
        jobs=jobs if jobs is not None else int(_number(environment, "GRADER_WORKER_JOBS", 1, at_least=1)),
        lease_s=_number(environment, "GRADER_LEASE_S", 30, at_least=1),
        sandbox=environment.get("GRADER_SANDBOX") or None,
        name=f"{socket.gethostname()}-{os.getpid()}",
    )


def sweep_seconds(environment: Mapping[str, str]) -> float:
    """Seconds between two sweeps."""
    return _number(environment, "GRADER_SWEEP_S", 5, at_least=0.1)


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise BadWorkerSettings(f"{name} is not set; docs/settings.md says what it is for.")
    return value


def _number(environment: Mapping[str, str], name: str, default: float, *, at_least: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = at_least - 1
    if number < at_least:
        raise BadWorkerSettings(f"{name} should be a number of at least {at_least:g}, but is {text!r}.")
    return number
