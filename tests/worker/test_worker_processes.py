"""Worker, sweep and the listener for wake-ups as processes of their own; no sandbox is needed for these."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from grader.domain.grading import Queue
from grader.local.redis import PrivateRedis
from grader.service import runs
from grader.storage.wakeups import CeleryWakeUps
from tests.waiting import until

ROOT = Path(__file__).parents[2]
NOBODY = "redis://127.0.0.1:1/0"
# What `worker.app` does with wake-ups, without anything that grades.
LISTENER = """
import sys, threading
from types import SimpleNamespace
from grader.domain.grading import Queue
from worker.app import listen
from worker.bell import Bell
from worker.logs import log_to_stderr
from worker.watch import Watch
log_to_stderr()
settings = SimpleNamespace(broker_url=sys.argv[1], queues=(Queue.CPU,), name="listener")
place = SimpleNamespace(settings=settings, bell=Bell(1), stopping=threading.Event(), watch=Watch())
threading.Thread(target=listen, args=(place,), daemon=True).start()
while True:
    place.bell.wait(3600)
    print("rang", flush=True)
"""
STOPS = """
import sys, time
from worker.signals import StopSignals
signals = StopSignals()
assert not signals.wait(0.01)
print("waits", flush=True)
signals.wait()
print("stops", flush=True)
if sys.argv[1] == "hangs":
    time.sleep(600)
"""


def send(broker: PrivateRedis) -> bool:
    """A wake-up, which may be lost: a busy machine takes longer to connect than an upload waits."""
    CeleryWakeUps(broker.url).send(Queue.CPU)
    return True


@pytest.fixture
def start(tmp_path):
    """Starts a python process; what it says is in a file."""
    started = []

    def start(*arguments: str, **environment: str):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
        said = tmp_path / f"said-{len(started)}"
        with said.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=clean | environment, stdout=output, stderr=output
            )
        started.append(process)
        return process, said

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_without_settings_says_which_one_is_missing(start):
    process, said = start("-m", "worker")
    assert process.wait(60) == 3
    assert "GRADER_DATABASE_URL is not set" in said.read_text()
    assert "Traceback" not in said.read_text()


def test_a_sweep_puts_back_what_a_silent_worker_held_while_no_broker_is_there(desk, start):
    submission = desk.hand_in()
    with desk.database.begin() as work:
        runs.claim(work, queues=[Queue.CPU], worker="silent", lease_s=0.1)
    process, said = start(
        "-m", "worker.sweep", "--every", "0.2", GRADER_DATABASE_URL=desk.database.url, GRADER_BROKER_URL=NOBODY
    )
    until(lambda: desk.stages(submission)["gate"] == ("waiting", 1), "put back")
    until(lambda: "1 stages of silent workers put back" in said.read_text(), "said")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_sweep_outlives_a_database_that_is_away(start):
    process, said = start(
        "-m", "worker.sweep", "--every", "0.1", GRADER_BROKER_URL=NOBODY,
        GRADER_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
    )  # fmt: skip
    until(lambda: said.read_text().count("the database is away") >= 3, "asked three times")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_the_first_signal_stops_and_the_second_ends_at_once(start):
    process, said = start("-c", STOPS, "hangs")
    until(lambda: "waits" in said.read_text(), "waits")
    process.send_signal(signal.SIGTERM)
    until(lambda: "stops" in said.read_text(), "stops")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 128 + signal.SIGINT


def test_wake_ups_are_heard_from_a_broker_that_comes_late_and_one_that_comes_back(start):
    with tempfile.TemporaryDirectory(prefix="grader-tests-") as folder:
        broker = PrivateRedis(Path(folder) / "redis", durable=False)
        process, said = start("-c", LISTENER, broker.url)
        until(lambda: "Trying again" in said.read_text(), "it looks for a broker that is not there")
        broker.start()
        try:
            for _ in range(2):
                rung = said.read_text().count("rang")
                until(lambda rung=rung: send(broker) and said.read_text().count("rang") > rung, "rung")
                broker.kill()
                broker.start()
        finally:
            broker.stop()
        assert process.poll() is None, "a broker that goes for good does not end it"
