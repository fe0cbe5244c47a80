"""The whole service on this machine: private PostgreSQL and Redis, a server, a worker for every queue, the sweep."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.cli.host.ports import refuse_taken, url_of
from grader.domain.errors import SetupError
from grader.local.servers import PrivateServers
from grader.local.supervisor import ServiceProcess, Supervisor
from grader.storage import schema

QUEUES = "cpu,gpu,rerun"
SECRET_FILE, LTI_KEYS_FILE, SETTINGS_FILE = "secret", "lti_keys", "service.env"
_LOOPBACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. `durable` is for data that must outlive a power cut; `jobs` is how many runs are graded at once."""

    folder: Path
    host: str
    port: int
    jobs: int
    durable: bool = True
    sweep_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """`url` is how browsers reach it, `local_url` how this machine does."""

    url: str
    local_url: str
    database_url: str
    supervisor: Supervisor


@contextmanager
def running(plan: Plan) -> Iterator[Running]:
    """The service, ready for uploads; everything is stopped when the block ends, and nothing outlives this process.

    Raises:
        BadArguments: the port is taken.
        NoSandbox: nothing could be graded here.
        SetupError: a part could not be started, or the folder is in use by another grader.

    """
    refuse_taken(plan.host, plan.port)
    # Before anything is started: without a sandbox the service would take uploads and never grade them.
    from grader.engine.sandbox.select import choose

    choose()
    _make_folder(plan.folder)
    with PrivateServers(plan.folder / "servers", durable=plan.durable) as servers:
        schema.upgrade(servers.database_url)
        local_url = url_of(plan.host, plan.port)
        settings = _settings(plan, servers, local_url)
        _keep_settings(plan.folder, settings)
        with Supervisor(plan.folder) as supervisor:
            supervisor.start(_services(plan, settings, local_url))
            yield Running(
                url=settings["GRADER_PUBLIC_URL"],
                local_url=local_url,
                database_url=servers.database_url,
                supervisor=supervisor,
            )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"The folder {folder} cannot be made ({error.strerror}); give another with --data.") from error


def _settings(plan: Plan, servers: PrivateServers, local_url: str) -> dict[str, str]:
    return {
        "GRADER_DATABASE_URL": servers.database_url,
        "GRADER_BROKER_URL": servers.broker_url,
        "GRADER_BLOBS_URL": str(plan.folder.absolute() / "blobs"),
        "GRADER_SECRET_FILE": str(_secret_file(plan.folder.absolute())),
        "GRADER_LTI_KEYS_FILE": str(_lti_keys(plan.folder.absolute())),
        "GRADER_PUBLIC_URL": os.environ.get("GRADER_PUBLIC_URL") or local_url,
    }


def _secret_file(folder: Path) -> Path:
    """Made once: cookies signed before a restart are good after it."""
    path = folder / SECRET_FILE
    if not path.exists():
        fresh = folder / f"{SECRET_FILE}.new"
        _write_private(fresh, secrets.token_urlsafe(32) + "\n")
        fresh.replace(path)
    return path


def _lti_keys(folder: Path) -> Path:
    """Made once, too: platforms know us by it."""
    from grader.service.lti import keys

    path = folder / LTI_KEYS_FILE
    if not path.exists():
        keys.rotate(path)
    return path


def _keep_settings(folder: Path, settings: dict[str, str]) -> None:
    """What the services were told, for commands such as `grader user create --local` and `pg_dump`."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    _write_private(folder / SETTINGS_FILE, "".join(lines))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def _services(plan: Plan, settings: dict[str, str], local_url: str) -> list[ServiceProcess]:
    """In the order of their start; stopped the other way round, so that uploads end first."""
    python = [sys.executable, "-m"]
    # The settings are in the environment of the processes and not in their arguments, which everybody can read.
    return [
        ServiceProcess(
            name="worker", argv=[*python, "worker", "--queues", QUEUES, "--jobs", str(plan.jobs)], env=settings
        ),
        ServiceProcess(name="sweep", argv=[*python, "worker.sweep", "--every", f"{plan.sweep_s:g}"], env=settings),
        ServiceProcess(
            name="server",
            argv=[*python, "grader.cli.main", "serve", "--host", plan.host, "--port", str(plan.port)],
            env=settings,
            ready=lambda: _is_ready(local_url),
        ),
    ]


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_LOOPBACK_S) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
