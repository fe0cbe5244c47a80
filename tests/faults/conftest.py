"""A real service for the faults: its own PostgreSQL, Redis, blob store and sweep, and workers as real processes.

One service and two workers are shared by all tests, because a worker takes seconds to start on a small machine; each
test has students of its own, kills what it needs to kill, and the next one starts what is missing. Both workers live
with a wrong clock, one a day ahead and one a day behind, so whatever is proven here is proven under clock skew.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader.domain.course import Role
from grader.domain.gradebook import GradebookQuery
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
from tests.waiting import until
from tests.worker.conftest import require_sandbox

# Checks of a spec, which a harness runs.
collect_ignore = ["specs", "quick_specs"]
ROOT = Path(__file__).parents[2]
LEASE_S = 3.0
DAY_S = 86_400
STUDENTS = 4
# Where a test needs no training, a hand-in costs one sandbox instead of two, and half the time.
CHECKS = {"tiny": ["A.answer", "A.loads", "A.sleeps", "B.trains"], "quick": ["A.answer", "A.loads", "A.sleeps"]}
FULL = {"tiny": 5.0, "quick": 3.0}
_numbers = itertools.count(1)
# `time.time` and `datetime.now` of a process that finds this on its path are off by so many seconds.
WRONG_CLOCK = """
import datetime, os, time, warnings
warnings.filterwarnings("ignore", "datetime.datetime size changed")
_shift, _time, _time_ns = float(os.environ["CLOCK_SHIFT"]), time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 1e9)
class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)
datetime.datetime = _Datetime
"""


def source(*, answer: int = 42, gate: float = 0, unit: float = 0, train: float = 0) -> bytes:
    """A hand-in that sleeps in each stage for so many seconds, whose right answer is 42 (3 + 2 points)."""
    pauses = "\n".join(
        f"def {name}_pause():\n    time.sleep({seconds})\n    return 'slept'\n"
        for name, seconds in (("gate", gate), ("unit", unit), ("train", train))
    )
    return f"import time\n\ndef answer():\n    return {answer}\n\n{pauses}\n# {os.urandom(6).hex()}\n".encode()


@dataclass(slots=True)
class Process:
    """One of ours, with its output in a log."""

    popen: subprocess.Popen[bytes]
    log: Path
    clock_shift_s: int

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def kill(self) -> None:
        """-9, as the kernel does when memory is short."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.await_end()

    def await_end(self) -> int:
        """Its exit status; a second signal would end it less orderly, so there is none."""
        try:
            return self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


@dataclass(slots=True)
class Machine:
    """What all tests share: servers, blobs, the sweep, two workers, one course with one assignment."""

    folder: Path
    servers: PrivateServers
    database: Database
    blobs: Blobs
    course: int = 0
    processes: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")} | {
            "GRADER_DATABASE_URL": self.servers.database_url,
            "GRADER_BROKER_URL": self.servers.broker_url,
            "GRADER_BLOBS_URL": self.blobs.url,
            "GRADER_LEASE_S": str(LEASE_S),
            "GRADER_SANDBOX": "bwrap",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(self.folder / "clocks"),
        }

    def start(self, *arguments: str, clock_shift_s: int = 0) -> Process:
        log = self.folder / f"process-{len(self.processes)}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=ROOT, stdout=output, stderr=output, start_new_session=True,
                env=self.environment | {"CLOCK_SHIFT": str(clock_shift_s)},
            )  # fmt: skip
        self.processes.append(Process(popen, log, clock_shift_s))
        return self.processes[-1]

    def replace_the_lost(self) -> None:
        """Two workers again; nobody waits for them to be ready."""
        self.workers = [process for process in self.workers if process.is_alive]
        for shift in {DAY_S, -DAY_S} - {process.clock_shift_s for process in self.workers}:
            self.workers.append(self.start("worker", "--queues", "cpu,rerun", "--jobs", "1", clock_shift_s=shift))

    def stop(self) -> list[Process]:
        """Those that did not end well on a signal."""
        alive = [process for process in self.processes if process.is_alive]
        for process in alive:
            process.popen.send_signal(signal.SIGTERM)
        return [process for process in alive if process.await_end() != 0]


@dataclass(slots=True)
class Service:
    """The machine as one test sees it: students of its own, and what each hand-in should come to."""

    machine: Machine
    students: list[str]
    expected: dict[str, float] = field(default_factory=dict)
    slug: str = "tiny"

    @property
    def full(self) -> float:
        """The score of a hand-in that is right."""
        return FULL[self.slug]

    @property
    def database(self) -> Database:
        return self.machine.database

    @property
    def servers(self) -> PrivateServers:
        return self.machine.servers

    @property
    def workers(self) -> list[Process]:
        return self.machine.workers

    def hand_in(
        self,
        content: bytes,
        *,
        student: int = 0,
        database: Database | None = None,
        blobs: Blobs | None = None,
        score: float | None = None,
    ) -> str:
        """As the server does it: bytes first, then the rows; the id of the receipt."""
        stored = (blobs or self.machine.blobs).put(content)
        with (database or self.database).begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, self.students[student]).id)
            assignment = assignments.offered(work, reader, self.slug)
            upload = Upload(name="model.py", sha256=stored.sha256, size_bytes=stored.size_bytes)
            receipt = submissions.receive(work, reader, assignment, upload)
        self.expected[receipt.id] = self.full if score is None else score
        return receipt.id

    def stages(self, submission: str) -> dict[str, tuple[str, int]]:
        """Stage to (state, attempts) of the submission's only run."""
        return {facts.stage.value: (facts.state.value, facts.attempts) for facts in self._stages(submission)}

    def await_stage(self, submission: str, stage: str, state: str) -> None:
        until(lambda: self.stages(submission).get(stage, ("", 0))[0] == state, f"{stage} {state}")

    def holder(self, submission: str, stage: str) -> Process:
        """The worker that grades this stage now."""
        self.await_stage(submission, stage, "leased")
        (facts,) = [facts for facts in self._stages(submission) if facts.stage.value == stage]
        pid = int(facts.worker.rpartition("-")[2])
        (process,) = [process for process in self.workers if process.popen.pid == pid]
        return process

    def assert_everything_is_graded_once(self) -> None:
        """Every receipt has one run with the score it deserves, and the gradebook says what counts."""
        for submission in self.expected:
            until(lambda submission=submission: self._is_graded(submission), f"{submission} graded")
        with self.database.begin() as work:
            reader = self._teacher(work)
            newest: dict[str, tuple[int, float]] = {}
            for submission, score in self.expected.items():
                found = submissions.find(work, reader, submission)
                (run,) = submissions.runs_of(work, reader, found)
                why = [(check.id, check.status.value, check.message) for check in run.checks]
                assert (run.state, run.score) == ("graded", score), (run.message, why, run.stages)
                assert sorted(check.id for check in run.checks) == CHECKS[self.slug]
                known = newest.get(found.person.email, (0, 0.0))
                newest[found.person.email] = max(known, (found.number, score))
            assignment = assignments.offered(work, reader, self.slug)
            page = gradebook.page(work, reader, assignment, GradebookQuery(limit=200))
        shown = {row.person.email: row.score for row in page.rows if row.person.email in self.students}
        assert shown == dict.fromkeys(self.students) | {email: score for email, (_, score) in newest.items()}

    def message_of(self, submission: str, check: str) -> str:
        """What the submission's only run says of a check."""
        with self.database.begin() as work:
            reader = self._teacher(work)
            (run,) = submissions.runs_of(work, reader, submissions.find(work, reader, submission))
        return next(one.message for one in run.checks if one.id == check)

    def everything_handed_in(self) -> list[str]:
        """Ids of everything of this test's students, receipt or not."""
        with self.database.begin() as work:
            lines = submissions.list_submissions(work, self._teacher(work), SubmissionQuery(limit=200)).lines
        return [line.submission.id for line in lines if line.submission.person.email in self.students]

    def _stages(self, submission: str):
        with self.database.begin() as work:
            reader = self._teacher(work)
            (run,) = submissions.runs_of(work, reader, submissions.find(work, reader, submission))
        return run.stages

    def _is_graded(self, submission: str) -> bool:
        with self.database.begin() as work:
            reader = self._teacher(work)
            return submissions.latest_run(work, reader, submissions.find(work, reader, submission)).state.is_final

    def _teacher(self, work):
        return accounts.reader_for(work, accounts.find_person(work, "teacher@example.org").id)


@pytest.fixture(scope="session")
def machine(request):
    """Everything real and durable as in production, and not below pytest's own folder, which other users may not enter."""
    require_sandbox("bwrap")
    folder = Path(tempfile.mkdtemp(prefix="grader-faults-"))
    (folder / "clocks").mkdir()
    (folder / "clocks" / "sitecustomize.py").write_text(WRONG_CLOCK)
    try:
        with PrivateServers(folder / "servers") as servers:
            schema.upgrade(servers.database_url)
            database = Database(servers.database_url, CeleryWakeUps(servers.broker_url))
            made = Machine(folder, servers, database, Blobs(str(folder / "blobs")))
            _offer(made)
            made.start("worker.sweep", "--every", "0.5")
            yield made
            bad = [process.log.name for process in made.stop()]
            database.close()
        if bad or request.session.testsfailed:
            for log in sorted(folder.glob("*.log")):
                sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}\n")
        assert bad == [], "a worker or the sweep did not stop as it should when it was told to"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _offer(machine: Machine) -> None:
    with machine.database.begin() as work:
        course = courses.create_course(work, slug="faults", title="Faults")
        for slug, folder in (("quick", "quick_specs"), ("tiny", "specs")):
            spec = load_spec(slug, Path(__file__).parent / folder)
            version = assignments.publish_spec(
                work, definition=spec.assignment, spec_slug=slug, version=spec.version,
                blob=machine.blobs.put(pack(spec)).sha256,
            )  # fmt: skip
            assignments.offer(work, course, version, uploads_per_day=100)
        courses.add_member(work, course.id, RosterLine(email="teacher@example.org", name="T", role=Role.INSTRUCTOR))
    machine.course = course.id


@pytest.fixture
def service(machine, request):
    """Two workers, and students of the test's own, who hand in what needs no training unless the test says so."""
    machine.replace_the_lost()
    name = re.sub(r"\W+", "-", request.node.name)[:40]
    students = [f"{name}-{next(_numbers)}@example.org" for _ in range(STUDENTS)]
    with machine.database.begin() as work:
        for email in students:
            courses.add_member(work, machine.course, RosterLine(email=email, name=email))
    return Service(machine, students, slug="quick")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system to fill")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a file system to fill")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
