"""An older version of this repository, taken from its history, to be run beside the present one.

It has a virtual environment of its own over the same installed packages: its processes start others with `-I`, which
would find the present version by PYTHONPATH or by an editable install.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader.domain.course import Role
from grader.local.servers import PrivateServers
from grader.service import assignments, courses
from grader.service.courses import RosterLine
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.faults.conftest import LEASE_S, STUDENTS, Process, Service
from tests.worker.conftest import require_sandbox

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "tests" / "faults" / "specs"
# The version before this landed is the old one: it knows neither written answers nor any later migration.
LANDED = "grader/storage/migrations/versions/0002_written_answers.py"
_numbers = itertools.count(1)


def git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture(scope="module")
def old_python():
    """The interpreter of the version before migration 0002."""
    landed = git("log", "--diff-filter=A", "--format=%H", "--", LANDED).splitlines()
    if not landed or not git("rev-parse", "--verify", "--quiet", f"{landed[-1]}^"):
        pytest.skip("this copy of the repository has no history to take an older version from")
    folder = Path(tempfile.mkdtemp(prefix="grader-old-"))
    try:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", f"{landed[-1]}^", "grader", "worker", "docker"],
            check=True,
            capture_output=True,
        )
        (folder / "tree").mkdir()
        subprocess.run(["tar", "-x", "-C", str(folder / "tree")], input=archive.stdout, check=True)
        # What submissions may import, where the old version looks for it.
        (folder / "tree" / ".venv").mkdir()
        (folder / "tree" / ".venv" / "sandbox").symlink_to(ROOT / ".venv" / "sandbox")
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        (inside,) = (folder / "venv" / "lib").glob("python3*/site-packages")
        ours = Path(sysconfig.get_path("purelib"))
        more = [line for pth in ours.glob("sandbox-packages.pth") for line in pth.read_text().splitlines()]
        (inside / "old.pth").write_text("\n".join([str(folder / "tree"), str(ours), *more]) + "\n")
        yield folder / "venv" / "bin" / "python"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Mixed:
    """One database, one blob store, and processes of two versions."""

    folder: Path
    old_python: Path
    servers: PrivateServers
    database: Database
    blobs: Blobs
    course: int = 0
    workers: list[Process] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(("GRADER_", "PYTHON"))} | {
            "GRADER_DATABASE_URL": self.servers.database_url,
            "GRADER_BROKER_URL": self.servers.broker_url,
            "GRADER_BLOBS_URL": self.blobs.url,
            "GRADER_LEASE_S": str(LEASE_S),
            "GRADER_SANDBOX": "bwrap",
            "GRADER_SECRET_FILE": str(self.folder / "secret"),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *arguments: str, old: bool) -> Process:
        log = self.folder / f"{len(self.processes)}-{'old' if old else 'new'}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [str(self.old_python) if old else sys.executable, *arguments], cwd=self.folder, stdout=output,
                stderr=output, start_new_session=True, env=self.environment if old else self._new_environment(),
            )  # fmt: skip
        self.processes.append(Process(popen, log, 0))
        return self.processes[-1]

    def _new_environment(self) -> dict[str, str]:
        # The sources of the present version without an install, as in a source archive.
        return self.environment | {"PYTHONPATH": str(ROOT)}

    def start_worker(self, *, old: bool) -> Process:
        self.workers.append(self.start("-m", "worker", "--queues", "cpu,rerun", "--jobs", "1", old=old))
        return self.workers[-1]

    def run_old(self, code: str) -> str:
        done = subprocess.run(
            [str(self.old_python), "-c", code],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def offer(self) -> None:
        spec = load_spec("tiny", SPECS)
        stored = self.blobs.put(pack(spec))
        with self.database.begin() as work:
            course = courses.create_course(work, slug="upgrade", title="Upgrade")
            version = assignments.publish_spec(
                work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
            )
            assignments.offer(work, course, version, uploads_per_day=100)
            courses.add_member(work, course.id, RosterLine(email="teacher@example.org", name="T", role=Role.INSTRUCTOR))
        self.course = course.id

    def service(self, name: str) -> Service:
        students = [f"{name}-{next(_numbers)}@example.org" for _ in range(STUDENTS)]
        with self.database.begin() as work:
            for email in students:
                courses.add_member(work, self.course, RosterLine(email=email, name=email))
        return Service(self, students)


@pytest.fixture
def mixed(old_python, request):
    """Servers and blobs; nothing of ours runs yet, and the database is empty."""
    require_sandbox("bwrap")
    folder = Path(tempfile.mkdtemp(prefix="grader-upgrade-"))
    (folder / "secret").write_text("a secret of the tests alone")
    try:
        with PrivateServers(folder / "servers", durable=False) as servers:
            database = Database(servers.database_url)
            made = Mixed(folder, old_python, servers, database, Blobs(str(folder / "blobs")))
            yield made
            for process in made.processes:
                if process.is_alive:
                    process.popen.send_signal(signal.SIGKILL)
                process.popen.wait()
            database.close()
        if request.session.testsfailed:
            for log in sorted(folder.glob("*.log")):
                sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
