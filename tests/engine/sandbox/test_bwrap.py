"""What is particular to bwrap: the uid, the group, and that nothing outlives the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grader.domain.ending import EndingReason
from grader.domain.errors import NoSandbox
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.bwrap import BwrapBackend
from grader.engine.sandbox.bwrap_start import FIRST_UID, LAUNCHER, UIDS
from grader.engine.sandbox.cgroups import GroupTree
from grader.engine.sandbox.conformance_trial import SMALL, outcome, processes_with, read_line, real_identity, started

pytestmark = pytest.mark.sandbox
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the launcher drops a uid only when it has one to drop")


@as_root
def test_each_sandbox_has_a_uid_of_its_own_that_nobody_else_has(bwrap: SandboxBackend) -> None:
    seen = []
    with started(bwrap, SLEEP) as first, started(bwrap, SLEEP) as second:
        for trial in (first, second):
            read_line(trial)
            numbers = {number for pid in processes_with(trial.marker) for number in real_identity(pid)}
            assert len(numbers) == 1
            seen.append(int(numbers.pop()))
    assert seen[0] != seen[1]
    assert all(FIRST_UID <= number < FIRST_UID + UIDS for number in seen)


def test_the_group_is_gone_after_kill_and_was_read_before(bwrap: SandboxBackend) -> None:
    with started(bwrap, "x = bytearray(64 << 20)\nprint('up', flush=True)\nimport time\ntime.sleep(60)") as sandbox:
        read_line(sandbox)
        assert sandbox.name in [name for name, _ in GroupTree().strays()]
    ending = sandbox.ending()
    assert ending.reason is EndingReason.KILLED
    assert ending.peak_bytes is not None
    assert 64 << 20 < ending.peak_bytes < SMALL.memory_bytes
    assert ending.cpu_s is not None
    assert 0 < ending.cpu_s < 5
    assert sandbox.name not in [name for name, _ in GroupTree().strays()]


def test_a_sandbox_outlives_the_thread_that_asked_for_it(bwrap: SandboxBackend) -> None:
    """The parent-death signal follows the thread that forked; it must not be the caller's."""
    made: list[Sandbox] = []
    profile = SandboxProfile(warm=False, program=SLEEP)
    thread = threading.Thread(target=lambda: made.append(bwrap.start(profile)))
    thread.start()
    thread.join()
    try:
        os.read(made[0].read_fd, 10)
        time.sleep(0.1)
        assert made[0].is_alive()
    finally:
        made[0].kill()


WORKER = f"""
import os, time
from grader.engine.sandbox.bwrap import BwrapBackend
from grader.engine.sandbox.base import SandboxProfile
program = "# MARKER" + chr(10) + {SLEEP!r}
sandbox = BwrapBackend().start(SandboxProfile(warm=False, program=program))
os.read(sandbox.read_fd, 10)
print(sandbox.name, flush=True)
time.sleep(60)
"""


def test_a_killed_worker_takes_its_sandbox_along_and_the_next_reaps_its_group(bwrap: SandboxBackend) -> None:
    marker = f"conformance-worker-{os.getpid()}"
    command = [sys.executable, "-c", WORKER.replace("MARKER", marker)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        name = worker.stdout.readline().strip()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    deadline = time.monotonic() + 5
    while processes_with(marker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(marker)
    assert name in [stray for stray, _ in GroupTree().strays()]
    assert bwrap.reap() >= 1
    assert name not in [stray for stray, _ in GroupTree().strays()]


def test_reap_leaves_living_workers_alone(bwrap: SandboxBackend) -> None:
    with started(bwrap, SLEEP) as sandbox:
        read_line(sandbox)
        bwrap.reap()
        assert sandbox.is_alive()


def test_a_gpu_is_refused_with_what_to_do(bwrap: SandboxBackend) -> None:
    with pytest.raises(NoSandbox, match="docker"):
        bwrap.start(SandboxProfile(gpu="0"))


def test_missing_packages_are_told(tmp_path: Path) -> None:
    backend = BwrapBackend(packages=tmp_path / "gone")
    readiness = backend.check()
    assert not readiness.usable
    assert ("gone" in readiness.problems[-1][0], readiness.problems[-1][1]) == (True, "run make install")
    with pytest.raises(NoSandbox, match="make install"):
        backend.start(SMALL)


def test_no_memory_group_means_not_usable_with_what_to_do(tmp_path: Path, bwrap: SandboxBackend) -> None:
    (tmp_path / "own").write_text("0::/\n")
    readiness = BwrapBackend(groups=GroupTree(tmp_path, tmp_path / "own")).check()
    assert not readiness.usable
    assert "memory" in readiness.problems[0][0]
    assert "Delegate" in readiness.problems[0][1]


@as_root
def test_the_launcher_refuses_to_become_bwrap_as_root() -> None:
    told = subprocess.run(
        [sys.executable, "-I", str(LAUNCHER), "--", "/bin/true"], check=False, capture_output=True, text=True
    )
    assert told.returncode != 0
    assert "root" in told.stderr


@as_root
def test_packages_below_a_closed_folder_below_the_staging_directory(tmp_path: Path, bwrap: SandboxBackend) -> None:
    """A fresh clone often lies in a 0700 folder in /tmp, where the sandbox's uid could not look anything up."""
    packages = tmp_path / "sandbox"
    packages.mkdir()
    (packages / "msgpack.py").write_text("found = 'yes'")
    tmp_path.chmod(0o700)
    backend = BwrapBackend(packages=packages)
    assert outcome(backend, "import msgpack; print(msgpack.found)").output == b"yes\n"


def test_descriptors_of_the_worker_do_not_leak_in(bwrap: SandboxBackend) -> None:
    with Path(__file__).open() as held:
        os.set_inheritable(held.fileno(), True)
        listed = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])"
        assert outcome(bwrap, listed).output.strip() == b"[0, 1, 2]"


def test_stderr_names_what_failed_in_the_launch(bwrap: SandboxBackend) -> None:
    result = outcome(bwrap, "raise SystemExit('mend me')")
    assert "mend me" in result.stderr
    assert result.ending.exit_code == 1
