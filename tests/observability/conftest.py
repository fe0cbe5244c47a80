"""A real server, a real sweep and a worker with a stand-in engine as processes, over PostgreSQL and Redis of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from grader.domain.course import Role, Scope
from grader.local.servers import PrivateServers
from grader.service import accounts, assignments, courses, tokens
from grader.service.courses import RosterLine
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.observability.collector import Collector
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "tests" / "faults" / "specs"
STUDENT, NAME = "ada.lovelace@example.org", "Augusta Ada Byron-King"
SAID = "words-only-a-student-would-say"
# Everything of a worker but what needs a sandbox: `run_worker` itself, with another engine.
WORKER = f"""
import sys
from types import SimpleNamespace
sys.path.insert(0, {str(ROOT)!r})
import worker.app
from dataclasses import replace
from grader.engine.sandbox.pool import PoolStatistics
from tests.worker.stand_in_engine import StandInEngine

class Engines(StandInEngine):
    def __init__(self, backend, **numbers):
        super().__init__(then=self.noted)
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def stop(self): pass
    def await_ready(self, limits): pass
    def statistics(self): return PoolStatistics(2, 1, 0)
    def noted(self, report):
        print({SAID!r}, file=open("/dev/null", "w"))
        checks = tuple(replace(check, message={SAID!r}, output={SAID!r}, seconds=0.05) for check in report.checks)
        timing = replace(report.timing, intake=0.01, sandbox=0.02, load=0.03)
        facts = replace(report.facts, endings=("killed",), gpu_s=1.5)
        return replace(report, checks=checks, timing=timing, facts=facts, message={SAID!r})

worker.app.open_backend = lambda name: SimpleNamespace(name="stand-in")
worker.app.open_shares = lambda settings, backend: []
worker.app.Engines = Engines
from worker.__main__ import main
sys.exit(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(url: str, timeout: float = 10.0) -> int:
    try:
        return httpx.get(url, timeout=timeout).status_code
    except httpx.TransportError:
        return 0


@dataclass
class Plant:
    """The running whole: addresses, logs, and what an upload needs."""

    folder: Path
    servers: PrivateServers
    database: Database
    collector: Collector
    token: str
    assignment: str
    url: str = ""
    worker_url: str = ""
    sweep_url: str = ""
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("GRADER_", "OTEL_"))}
        settings = {
            "GRADER_DATABASE_URL": self.servers.database_url, "GRADER_BROKER_URL": self.servers.broker_url,
            "GRADER_BLOBS_URL": str(self.folder / "blobs"), "GRADER_SECRET_FILE": str(self.folder / "secret"),
            "GRADER_LOG_FORMAT": "json", "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }  # fmt: skip
        with self.log(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=clean | settings | environment, stdout=output, stderr=output
            )

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def lines(self, name: str) -> list[dict]:
        return [json.loads(line) for line in self.log(name).read_text().splitlines()]

    def upload(self, content: bytes, **headers: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/api/v1/assignments/{self.assignment}/submissions", files={"file": (f"{NAME}.py", content)},
            headers={"Authorization": f"Bearer {self.token}"} | headers, timeout=30,
        )  # fmt: skip

    def graded(self, submission: str) -> dict:
        def look():
            answer = httpx.get(
                f"{self.url}/api/v1/submissions/{submission}",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=30,
            ).json()
            return answer if answer["state"] == "graded" else None

        return until(look, "graded")

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _people(database: Database, blobs: Blobs) -> tuple[str, str]:
    spec = load_spec("tiny", SPECS)
    stored = blobs.put(pack(spec))
    with database.begin() as work:
        course = courses.create_course(work, slug="course", title="Course")
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=100)
        courses.add_member(work, course.id, RosterLine(email=STUDENT, name=NAME, role=Role.STUDENT))
        person = accounts.find_person(work, STUDENT)
        made = tokens.issue(work, person.id, name="test", scopes=frozenset({Scope.READ, Scope.SUBMIT}), expires_at=None)
    return made.secret, spec.slug


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    import tempfile

    folder = tmp_path_factory.mktemp("plant")
    (folder / "secret").write_text("a secret of the tests alone\n")
    with (
        tempfile.TemporaryDirectory(prefix="grader-tests-") as place,
        PrivateServers(Path(place) / "servers", durable=False) as servers,
        Collector() as collector,
    ):
        schema.upgrade(servers.database_url)
        database = Database(servers.database_url, pool=2)
        token, slug = _people(database, Blobs(str(folder / "blobs")))
        made = Plant(folder, servers, database, collector, token, slug)
        ports = [free_port() for _ in range(3)]
        made.url, made.worker_url, made.sweep_url = (f"http://127.0.0.1:{port}" for port in ports)
        try:
            made.start("server", "-m", "grader.cli.main", "serve", "--port", str(ports[0]), "--processes", "2")
            made.start(
                "worker", "-c", WORKER, "--queues", "cpu,gpu,rerun", GRADER_METRICS_ADDRESS=f"127.0.0.1:{ports[1]}"
            )
            made.start("sweep", "-m", "worker.sweep", "--every", "1", GRADER_METRICS_ADDRESS=f"127.0.0.1:{ports[2]}")
            for url in (f"{made.url}/readyz", f"{made.worker_url}/healthz", f"{made.sweep_url}/healthz"):
                until(lambda url=url: status_of(url) == 200, url)
            yield made
        finally:
            made.stop()
            database.close()
