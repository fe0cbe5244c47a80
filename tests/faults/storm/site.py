"""The whole service as a machine runs it: PostgreSQL, Redis, blobs on a disk of their own, server, sweep, two workers.

Each process of ours has a cable of its own to PostgreSQL, a clock of its own, and is started again when it ends, as a
service manager would.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from grader.domain.course import Role, Scope
from grader.engine.sandbox.cgroups import GroupTree
from grader.local.postgres import PrivatePostgres
from grader.local.redis import PrivateRedis
from grader.service import accounts, assignments, courses, tokens
from grader.service.courses import RosterLine
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.faults.storm.cable import Cable

ROOT = Path(__file__).parents[3]
# With training and, for short storms, without: a hand-in then costs one sandbox instead of two.
SPECS = {"tiny": Path(__file__).parents[1] / "specs", "quick": Path(__file__).parents[1] / "quick_specs"}
TEACHER = "teacher@example.org"
LEASE_S = 3.0
DISK_BYTES = 48 * 2**20
# When a run that failed by our fault is tried again, in seconds; a real service waits for minutes and hours.
AGAIN_S = "10,10,20,20,20" + ",30" * 15
_AGAIN_AFTER_S = 0.2
# The clock of a process that finds this on its path is off by what its file says at that moment.
CLOCK = """
import datetime, os, time, warnings
warnings.filterwarnings("ignore", "datetime.datetime size changed")
_time, _time_ns, _file = time.time, time.time_ns, os.environ["STORM_CLOCK"]
_read = [0.0, 0.0]
def _shift():
    now = time.monotonic()
    if now - _read[0] > 0.2:
        try:
            with open(_file) as stream:
                _read[:] = now, float(stream.read() or 0)
        except (OSError, ValueError):
            pass
    return _read[1]
time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)
datetime.datetime = _Datetime
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid: int) -> list[int]:
    """Of a process, itself not among them; the nearest first."""
    found, looking = [], [pid]
    while looking:
        one = looking.pop(0)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                children = [int(word) for word in (task / "children").read_text().split()]
                found += children
                looking += children
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass(slots=True)
class Unit:
    """One of our processes, kept running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    cable: Cable
    log: Path
    clock: Path
    popen: subprocess.Popen[bytes] | None = None
    is_wanted: bool = True
    pids: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.popen.pid if self.popen else 0

    @property
    def is_alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    @property
    def starts(self) -> int:
        return len(self.pids)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        self.pids.append(self.popen.pid)

    def send(self, number: signal.Signals) -> None:
        if self.is_alive:
            send([self.pid], number)


@dataclass(slots=True)
class Site:
    """Everything of one storm."""

    folder: Path
    disk: Path
    has_disk: bool
    postgres: PrivatePostgres
    redis: PrivateRedis
    database: Database
    blobs: Blobs
    port: int
    slug: str
    units: dict[str, Unit] = field(default_factory=dict)
    course: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[Unit]:
        return [unit for name, unit in self.units.items() if name.startswith("worker")]

    @property
    def logs(self) -> list[Path]:
        return [unit.log for unit in self.units.values()]

    def add(self, name: str, *command: str) -> Unit:
        cable = Cable(int(_port_of(self.postgres.url)))
        clock = self.folder / f"{name}.clock"
        clock.write_text("0")
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("GRADER_", "OTEL_"))
        } | {
            "GRADER_DATABASE_URL": self.postgres.url.replace(f":{_port_of(self.postgres.url)}/", f":{cable.port}/"),
            "GRADER_BROKER_URL": self.redis.url,
            "GRADER_BLOBS_URL": self.blobs.url,
            "GRADER_SANDBOX": "bwrap",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(self.folder / "clocks"),
            "STORM_CLOCK": str(clock),
            "TMPDIR": str(self.folder / "tmp"),
        }  # fmt: skip
        if name == "server":
            environment["GRADER_SECRET_FILE"] = str(self.folder / "secret")
        if name.startswith("worker"):
            environment["GRADER_LEASE_S"] = str(LEASE_S)
        unit = Unit(name, list(command), environment, cable, self.folder / f"{name}.log", clock)
        self.units[name] = unit
        unit.start()
        return unit

    def keep_running(self) -> None:
        """Start again what has ended, until the site is left."""
        while not self.leaving.wait(_AGAIN_AFTER_S):
            for unit in self.units.values():
                if unit.is_wanted and not unit.is_alive:
                    unit.start()

    def groups(self) -> list[str]:
        """Names of the control groups of all sandboxes that the workers have ever had and that are there."""
        owners = {f"w{pid}" for unit in self.workers for pid in unit.pids}
        return [name for name, _ in GroupTree().strays() if name.partition("-")[0] in owners]

    def sandbox_pids(self, unit: Unit) -> list[int]:
        return [
            pid for name, group in GroupTree().strays() if name.startswith(f"w{unit.pid}-") for pid in group._pids()
        ]

    def harness_pids(self, unit: Unit) -> tuple[list[int], list[int]]:
        """(fork servers, harnesses) of a worker."""
        servers = [pid for pid in descendants(unit.pid) if "grader.engine.harness" in _command_of(pid)]
        first = [pid for pid in servers if _parent_of(pid) == unit.pid]
        return first, [pid for pid in servers if pid not in first]

    def token(self, email: str, *scopes: Scope) -> str:
        with self.database.begin() as work:
            person = accounts.find_person(work, email)
            return tokens.issue(work, person.id, name="storm", scopes=frozenset(scopes), expires_at=None).secret

    def enrol(self, email: str, role: Role = Role.STUDENT) -> None:
        with self.database.begin() as work:
            courses.add_member(work, self.course, RosterLine(email=email, name=email, role=role))

    def await_ready(self, timeout_s: float = 120.0) -> None:
        ends_at = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            if time.monotonic() > ends_at:
                raise TimeoutError("the server is not ready")
            time.sleep(0.1)

    def stop(self) -> dict[str, int]:
        """SIGTERM to all of ours; exit status of each (-9 where it had to be killed)."""
        for unit in self.units.values():
            unit.is_wanted = False
            unit.send(signal.SIGCONT)
            unit.send(signal.SIGTERM)
        statuses = {}
        for name, unit in self.units.items():
            if unit.popen is None:
                continue
            try:
                statuses[name] = unit.popen.wait(30)
            except subprocess.TimeoutExpired:
                unit.popen.kill()
                statuses[name] = unit.popen.wait() or -9
        return statuses


@contextlib.contextmanager
def open_site(slug: str, keep_logs: Path | None = None) -> Iterator[Site]:
    """A running site with an assignment offered; everything of it is gone afterwards, but for its logs."""
    folder = Path(tempfile.mkdtemp(prefix="grader-storm-"))
    for name in ("clocks", "tmp", "disk"):
        (folder / name).mkdir()
    # PostgreSQL and sandboxes run as other users.
    (folder / "tmp").chmod(0o1777)
    (folder / "clocks" / "sitecustomize.py").write_text(CLOCK)
    (folder / "secret").write_text("a secret of the storm alone\n")
    disk = folder / "disk"
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    has_disk = os.geteuid() == 0 and subprocess.run(mounting, check=False, capture_output=True).returncode == 0
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        if has_disk:
            undo.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
        postgres = PrivatePostgres(folder / "postgres", port=free_port())
        redis = PrivateRedis(folder / "redis", port=free_port())
        for server in (postgres, redis):
            undo.callback(server.stop)
            server.start()
        schema.upgrade(postgres.url)
        database = Database(postgres.url, pool=4)
        undo.callback(database.close)
        site = Site(folder, disk, has_disk, postgres, redis, database, Blobs(str(disk / "blobs")), free_port(), slug)
        _offer(site)
        if keep_logs is not None:
            undo.callback(_copy_logs, site, keep_logs)
        undo.callback(_end, site)
        _start(site)
        yield site


def _start(site: Site) -> None:
    grader = str(Path(sys.executable).with_name("grader"))
    site.add("server", grader, "serve", "--port", str(site.port))
    site.add("sweep", sys.executable, "-m", "worker.sweep", "--every", "0.5", "--again", AGAIN_S)
    for number in (1, 2):
        site.add(f"worker-{number}", sys.executable, "-m", "worker", "--queues", "cpu,rerun", "--jobs", "1")
    threading.Thread(target=site.keep_running, name="keep-running", daemon=True).start()


def _end(site: Site) -> None:
    site.leaving.set()
    for unit in site.units.values():
        unit.is_wanted = False
        unit.send(signal.SIGKILL)
        if unit.popen is not None:
            unit.popen.wait()
        unit.cable.close()


def _copy_logs(site: Site, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for log in [*site.logs, site.postgres.log, site.redis.log]:
        shutil.copy(log, to / log.name)


def _offer(site: Site) -> None:
    spec = load_spec(site.slug, SPECS[site.slug])
    stored = site.blobs.put(pack(spec))
    with site.database.begin() as work:
        course = courses.create_course(work, slug="storm", title="Storm")
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=1000)
        courses.add_member(work, course.id, RosterLine(email=TEACHER, name="T", role=Role.INSTRUCTOR))
    site.course = course.id


def _port_of(url: str) -> str:
    return url.rsplit(":", 1)[1].partition("/")[0]


def _command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
