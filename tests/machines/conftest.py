"""A service of several machines: two workers that know nothing but addresses, each in a network namespace of its own.

PostgreSQL, Redis and an S3-compatible store listen on an address of the host, each with a password. The sweep runs on
the host. What a worker has besides is an empty folder.
"""

from __future__ import annotations

import itertools
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.domain.course import Role
from grader.service import assignments, courses
from grader.service.courses import RosterLine
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps
from tests.faults.conftest import LEASE_S, STUDENTS, Process, Service
from tests.machines.network import SERVERS, Machine, TcpPostgres, TcpRedis, ip, network_problem
from tests.object_server import BUCKET, ObjectServer
from tests.worker.conftest import require_sandbox

SPECS = Path(__file__).parents[1] / "faults" / "specs"
DRAIN_S = 60.0
_numbers = itertools.count(1)


@dataclass(slots=True)
class Site:
    """What all tests share. `environment` is all that a worker is told."""

    folder: Path
    empty: Path
    postgres: TcpPostgres
    redis: TcpRedis
    objects: ObjectServer
    machines: tuple[Machine, ...]
    database: Database
    blobs: Blobs
    course: int = 0
    workers: list[Process] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)
    places: dict[int, Machine] = field(default_factory=dict)

    @property
    def servers(self) -> SimpleNamespace:
        return SimpleNamespace(database_url=self.postgres.url, broker_url=self.redis.url)

    @property
    def environment(self) -> dict[str, str]:
        return self.objects.environment | {
            "GRADER_DATABASE_URL": self.postgres.url,
            "GRADER_BROKER_URL": self.redis.url,
            "GRADER_BLOBS_URL": self.blobs.url,
            "GRADER_SANDBOX": "bwrap",
            "GRADER_LEASE_S": str(LEASE_S),
            "GRADER_DRAIN_S": str(DRAIN_S),
        }

    def start(self, machine: Machine, *arguments: str) -> Process:
        self.logs.append(self.folder / f"{len(self.logs)}-{machine.name}.log")
        with self.logs[-1].open("wb") as output:
            popen = machine.start(
                *arguments, environment=self.environment, hide=self.folder, cwd=self.empty, output=output
            )
        process = Process(popen, self.logs[-1], 0)
        self.places[popen.pid] = machine
        return process

    def replace_the_lost(self) -> None:
        """A worker on each machine again; nobody waits for them to be ready."""
        self.workers = [process for process in self.workers if process.is_alive]
        busy = {self.place_of(process) for process in self.workers}
        for machine in self.machines:
            machine.mend()
            if machine not in busy:
                self.workers.append(self.start(machine, "-m", "worker", "--queues", "cpu,rerun", "--jobs", "1"))

    def place_of(self, process: Process) -> Machine:
        return self.places[process.popen.pid]


@pytest.fixture(scope="module")
def site(request):
    require_sandbox("bwrap")
    folder, empty = Path(tempfile.mkdtemp(prefix="grader-site-")), Path(tempfile.mkdtemp(prefix="grader-empty-"))
    machines = (Machine(1), Machine(2))
    with ExitStack() as undo, pytest.MonkeyPatch.context() as patch:
        for path in (folder, empty):
            undo.callback(shutil.rmtree, path, ignore_errors=True)
        undo.callback(ip, "addr", "del", f"{SERVERS}/32", "dev", "lo", check=False)
        for machine in machines:
            undo.callback(machine.remove)
        if problem := network_problem(machines):
            pytest.skip(problem)
        made = _made(folder, empty, machines, undo, patch)
        sweep = _sweep(made)
        undo.callback(_stop, made, sweep)
        yield made
        if request.session.testsfailed:
            for log in made.logs:
                sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}\n")


def _made(folder, empty, machines, undo, patch) -> Site:
    postgres = TcpPostgres(folder / "postgres", port=_free_port(), durable=False)
    redis = TcpRedis(folder / "redis", port=_free_port(), durable=False)
    objects = ObjectServer(folder / "objects", host=SERVERS)
    with ThreadPoolExecutor(3) as together:
        for server in (postgres, redis, objects):
            undo.callback(server.stop)
        for started in [together.submit(server.start) for server in (postgres, redis, objects)]:
            started.result()
    for name, value in objects.environment.items():
        patch.setenv(name, value)
    schema.upgrade(postgres.url)
    database = Database(postgres.url, CeleryWakeUps(redis.url))
    undo.callback(database.close)
    made = Site(folder, empty, postgres, redis, objects, machines, database, Blobs(f"s3://{BUCKET}/grader"))
    made.course = _offer(made)
    return made


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((SERVERS, 0))
        return free.getsockname()[1]


def _offer(site: Site) -> int:
    spec = load_spec("tiny", SPECS)
    stored = site.blobs.put(pack(spec))
    with site.database.begin() as work:
        course = courses.create_course(work, slug="machines", title="Machines")
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=100)
        courses.add_member(work, course.id, RosterLine(email="teacher@example.org", name="T", role=Role.INSTRUCTOR))
    return course.id


def _sweep(site: Site) -> Process:
    """On the host, whose cable nobody cuts."""
    log = site.folder / "sweep.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", "worker.sweep", "--every", "0.5"],
            env=site.environment, cwd=site.empty, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    site.logs.append(log)
    return Process(popen, log, 0)


def _stop(site: Site, sweep: Process) -> None:
    """At once: how they stop is what the tests themselves are about."""
    for process in (*site.workers, sweep):
        if process.is_alive:
            process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()


@pytest.fixture
def service(site, request):
    """A worker on each machine, and students of the test's own."""
    site.replace_the_lost()
    name = re.sub(r"\W+", "-", request.node.name)[:40]
    students = [f"{name}-{next(_numbers)}@example.org" for _ in range(STUDENTS)]
    with site.database.begin() as work:
        for email in students:
            courses.add_member(work, site.course, RosterLine(email=email, name=email))
    return Service(site, students)
