"""`serve`, `worker` and `sweep` as real processes: what they need, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.waiting import eventually

COMMAND = [sys.executable, "-m", "grader.cli.main"]


@pytest.fixture
def settings(postgres_url, tmp_path):
    (tmp_path / "secret").write_text("0123456789abcdef")
    return {
        "GRADER_DATABASE_URL": postgres_url,
        "GRADER_BROKER_URL": "redis://127.0.0.1:1/0",
        "GRADER_BLOBS_URL": str(tmp_path / "blobs"),
        "GRADER_SECRET_FILE": str(tmp_path / "secret"),
    }


def run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["serve", "worker", "sweep"])
def test_a_missing_setting_is_named_and_exit_3(command):
    done = run(command)
    assert done.returncode == 3
    assert "GRADER_DATABASE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_exit_2(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--port", str(taken.getsockname()[1]), **settings)
    assert done.returncode == 2
    assert "already listens" in done.stderr


def test_a_queue_that_there_is_not_is_said(settings):
    done = run("worker", "--queues", "cpu,tpu", "--jobs", "1", **settings)
    assert done.returncode == 3
    assert "'cpu,tpu'" in done.stderr


def started(*arguments, **environment):
    return subprocess.Popen(
        [*COMMAND, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_server_serves_until_ctrl_c(settings):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = started("serve", "--port", str(port), **settings)
    try:
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()


def test_a_sweep_goes_on_until_it_is_told_to_stop(settings):
    sweep = started("sweep", "--every", "0.2", **settings)
    try:
        assert eventually(lambda: b"worker.sweep" in _words_of(sweep.pid))
        # The signal handlers come a moment after the program; the wait below would see a default death.
        assert eventually(lambda: _catches(sweep.pid, signal.SIGTERM))
        assert sweep.poll() is None
        sweep.terminate()
        assert sweep.wait(60) == 0
    finally:
        sweep.kill()
        sweep.wait()


def _words_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _catches(pid, number):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigCgt"))
    return int(mask, 16) >> (number - 1) & 1
