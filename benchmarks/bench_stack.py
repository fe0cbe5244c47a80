"""A whole service for the benchmarks: private servers, web server, worker, and a course with students, all thrown away."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from grader.domain.course import Role, Scope
from grader.local.servers import PrivateServers
from grader.local.supervisor import ServiceProcess, Supervisor
from grader.service import accounts, assignments, courses, tokens
from grader.service.courses import RosterLine
from grader.specs.load import Spec, load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database

ROOT = Path(__file__).parents[1]
SLUG = "cmp784-practical2"


@dataclass(slots=True)
class Stack:
    """`students` are API tokens; `staff` is the instructor's."""

    url: str
    database: Database
    supervisor: Supervisor
    environment: dict[str, str]
    staff: str
    students: list[str] = field(default_factory=list)

    def start_worker(self, jobs: int, name: str = "worker") -> None:
        argv = [sys.executable, "-m", "worker", "--queues", "cpu,rerun", "--jobs", str(jobs)]
        self.supervisor.start([ServiceProcess(name=name, argv=argv, env=self.environment, cwd=ROOT)])


def unit_only(folder: Path) -> Spec:
    """The spec without its two trainings, which plain pytest is not asked for either."""
    for name in (SLUG, "common"):
        left_out = shutil.ignore_patterns("mutants", "variants", "__pycache__")
        shutil.copytree(ROOT / "test_specs" / name, folder / name, ignore=left_out)
    _replaced(
        folder / SLUG / "assignment.toml",
        ('title = "Training CNN"\npoints = 3\nchecks = 1', 'title = "Training CNN"'),
        ('title = "Training UNet"\npoints = 3.5\nchecks = 2', 'title = "Training UNet"\npoints = 1\nchecks = 1'),
    )
    _replaced(
        folder / SLUG / "test_notebook.py",
        ("from notebook_2020.training import *", "from notebook_2020.training import test_epochs_shown"),
    )
    return load_spec(SLUG, folder)


def _replaced(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{path.name} of {SLUG} has changed: there is no {old!r} in it any more")
        text = text.replace(old, new)
    path.write_text(text)


@contextmanager
def a_stack(folder: Path, *, students: int, spec: Spec | None = None) -> Iterator[Stack]:
    """Servers, schema, course and web server; the worker is started by whoever wants one."""
    spec = spec or load_spec(SLUG)
    secret = folder / "secret"
    secret.write_text(secrets.token_urlsafe(32))
    port = _free_port()
    with PrivateServers(folder / "data") as servers, Supervisor(folder) as supervisor:
        environment = {
            "GRADER_DATABASE_URL": servers.database_url,
            "GRADER_BROKER_URL": servers.broker_url,
            "GRADER_BLOBS_URL": str(folder / "blobs"),
            "GRADER_SECRET_FILE": str(secret),
            "GRADER_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "GRADER_SANDBOX": os.environ.get("BENCH_SANDBOX", "bwrap"),
            "OMP_NUM_THREADS": "1",
        }
        schema.upgrade(servers.database_url)
        database = Database(servers.database_url)
        stack = Stack(f"http://127.0.0.1:{port}", database, supervisor, environment, staff="")
        _fill(stack, Blobs(environment["GRADER_BLOBS_URL"]), spec, students)
        serve = [str(ROOT / ".venv/bin/grader"), "serve", "--host", "127.0.0.1", "--port", str(port)]
        supervisor.start(
            [ServiceProcess(name="server", argv=serve, env=environment, cwd=ROOT, ready=lambda: _answers(stack.url))]
        )
        yield stack
        database.close()


def _fill(stack: Stack, blobs: Blobs, spec: Spec, students: int) -> None:
    everything = frozenset(Scope)
    with stack.database.begin() as work:
        course = courses.create_course(work, slug="bench", title="Benchmark")
        stored = blobs.put(pack(spec))
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=1000)
        teacher = courses.add_member(
            work, course.id, RosterLine(email="teacher@example.org", name="Teacher", role=Role.INSTRUCTOR)
        )
        stack.staff = tokens.issue(work, teacher.person.id, name="bench", scopes=everything, expires_at=None).secret
        for number in range(students):
            line = RosterLine(email=f"student{number}@example.org", name=f"Student {number}")
            person = courses.add_member(work, course.id, line).person
            stack.students.append(
                tokens.issue(work, person.id, name="bench", scopes=everything, expires_at=None).secret
            )
        accounts.reader_for(work, teacher.person.id)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: object, timeout_s: float) -> None:
    """Poll a callable until it is true; SystemExit when that takes too long."""
    ends_at = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > ends_at:
            raise SystemExit(f"still not so after {timeout_s:g} s")
        time.sleep(0.05)
