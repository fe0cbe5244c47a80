"""A real service for the faults: its own PostgreSQL, Redis and blob store, and workers as real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader.domain.course import Role
from grader.domain.gradebook import GradebookQuery
from grader.domain.grading import Queue
from grader.domain.submission import Upload
from grader.local.servers import PrivateServers
from grader.service import accounts, assignments, courses, gradebook, submissions
from grader.service.courses import RosterLine
from grader.service.submissions import SubmissionQuery
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps

ROOT = Path(__file__).parents[2]
LEASE_S = 3.0
# Long enough for a slow machine; a test that needs it all has found something that hangs.
PATIENCE_S = 90.0


def source(*, answer: int = 42, gate: float = 0, unit: float = 0, train: float = 0) -> bytes:
    """A hand-in that sleeps in each stage for so many seconds, whose right answer is 42 (3 + 2 points)."""
    pauses = "\n".join(
        f"def {name}_pause():\n    time.sleep({seconds})\n    return 'slept'\n"
        for name, seconds in (("gate", gate), ("unit", unit), ("train", train))
    )
    return f"import time\n\ndef answer():\n    return {answer}\n\n{pauses}\n# {os.urandom(6).hex()}\n".encode()


def until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait for something to become true; fail with its name when it does not."""
    ends_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_at, f"after {timeout_s:g} s still not: {what}"
        time.sleep(0.05)


@dataclass(slots=True)
class Service:
    """Everything but the processes that grade; tests start and kill those."""

    folder: Path
    servers: PrivateServers
    database: Database
    blobs: Blobs
    students: list[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    expected: dict[str, float] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")} | {
            "GRADER_DATABASE_URL": self.servers.database_url,
            "GRADER_BROKER_URL": self.servers.broker_url,
            "GRADER_BLOBS_URL": self.blobs.url,
            "GRADER_LEASE_S": str(LEASE_S),
            "GRADER_SANDBOX": "bwrap",
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process of ours, its output in a log of its own."""
        log = (self.folder / f"process-{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [sys.executable, *arguments], env=self.environment | environment, cwd=ROOT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, queues: str = "cpu,rerun", jobs: int = 1, **environment: str) -> subprocess.Popen[bytes]:
        return self.start("-m", "worker", "--queues", queues, "--jobs", str(jobs), **environment)

    def sweeper(self, every_s: float = 0.5) -> subprocess.Popen[bytes]:
        return self.start("-m", "worker.sweep", "--every", str(every_s))

    def hand_in(self, content: bytes, *, student: int = 0, database: Database | None = None, score: float = 5.0) -> str:
        """As the server does it: bytes first, then the rows; the id of the receipt."""
        stored = self.blobs.put(content)
        with (database or self.database).begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, self.students[student]).id)
            assignment = assignments.offered(work, reader, "tiny")
            upload = Upload(name="model.py", sha256=stored.sha256, size_bytes=stored.size_bytes)
            receipt = submissions.receive(work, reader, assignment, upload)
        self.expected[receipt.id] = score
        return receipt.id

    def stages(self, submission: str) -> dict[str, tuple[str, int]]:
        """Stage to (state, attempts) of the submission's only run."""
        with self.database.begin() as work:
            reader = self._teacher(work)
            (run,) = submissions.runs_of(work, reader, submissions.find(work, reader, submission))
        return {facts.stage.value: (facts.state.value, facts.attempts) for facts in run.stages}

    def await_stage(self, submission: str, stage: str, state: str) -> None:
        until(lambda: self.stages(submission).get(stage, ("", 0))[0] == state, f"{stage} {state}")

    def is_graded(self, submission: str) -> bool:
        with self.database.begin() as work:
            reader = self._teacher(work)
            return submissions.latest_run(work, reader, submissions.find(work, reader, submission)).state.is_final

    def assert_everything_is_graded_once(self) -> None:
        """Every receipt has one run with the score it deserves, and the gradebook says what counts."""
        for submission in self.expected:
            until(lambda submission=submission: self.is_graded(submission), f"{submission} graded")
        with self.database.begin() as work:
            reader = self._teacher(work)
            newest: dict[str, tuple[int, float]] = {}
            for submission, score in self.expected.items():
                found = submissions.find(work, reader, submission)
                (run,) = submissions.runs_of(work, reader, found)
                assert (run.state, run.score) == ("graded", score), (run.message, run.stages)
                assert sorted(check.id for check in run.checks) == ["A.answer", "A.loads", "A.sleeps", "B.trains"]
                known = newest.get(found.person.email, (0, 0.0))
                newest[found.person.email] = max(known, (found.number, score))
            assignment = assignments.offered(work, reader, "tiny")
            page = gradebook.page(work, reader, assignment, GradebookQuery(limit=200))
        shown = {row.person.email: row.score for row in page.rows if row.submission is not None}
        assert shown == {email: score for email, (_, score) in newest.items()}

    def all_submissions(self, work) -> list[str]:
        """Ids of everything that was ever handed in, receipt or not."""
        lines = submissions.list_submissions(work, self._teacher(work), SubmissionQuery(limit=200)).lines
        return [line.submission.id for line in lines]

    def queue(self, name: str) -> Queue:
        return Queue(name)

    def _teacher(self, work):
        return accounts.reader_for(work, accounts.find_person(work, "teacher@example.org").id)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """-9, as the kernel does when memory is short."""
        process.kill()
        process.wait()

    def stop_processes(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill(process)
        self.processes.clear()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """PostgreSQL and Redis of the module's own, durable as in production."""
    folder = tmp_path_factory.mktemp("servers")
    with PrivateServers(folder) as running:
        yield running


@pytest.fixture
def service(servers, tmp_path):
    """A course with four students on an empty database, and nothing that grades."""
    schema.upgrade(servers.database_url)
    database = Database(servers.database_url, CeleryWakeUps(servers.broker_url))
    blobs = Blobs(str(tmp_path / "blobs"))
    spec = load_spec("tiny", Path(__file__).parent / "specs")
    students = [f"student{number}@example.org" for number in range(4)]
    with database.begin() as work:
        course = courses.create_course(work, slug="faults", title="Faults")
        stored = blobs.put(pack(spec))
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=100)
        courses.add_member(work, course.id, RosterLine(email="teacher@example.org", name="T", role=Role.INSTRUCTOR))
        for email in students:
            courses.add_member(work, course.id, RosterLine(email=email, name=email))
    made = Service(folder=tmp_path, servers=servers, database=database, blobs=blobs, students=students)
    yield made
    made.stop_processes()
    _empty(database)
    database.close()
    shutil.rmtree(tmp_path / "blobs", ignore_errors=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system to fill")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _empty(database: Database) -> None:
    from sqlalchemy import text

    from grader.storage.models import Base

    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
