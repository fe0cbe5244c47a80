"""Sandboxes by a fork server: one process that has imported torch forks each job into walls of its own.

The invariants: a job is in its memory group before it reads a byte of a submission; it is single use; and it is killed
and judged by this machine's kernel, whatever the fork server or the job says. Only the kernel tells a job's number.
Accepted gap: the jobs of one fork server share its address layout and its uid, besides the host's kernel.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import socket
import struct
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import Readiness, Sandbox, SandboxProfile
from grader.engine.sandbox.bwrap_command import HIDDEN_PROC_FILES, process_limits
from grader.engine.sandbox.bwrap_start import find_bwrap, missing_parts, try_one
from grader.engine.sandbox.cgroups import Group, GroupTree, NoCgroup
from grader.engine.sandbox.environment import probe_environment
from grader.engine.sandbox.fork_wall import ForkServer, monotonic_left, start_server, wall_trees
from grader.engine.sandbox.forking import orders
from grader.engine.sandbox.held import HeldSandbox, group_name, limits_of, reap_groups
from grader.engine.sandbox.trees import SandboxTrees, find_trees, packages_folder

# A fork takes 10 ms; a machine at forty times its load is still in time.
FORKED_WITHIN_S = 20.0
# Jobs of one fork server share its address layout: after so many the next ones get another.
JOBS_OF_A_SERVER = 200
# A job's first process is in its group besides the profile's processes.
EXTRA_TASKS = 1
_CREDENTIALS = struct.Struct("3i")
MEND = (
    "it needs what the bwrap backend needs, and user namespaces inside user namespaces: as root, "
    "user.max_user_namespaces must not be 0, on Ubuntu kernel.apparmor_restrict_unprivileged_userns 0, "
    "and a container around the worker must show a /proc of its own without covers; or use the docker or bwrap backend"
)


class ForkSandbox(HeldSandbox):
    """One job of a fork server: the socket of its first process, and its control group."""

    def __init__(
        self,
        name: str,
        host: socket.socket,
        group: Group,
        profile: SandboxProfile,
        *,
        ends: tuple[int, int, int],
        pool: _Servers,
        server: ForkServer,
    ) -> None:
        write_fd, read_fd, error_fd = ends
        super().__init__(name, group, profile, write_fd=write_fd, read_fd=read_fd, error_fd=error_fd)
        self._host = host
        self._pool = pool
        self._server: ForkServer | None = server
        self._status: int | None = None
        self._over = False
        self._hearing = threading.Lock()

    def is_alive(self) -> bool:
        return not self._wait(0)

    def _stop(self) -> None:
        """The group's end is the job's."""

    def _wait(self, seconds: float | None) -> bool:
        """Hear the job's first process out: its one message, or the end of the socket that it alone holds."""
        with self._hearing:
            if self._over:
                return True
            poller = select.poll()
            poller.register(self._host, select.POLLIN)
            if not poller.poll(None if seconds is None else seconds * 1000):
                return False
            self._over = True
            with contextlib.suppress(OSError):
                self._status = orders.read_status(self._host.recv(64))
            return True

    def _exit_code(self) -> int | None:
        if self._status is not None:
            return os.waitstatus_to_exitcode(self._status)
        # Killed by us together with the one who would have told.
        return None if self._killed_for is None else -signal.SIGKILL

    def _released(self) -> None:
        self._host.close()
        if self._server is not None:
            self._pool.job_ended(self._server)
            self._server = None


class _Servers:
    """The fork servers of a backend: one that takes orders, and older ones that wait for their last job's end."""

    def __init__(self, trees: SandboxTrees, groups: GroupTree, bwrap: str, jobs_of_a_server: int) -> None:
        self._trees = trees
        self._groups = groups
        self._bwrap = bwrap
        self._jobs_of_a_server = jobs_of_a_server
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="fork-server-starter")
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._current: ForkServer | None = None
        self._all: list[ForkServer] = []
        self._filters: tuple[bytes, bytes] | None = None
        self._is_closed = False

    def take(self) -> ForkServer:
        """A fork server that takes orders, with one job counted on it; started if there is none."""
        # One at a time: who comes while it starts waits for it.
        with self._starting:
            with self._lock:
                server = self._current
            if server is None or not server.is_alive() or server.jobs_begun >= self._jobs_of_a_server:
                fresh = self._start()
                self.retire(server)
                server = fresh
            with self._lock:
                server.jobs_begun += 1
                server.jobs_alive += 1
            return server

    def retire(self, server: ForkServer | None) -> None:
        """Give it no more orders; it goes with its last job."""
        if server is None:
            return
        with self._lock:
            server.is_retired = True
            if self._current is server:
                self._current = None
        self._close_if_done(server)

    def job_ended(self, server: ForkServer) -> None:
        with self._lock:
            server.jobs_alive -= 1
        self._close_if_done(server)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            servers, self._all, self._current = self._all, [], None
        for server in servers:
            server.close()
        self._starter.shutdown(wait=False)

    def pids(self) -> list[int]:
        """The outer processes of every wall that stands."""
        with self._lock:
            return [server.pid for server in self._all if server.is_alive()]

    def _close_if_done(self, server: ForkServer) -> None:
        with self._lock:
            if not server.is_retired or server.jobs_alive or server not in self._all:
                return
            self._all.remove(server)
        server.close()

    def _start(self) -> ForkServer:
        if self._filters is None:
            self._filters = (
                seccomp.compile_filter(seccomp.profile_text()),
                seccomp.compile_filter(seccomp.fork_server_profile()),
            )
        server = start_server(self._bwrap, self._trees, self._groups, self._starter, *self._filters)
        try:
            server.await_ready()
        except SandboxLost:
            server.close()
            raise
        with self._lock:
            self._current = server
            self._all.append(server)
        return server


class ForkBackend:
    """Starts jobs by a fork server, which it starts when the first one is asked for."""

    name = "fork"

    def __init__(
        self,
        *,
        groups: GroupTree | None = None,
        packages: Path | None = None,
        trees: SandboxTrees | None = None,
        jobs_of_a_server: int = JOBS_OF_A_SERVER,
    ) -> None:
        self._groups = groups or GroupTree()
        self._trees = wall_trees(trees or find_trees(packages or packages_folder()))
        self._bwrap = find_bwrap()
        self._jobs_of_a_server = jobs_of_a_server
        self._servers = _Servers(self._trees, self._groups, str(self._bwrap), jobs_of_a_server)
        # At the process's end, too: the groups of its walls are not left for the next one's `reap`.
        self._finalizer = weakref.finalize(self, self._servers.close)

    def check(self) -> Readiness:
        """Find what is missing, then start the fork server and one job that imports two modules (about 3 s)."""
        problems = missing_parts(self._bwrap, self._trees)
        facts = {"jobs of one fork server": str(self._jobs_of_a_server)} if not problems else {}
        if not problems:
            problem = try_one(self, MEND)
            problems = [problem] if problem else []
        return Readiness(backend=self.name, usable=not problems, facts=facts, problems=tuple(problems))

    def start(self, profile: SandboxProfile) -> Sandbox:
        if profile.gpu is not None:
            raise NoSandbox("jobs of the fork server have no GPU; use the docker backend for assignments that need one")
        problems = missing_parts(self._bwrap, self._trees)
        if problems:
            raise NoSandbox("; ".join(f"{what}: {mend}" for what, mend in problems))
        order = order_for(profile)
        name = group_name(os.getuid(), secrets.token_hex(4))
        try:
            group = self._groups.make(name)
        except NoCgroup as error:
            raise NoSandbox(f"sandboxes need a memory control group: {error}") from error
        try:
            group.limit(limits_of(profile, EXTRA_TASKS))
            server = self._servers.take()
        except NoCgroup as error:
            group.remove()
            raise SandboxLost(f"a sandbox could not be started ({error})") from error
        except (NoSandbox, SandboxLost):
            group.remove()
            raise
        try:
            return self._fork(name, server, group, profile, order)
        except (OSError, SandboxLost) as error:
            group.kill()
            group.remove()
            # Whatever it was, the next job gets another fork server.
            self._servers.retire(server)
            self._servers.job_ended(server)
            raise SandboxLost(f"the fork server did not start a sandbox ({error})") from error

    def reap(self) -> int:
        """Remove the groups of workers whose process is gone, and what still runs in them."""
        return reap_groups(self._groups)

    def close(self) -> None:
        """End the fork server and every job. Idempotent; nothing can be started afterwards."""
        self._finalizer()

    def _fork(self, name: str, server: ForkServer, group: Group, profile: SandboxProfile, order: bytes) -> Sandbox:
        deadline = time.monotonic() + FORKED_WITHIN_S
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
            for number, (read_fd, write_fd) in enumerate(pipes):
                near, far = (write_fd, read_fd) if number == 0 else (read_fd, write_fd)
                ours.callback(os.close, near)
                theirs.callback(os.close, far)
            host, job = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.callback(host.close)
            theirs.callback(job.close)
            host.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            far_ends = [pipes[0][0], pipes[1][1], pipes[2][1], job.fileno()]
            server.send(order, far_ends, monotonic_left(deadline))
            theirs.close()
            pid = _hear_number(host, deadline)
            for file in group.join_files:
                file.write_text(str(pid))
            host.send(orders.GO)
            sandbox = ForkSandbox(
                name, host, group, profile,
                ends=(pipes[0][1], pipes[1][0], pipes[2][0]), pool=self._servers, server=server,
            )  # fmt: skip
            ours.pop_all()
            return sandbox


def order_for(profile: SandboxProfile) -> bytes:
    """What the fork server is told of a profile.

    Raises:
        NoSandbox: the program is too long for one message.

    """
    order = orders.Order(
        scratch_bytes=profile.scratch_bytes,
        shm_bytes=profile.shm_bytes,
        limits=tuple(process_limits(profile, own_uid=False)),
        environment=probe_environment(profile),
        hidden_files=HIDDEN_PROC_FILES,
        program=profile.program,
    ).encode()
    if len(order) > orders.MOST_BYTES:
        raise NoSandbox(
            f"the program of {len(order)} bytes is too long for the fork server ({orders.MOST_BYTES} bytes)"
        )
    return order


def _hear_number(host: socket.socket, deadline: float) -> int:
    """This machine's number of the process that says it is there, as the kernel attests it.

    Raises:
        SandboxLost: nobody did in time.

    """
    host.settimeout(monotonic_left(deadline))
    try:
        said, ancillary, _, _ = host.recvmsg(64, socket.CMSG_SPACE(_CREDENTIALS.size))
    except TimeoutError as error:
        raise SandboxLost("it does not answer") from error
    for level, kind, content in ancillary:
        if said == orders.HERE and level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0])
    raise SandboxLost("it ended")
