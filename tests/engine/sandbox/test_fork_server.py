"""What is particular to the fork server: its own end, its renewal, and that nothing is left behind.

Most of these start a fork server that imports nothing, which takes a tenth of a second instead of three.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from grader.domain.ending import EndingReason
from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import fork_wall
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.bwrap_start import FIRST_UID, UIDS
from grader.engine.sandbox.cgroups import GroupTree
from grader.engine.sandbox.conformance_trial import (
    SMALL,
    outcome,
    processes_with,
    read_line,
    real_identity,
    started,
)
from grader.engine.sandbox.fork import ForkBackend, order_for
from grader.engine.sandbox.fork_wall import ForkServer
from grader.engine.sandbox.forking import orders
from grader.engine.wire.frames import FramePipe
from grader.engine.wire.messages import Kind, receive

pytestmark = pytest.mark.sandbox
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the launcher drops a uid only when it has one to drop")


@pytest.fixture
def light(fork: SandboxBackend) -> Iterator[ForkBackend]:
    """A backend of a test's own, whose fork server imports nothing; `fork` says whether it can be had at all."""
    backend = ForkBackend(preload=False)
    yield backend
    backend.close()


def only_server(backend: ForkBackend) -> ForkServer:
    (server,) = backend.servers
    return server


def inside(server: ForkServer) -> int:
    """This machine's number of the fork server itself, below the wall's two processes of bwrap."""
    pid = server.pid
    for _ in range(2):
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    assert b"forking.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return pid


def ended_within(sandbox: Sandbox, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while sandbox.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not sandbox.is_alive()


@as_root
def test_the_wall_has_a_uid_that_nobody_else_has_and_its_jobs_have_it_too(light: ForkBackend) -> None:
    with started(light, SLEEPS) as job:
        read_line(job)
        numbers = {number for pid in processes_with(job.marker) for number in real_identity(pid)}
        assert numbers == set(real_identity(inside(only_server(light))))
        assert len(numbers) == 1
        assert FIRST_UID <= int(numbers.pop()) < FIRST_UID + UIDS


def test_a_killed_fork_server_takes_its_jobs_along_and_the_next_start_has_another(light: ForkBackend) -> None:
    with started(light, SLEEPS) as job:
        read_line(job)
        first = only_server(light)
        os.kill(inside(first), signal.SIGKILL)
        assert ended_within(cast("Sandbox", job), 30)
        # Nobody of ours killed it, and no limit did.
        assert job.ending().reason is EndingReason.LOST
        assert not processes_with(job.marker)
        assert outcome(light, "print('again')").output == b"again\n"
        assert only_server(light) is not first


def test_a_hung_fork_server_loses_one_start_and_harms_no_job_under_way(fork: SandboxBackend) -> None:
    backend = ForkBackend(preload=False)
    try:
        with started(backend, SLEEPS) as job:
            read_line(job)
            hung = only_server(backend)
            os.kill(inside(hung), signal.SIGSTOP)
            usual, backend.forked_within_s = backend.forked_within_s, 0.5
            with pytest.raises(SandboxLost, match="does not answer"):
                backend.start(SMALL)
            backend.forked_within_s = usual
            assert outcome(backend, "print('again')").output == b"again\n"
            assert job.is_alive()
            assert hung.is_alive()
        # Its last job has ended, so that it goes; frozen as it is.
        assert not hung.is_alive()
        assert hung not in backend.servers
    finally:
        backend.close()


def test_a_job_is_told_to_go_only_when_it_is_in_its_group(light: ForkBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its number cannot be written to the group it ends without having read anything of its program."""
    before = our_groups()
    light.start(SMALL).kill()

    def refuse(self: Path, text: str) -> None:
        raise PermissionError(1, "refused", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", lambda self, text: refuse(self, text) if self.name == "cgroup.procs" else 0)
        with pytest.raises(SandboxLost, match="refused"):
            light.start(replace(SMALL, program=SLEEPS))
    assert our_groups() == before
    assert not light.servers


def test_it_is_renewed_beside_its_jobs(fork: SandboxBackend) -> None:
    backend = ForkBackend(preload=False, jobs_of_a_server=2)
    try:
        with started(backend, SLEEPS) as job:
            read_line(job)
            first = only_server(backend)
            outcome(backend, "pass")
            deadline = time.monotonic() + 60
            while first in backend.servers and len(backend.servers) == 1 and time.monotonic() < deadline:
                time.sleep(0.01)
            outcome(backend, "pass")
            assert len(backend.servers) == 2
            assert (first.jobs_begun, job.is_alive(), first.is_alive()) == (2, True, True)
        assert first not in backend.servers
        assert not first.is_alive()
    finally:
        backend.close()


def test_a_renewed_server_has_another_address_layout(fork: SandboxBackend) -> None:
    backend = ForkBackend(preload=False, jobs_of_a_server=1)
    try:
        program = "import ctypes; print(ctypes.cast(ctypes.CDLL(None).printf, ctypes.c_void_p).value)"
        places = {outcome(backend, program).output for _ in range(4)}
        assert len(places) > 1
    finally:
        backend.close()


def our_groups() -> set[str]:
    """Of this very process: others grade on this machine, too."""
    return {name for name, _ in GroupTree().strays() if name.startswith(f"w{os.getpid()}-")}


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_fifty_jobs_in_a_row_leave_nothing_behind(light: ForkBackend) -> None:
    outcome(light, "pass")
    server = only_server(light)
    groups, ours = our_groups(), descriptors()
    its_own = len(list(Path(f"/proc/{inside(server)}/fd").iterdir()))
    mounts = Path(f"/proc/{inside(server)}/mountinfo").read_text()
    threads = threading.active_count()
    for number in range(50):
        profile = replace(SMALL, program=f"print({number}, end='')" if number % 3 else "import time; time.sleep(60)")
        sandbox = light.start(profile)
        if number % 3:
            assert os.read(sandbox.read_fd, 100) == str(number).encode()
        sandbox.kill()
    assert only_server(light) is server
    assert our_groups() == groups
    deadline = time.monotonic() + 30
    while (descriptors() > ours or threading.active_count() > threads) and time.monotonic() < deadline:
        time.sleep(0.01)  # the threads that read standard error close their own
    assert descriptors() <= ours
    assert len(list(Path(f"/proc/{inside(server)}/fd").iterdir())) == its_own
    assert Path(f"/proc/{inside(server)}/mountinfo").read_text() == mounts
    children = Path(f"/proc/{inside(server)}/task/{inside(server)}/children")
    while children.read_text().split() and time.monotonic() < deadline:
        time.sleep(0.01)  # the server hears of the last one's end after us
    assert children.read_text().split() == []


WORKER = f"""
import os, time
from grader.engine.sandbox.fork import ForkBackend
from grader.engine.sandbox.base import SandboxProfile
program = "# MARKER" + chr(10) + {SLEEPS!r}
backend = ForkBackend(preload=False)
sandbox = backend.start(SandboxProfile(warm=False, program=program))
os.read(sandbox.read_fd, 10)
print(sandbox.name, backend.servers[0].pid, flush=True)
time.sleep(END)
"""


@pytest.mark.parametrize("dies", ["killed", "leaves"])
def test_a_dead_worker_takes_its_jobs_along_and_the_next_reaps_its_groups(light: ForkBackend, dies: str) -> None:
    marker = f"conformance-worker-{os.getpid()}-{dies}"
    code = WORKER.replace("MARKER", marker).replace("END", "60" if dies == "killed" else "0.3")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        name, wall = worker.stdout.readline().split()
        # The worker's own command line holds the marker, too.
        assert len(processes_with(f"# {marker}")) >= 2
        if dies == "killed":
            worker.send_signal(signal.SIGKILL)
        worker.wait()
    deadline = time.monotonic() + 30
    while (processes_with(marker) or Path(f"/proc/{wall}").exists()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not processes_with(marker)
    assert not Path(f"/proc/{wall}").exists()
    left = [stray for stray, _ in GroupTree().strays() if stray.startswith(f"w{worker.pid}-")]
    assert (name in left) == (dies == "killed" or name in left)
    assert light.reap() >= len(left)
    assert not [stray for stray, _ in GroupTree().strays() if stray.startswith(f"w{worker.pid}-")]


def test_reap_leaves_the_wall_and_its_jobs_alone(light: ForkBackend) -> None:
    with started(light, SLEEPS) as job:
        read_line(job)
        light.reap()
        assert job.is_alive()
        assert only_server(light).is_alive()


def test_a_backend_that_nobody_has_any_more_ends_its_fork_server(fork: SandboxBackend) -> None:
    backend = ForkBackend(preload=False)
    sandbox = backend.start(replace(SMALL, program=SLEEPS))
    server = only_server(backend)
    del backend
    # A job holds on to it.
    assert sandbox.is_alive()
    sandbox.kill()
    del sandbox
    assert not server.is_alive()


def test_where_user_namespaces_do_not_nest_it_is_not_usable_and_says_what_to_do(
    fork: SandboxBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bwrap itself takes them away from what it starts: the trial meets a kernel that refuses."""
    options = fork_wall.wall_options
    monkeypatch.setattr(fork_wall, "wall_options", lambda *given: [*options(*given), "--disable-userns"])
    backend = ForkBackend(preload=False)
    readiness = backend.check()
    backend.close()
    assert not readiness.usable
    problem, mend = readiness.problems[0]
    assert "fork server" in problem
    assert "No space left" in problem or "not permitted" in problem
    assert "max_user_namespaces" in mend
    assert "bwrap" in mend


def test_a_server_that_cannot_begin_says_why(tmp_path: Path, fork: SandboxBackend) -> None:
    readiness = ForkBackend(packages=tmp_path / "gone").check()
    assert ("gone" in readiness.problems[-1][0], readiness.problems[-1][1]) == (True, "run make install")
    (tmp_path / "empty").mkdir()
    (tmp_path / "own").write_text("0::/\n")
    told = ForkBackend(groups=GroupTree(tmp_path, tmp_path / "own")).check().problems[0]
    assert "memory" in told[0]


def test_a_gpu_is_refused_with_what_to_do(light: ForkBackend) -> None:
    with pytest.raises(NoSandbox, match="docker"):
        light.start(SandboxProfile(gpu="0"))


def test_a_program_that_fits_no_message_is_refused_and_the_longest_is_run(light: ForkBackend) -> None:
    with pytest.raises(NoSandbox, match="too long"):
        light.start(replace(SMALL, program="#" * orders.MOST_BYTES))
    room = orders.MOST_BYTES - len(order_for(replace(SMALL, program="")))
    assert outcome(light, "print('fits')" + " " * (room - 200)).output == b"fits\n"


def test_an_order_comes_back_as_it_was() -> None:
    encoded = order_for(replace(SMALL, program="print('ü')", threads=2))
    order = orders.Order.decode(encoded)
    assert order.encode() == encoded
    assert (order.program, order.environment["OMP_NUM_THREADS"]) == ("print('ü')", "2")
    assert ("NOFILE", SMALL.open_files, SMALL.open_files) in order.limits
    assert [orders.read_status(text) for text in (b"status 256", b"status", b"status -1", b"256", b"")] == [
        256, None, None, None, None,
    ]  # fmt: skip


def test_a_probe_says_ready_with_the_threads_of_its_profile(fork: SandboxBackend) -> None:
    sandbox = fork.start(SandboxProfile(threads=2, warm=True))
    try:
        pipe = FramePipe(os.dup(sandbox.read_fd), os.dup(sandbox.write_fd))
        said = receive(pipe)
        pipe.close()
    finally:
        sandbox.kill()
    assert (said.kind, said.body["threads"]) == (Kind.READY, 2)


COMPUTES = """
import time, torch
torch.set_num_threads(2)
print(float((torch.ones(512, 512) @ torch.ones(512, 512))[0, 0]), flush=True)
time.sleep(60)
"""


def test_a_job_computes_with_threads_and_comes_to_the_foreground(fork: SandboxBackend) -> None:
    """The fork server has computed nothing, so that a job may begin threads of its own."""
    with started(fork, COMPUTES, replace(SMALL, threads=2, memory_bytes=2**30, background=True)) as job:
        group = dict(GroupTree().strays())[job.name]
        weight = (
            group.directories["cpu"] / "cpu.shares"
            if group.version == 1
            else group.directories["memory"] / "cpu.weight"
        )
        low = int(weight.read_text())
        job.to_foreground()
        assert int(weight.read_text()) > low
        assert read_line(job) == "512.0"


def test_starts_from_many_threads_at_once(light: ForkBackend) -> None:
    outputs: list[bytes] = []

    def one(number: int) -> None:
        outputs.append(outcome(light, f"print({number})").output)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == sorted(f"{number}\n".encode() for number in range(12))
    assert len(light.servers) == 1


def test_what_is_no_order_harms_nothing(light: ForkBackend) -> None:
    """Nobody but the host can send one; should it be damaged, the next is served."""
    outcome(light, "pass")
    server = only_server(light)
    ends = [os.pipe() for _ in range(2)]
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    flat = list(itertools.chain(*ends))
    for message, sent in ((b"{", [*flat[:3], far.fileno()]), (order_for(SMALL), flat[:2]), (b"[]", [])):
        server.send(message, sent, 5.0)
    far.close()
    assert near.recv(10) == b""
    for descriptor in flat:
        os.close(descriptor)
    near.close()
    assert outcome(light, "print('well')").output == b"well\n"
    assert only_server(light) is server
