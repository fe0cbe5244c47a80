"""What a worker reads from its environment and command line, once."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grader.domain.errors import SetupError
from grader.domain.grading import Queue
from grader.kit.addresses import BadAddress, address
from grader.kit.destinations import BadDestination, Network, networks_of
from grader.kit.environment import unknown_variables
from worker.mail import MailSettings
from worker.monitor import MetricsAddress

# No machine grades more at once, and each slot holds a database connection and a warm sandbox.
MOST_JOBS = 64
# More sandboxes than this on one GPU have no memory left to compute in.
MOST_SHARES = 16
# Two weeks before, nothing is due soon; and a reminder is kept for less than a term (`grader.domain.notices.KEPT`).
_MOST_HOURS = 336


class BadWorkerSettings(SetupError):
    """A worker's setting is missing or cannot be used."""

    code = "bad-worker-settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """`jobs` stages are graded at the same time; a worker silent for `lease_s` seconds loses its stages.

    One that is told to stop goes on with what it grades for up to `drain_s` seconds.
    `queues` are served in their order; `sandbox` is a backend's name, None for the first that works. `gpus` names the
    GPUs to train on (`none`, `all`, numbers or UUIDs), each for `gpu_shares` sandboxes; they come on top of `jobs`.
    """

    database_url: str
    broker_url: str
    blobs_url: str
    queues: tuple[Queue, ...]
    jobs: int
    lease_s: float
    drain_s: float = 0.0
    sandbox: str | None
    gpus: str = "none"
    gpu_shares: int = 1
    name: str
    metrics: MetricsAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """`every_s` is the pause between two sweeps in seconds.

    Webhooks may reach `networks` though they are not public. Without `mail` none is sent; students are reminded
    `due_soon_h` hours before the due date, with 0 never. Without `lti_keys` no scores go to learning platforms.
    """

    database_url: str
    broker_url: str
    every_s: float
    metrics: MetricsAddress | None = None
    networks: tuple[Network, ...] = ()
    mail: MailSettings | None = None
    due_soon_h: float = 24.0
    lti_keys: Path | None = None


def worker_settings(environment: Mapping[str, str], *, queues: str, jobs: int | None) -> WorkerSettings:
    """`queues` is a list with commas. Raises BadWorkerSettings, naming what is missing or unusable."""
    _refuse_unknown(environment)
    return WorkerSettings(
        database_url=_address(environment, "GRADER_DATABASE_URL"),
        broker_url=_address(environment, "GRADER_BROKER_URL"),
        blobs_url=_needed(environment, "GRADER_BLOBS_URL"),
        queues=_queues(queues),
        jobs=_jobs(environment, jobs),
        lease_s=_number(environment, "GRADER_LEASE_S", 30, at_least=1),
        drain_s=_number(environment, "GRADER_DRAIN_S", 0, at_least=0),
        sandbox=environment.get("GRADER_SANDBOX") or None,
        gpus=environment.get("GRADER_GPUS", "").strip() or "none",
        gpu_shares=_shares(environment),
        name=f"{socket.gethostname()}-{os.getpid()}",
        metrics=_metrics_address(environment),
    )


def sweep_settings(environment: Mapping[str, str], *, every_s: float | None) -> SweepSettings:
    """Raises BadWorkerSettings, naming what is missing or unusable."""
    _refuse_unknown(environment)
    if every_s is not None and every_s < 0.1:
        raise BadWorkerSettings(f"--every takes a number of at least 0.1, but was given {every_s:g}.")
    return SweepSettings(
        database_url=_address(environment, "GRADER_DATABASE_URL"),
        broker_url=_address(environment, "GRADER_BROKER_URL"),
        every_s=every_s if every_s is not None else _number(environment, "GRADER_SWEEP_S", 5, at_least=0.1),
        metrics=_metrics_address(environment),
        networks=_networks(environment),
        mail=_mail(environment),
        due_soon_h=_due_soon_h(environment),
        lti_keys=Path(environment["GRADER_LTI_KEYS_FILE"]) if environment.get("GRADER_LTI_KEYS_FILE") else None,
    )


def _due_soon_h(environment: Mapping[str, str]) -> float:
    hours = _number(environment, "GRADER_DUE_SOON_H", 24, at_least=0)
    if hours > _MOST_HOURS:
        raise BadWorkerSettings(f"GRADER_DUE_SOON_H should be at most {_MOST_HOURS}, but is {hours:g}.")
    return hours


def _networks(environment: Mapping[str, str]) -> tuple[Network, ...]:
    try:
        return networks_of(environment.get("GRADER_WEBHOOK_NETWORKS", ""))
    except BadDestination as error:
        raise BadWorkerSettings(f"GRADER_WEBHOOK_NETWORKS: {error}") from error


def _mail(environment: Mapping[str, str]) -> MailSettings | None:
    if not environment.get("GRADER_SMTP_URL"):
        return None
    # Not quoted in any sentence: it may hold a password.
    url = urlsplit(_address(environment, "GRADER_SMTP_URL"))
    security = {"smtps": "tls", "smtp": "starttls"}.get(url.scheme)
    try:
        port = url.port
    except ValueError:
        security = None
        port = None
    if security is None or not url.hostname or url.path.strip("/") or url.query not in ("", "tls=no"):
        raise BadWorkerSettings(
            "GRADER_SMTP_URL is smtps://user@host:465 or smtp://user@host:587, where ?tls=no may follow for a relay "
            "without TLS."
        )
    if url.query:
        security = "none" if security == "starttls" else security
    if security == "none" and url.password:
        raise BadWorkerSettings("GRADER_SMTP_URL would send a password without TLS; leave out one of it and ?tls=no.")
    sender = _needed(environment, "GRADER_MAIL_FROM").strip()
    local, _, domain = sender.rpartition("@")
    if not (local and domain) or not sender.isascii() or not sender.isprintable() or set(sender) & set(' <>,;:"\\()'):
        raise BadWorkerSettings(f"GRADER_MAIL_FROM is one address such as grader@example.org, but is {sender!r}.")
    return MailSettings(
        host=url.hostname,
        port=port or (465 if security == "tls" else 587 if security == "starttls" else 25),
        security=security,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        sender=sender,
        public_url=environment.get("GRADER_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
    )


def _queues(text: str) -> tuple[Queue, ...]:
    """In the order given, but for mass reruns: those are served when nothing else waits."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [queue.value for queue in Queue]
    if not names or not set(names) <= set(known):
        raise BadWorkerSettings(f"--queues takes some of {', '.join(known)}, but was given {text!r}.")
    queues = [Queue(name) for name in dict.fromkeys(names)]
    return tuple(sorted(queues, key=lambda queue: queue is Queue.RERUN))


def _jobs(environment: Mapping[str, str], jobs: int | None) -> int:
    number = jobs if jobs is not None else int(_number(environment, "GRADER_WORKER_JOBS", 1, at_least=1))
    if not 1 <= number <= MOST_JOBS:
        raise BadWorkerSettings(f"A worker grades 1 to {MOST_JOBS} stages at the same time, not {number}.")
    return number


def _shares(environment: Mapping[str, str]) -> int:
    number = _number(environment, "GRADER_GPU_SHARES", 1, at_least=1)
    if number > MOST_SHARES or number != int(number):
        given = environment["GRADER_GPU_SHARES"]
        raise BadWorkerSettings(
            f"GRADER_GPU_SHARES should be a whole number from 1 to {MOST_SHARES}, but is {given!r}."
        )
    return int(number)


def _metrics_address(environment: Mapping[str, str]) -> MetricsAddress | None:
    text = environment.get("GRADER_METRICS_ADDRESS", "").strip()
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise BadWorkerSettings(f"GRADER_METRICS_ADDRESS is host:port, such as 127.0.0.1:9101, but is {text!r}.")
    return MetricsAddress(host.removeprefix("[").removesuffix("]"), int(port))


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for sentence in unknown_variables(environment):
        raise BadWorkerSettings(sentence)


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise BadWorkerSettings(f"{name} is not set; docs/settings.md says what it is for.")
    return value


def _address(environment: Mapping[str, str], name: str) -> str:
    _needed(environment, name)
    try:
        return address(environment, name)
    except BadAddress as error:
        raise BadWorkerSettings(str(error)) from error


def _number(environment: Mapping[str, str], name: str, default: float, *, at_least: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = at_least - 1
    if not at_least <= number < float("inf"):
        raise BadWorkerSettings(f"{name} should be a number of at least {at_least:g}, but is {text!r}.")
    return number
