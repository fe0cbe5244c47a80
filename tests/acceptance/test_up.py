"""`grader up` as a real process: a course, an upload, a grade; what Ctrl-C, kill -9 and a second start leave and find."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.sandbox
GRADER = str(Path(sys.executable).parent / "grader")
SPECS = Path(__file__).parents[1] / "faults" / "specs"
WORK = b"def answer():\n    return 42\n\n\ndef gate_pause():\n    return 'slept'\n\n\nunit_pause = train_pause = gate_pause\n"
ADMIN = "admin@grader.local"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def tree_below(pid: int) -> set[tuple[int, str]]:
    """Every process below `pid`, each by its number and when it began."""
    parents: dict[int, list[int]] = {}
    began: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            began[int(entry.name)] = fields[19]
    found: set[tuple[int, str]] = set()
    left = [pid]
    while left:
        children = parents.get(left.pop(), [])
        found |= {(child, began[child]) for child in children}
        left += children
    return found


def living(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    alive = set()
    for pid, began in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[19] == began and fields[0] != "Z":
                alive.add((pid, began))
    return alive


class Up:
    """A `grader up` that was started, and what it has printed."""

    def __init__(self, folder: Path, port: int, **environment: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
        self.environment |= {"GRADER_SPECS": str(SPECS), "GRADER_SANDBOX": "bwrap"} | environment
        self.process = subprocess.Popen(
            [GRADER, "up", "--data", str(folder), "--port", str(port), "--jobs", "1"],
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors)),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, lines) -> None:
        for line in stream:
            lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def await_running(self) -> Up:
        assert eventually(lambda: "Ctrl-C stops it" in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, "".join(self.errors)
        return self

    def end(self, number: signal.Signals) -> int:
        """Its exit status; nothing of it may live afterwards."""
        everything = tree_below(self.process.pid)
        assert everything
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert eventually(lambda: not living(everything)), living(everything)
        self.close()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def settings(self) -> dict[str, str]:
        words = shlex.split((self.folder / "service.env").read_text(), comments=True)
        return dict(word.split("=", 1) for word in words if word != "export")

    def grader(self, *arguments: object, token: str = "", stdin: str = "") -> str:
        """What a command prints that must go well."""
        done = self.command(*arguments, token=token, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *arguments: object, token: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = self.environment | self.settings() | {"GRADER_URL": self.url, "GRADER_TOKEN": token}
        words = [GRADER, *map(str, arguments)]
        return subprocess.run(words, env=environment, input=stdin, capture_output=True, text=True, check=False)

    def token_of(self, email: str) -> str:
        scopes = [word for scope in ("read", "submit", "grade", "manage") for word in ("--scope", scope)]
        return self.grader("token", "create", "t", "--local", "--person", email, *scopes).strip()


@pytest.fixture
def up(tmp_path, request):
    started: list[Up] = []

    def start(port: int | None = None, **environment: str) -> Up:
        started.append(Up(tmp_path / "data", port or free_port(), **environment))
        return started[-1]

    yield start
    for one in started:
        one.close()


def with_a_course(one: Up, tmp_path: Path) -> str:
    """The token of a student of a course that offers the tiny assignment."""
    admin = one.token_of(ADMIN)
    roster = tmp_path / "roster.csv"
    roster.write_text("email,name\nada@example.org,Ada\n")
    one.grader("course", "create", "c1", "--title", "One", token=admin)
    one.grader("roster", "import", roster, "-c", "c1", token=admin)
    one.grader("course", "offer", "c1", "tiny", token=admin)
    return one.token_of("ada@example.org")


def test_an_upload_is_graded_and_found_again_by_a_second_start(up, tmp_path):
    first = up().await_running()
    assert re.search(rf"First administrator: {ADMIN}, password \S{{12,}}\n", first.output)
    password = first.output.partition("password ")[2].split()[0]
    token = with_a_course(first, tmp_path)
    work = tmp_path / "work.py"
    work.write_bytes(WORK)
    told = json.loads(first.grader("submit", work, "-a", "tiny", "--json", token=token))
    assert (told["state"], told["score"], told["max_score"]) == ("graded", 5.0, 5.0)
    assert first.end(signal.SIGINT) == 0
    assert "Traceback" not in "".join(first.errors)

    second = up().await_running()
    assert "password" not in second.output
    again = json.loads(second.grader("status", told["id"], "--json", token=token))
    assert (again["sha256"], again["score"]) == (told["sha256"], 5.0)
    assert second.end(signal.SIGTERM) == 0
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert password.encode() not in kept, "the password is kept as its hash alone"


def test_kill_9_leaves_nothing_running_and_loses_no_receipt(up, tmp_path):
    first = up(GRADER_LEASE_S="5").await_running()
    token = with_a_course(first, tmp_path)
    work = tmp_path / "work.py"
    work.write_bytes(WORK)
    receipt = json.loads(first.grader("submit", work, "-a", "tiny", "--no-wait", "--json", token=token))
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = up(GRADER_LEASE_S="5").await_running()
    told = json.loads(second.grader("status", receipt["id"], "--wait", "--json", token=token))
    assert (told["state"], told["score"]) == ("graded", 5.0)
    assert second.end(signal.SIGINT) == 0


def test_ctrl_c_while_it_starts_leaves_nothing_running(up, tmp_path):
    one = up()
    assert eventually(lambda: list((tmp_path / "data").glob("servers/*/*.log")))
    assert one.end(signal.SIGINT) in (0, 130)
    assert "Traceback" not in "".join(one.errors)
    up().await_running().end(signal.SIGINT)


def test_a_port_that_is_taken_is_one_sentence_and_nothing_is_started(up, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = up(taken.getsockname()[1])
        assert one.process.wait(PATIENCE_S) == 2
    one.close()
    assert re.fullmatch(r"grader: Something already listens on port \d+ .*--port\.\n", "".join(one.errors))
    assert not (tmp_path / "data").exists()


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_goes_on(up):
    first = up().await_running()
    second = up()
    assert second.process.wait(PATIENCE_S) == 3
    second.close()
    assert re.fullmatch(r"grader: A grader is already running in .*\n", "".join(second.errors))
    assert first.command("db", "version").returncode == 0
    assert first.end(signal.SIGINT) == 0


def test_without_a_sandbox_nothing_is_started(up, tmp_path):
    one = up(GRADER_SANDBOX="docker", DOCKER_HOST="unix:///nowhere.sock")
    assert one.process.wait(PATIENCE_S) == 3
    one.close()
    assert "No sandbox is available" in "".join(one.errors)
    assert not (tmp_path / "data").exists()
