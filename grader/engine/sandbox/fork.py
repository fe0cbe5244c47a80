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
from pathlib import Path

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox.base import Readiness, Sandbox, SandboxProfile
from grader.engine.sandbox.bwrap_command import HIDDEN_PROC_FILES, process_limits
from grader.engine.sandbox.bwrap_start import find_bwrap, missing_parts, try_one
from grader.engine.sandbox.cgroups import Group, GroupTree, NoCgroup
from grader.engine.sandbox.environment import probe_environment
from grader.engine.sandbox.fork_servers import ForkServers
from grader.engine.sandbox.fork_wall import ForkServer, Walls, wall_trees
from grader.engine.sandbox.forking import orders
from grader.engine.sandbox.held import HeldSandbox, group_name, limits_of, reap_groups
from grader.engine.sandbox.trees import SandboxTrees, find_trees, packages_folder

# A fork takes 10 ms; a machine at hundreds of times its load is still in time.
FORKED_WITHIN_S = 60.0
# Jobs of one fork server share its address layout: after so many the next ones get another.
JOBS_OF_A_SERVER = 200
# A job's first process is in its group besides the profile's processes.
EXTRA_TASKS = 1
_CREDENTIALS = struct.Struct("3i")
USE = "bursts before a deadline on a machine that does nothing else (docs/sandbox.md)"
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
        pool: ForkServers,
        server: ForkServer,
        owner: object,
    ) -> None:
        write_fd, read_fd, error_fd = ends
        super().__init__(name, group, profile, write_fd=write_fd, read_fd=read_fd, error_fd=error_fd)
        self._host = host
        self._pool = pool
        # A backend that is collected ends its fork servers.
        self._owner = owner
        self._server: ForkServer | None = server
        self._status: int | None = None
        self._over = False
        self._hearing = threading.Lock()

    def is_alive(self) -> bool:
        return not self._wait(0)

    def _stop(self) -> None:
        """The group's end is the job's."""

    def _wait(self, seconds: float) -> bool:
        """Hear the job's first process out: its one message, or the end of the socket that it alone holds."""
        with self._hearing:
            if self._over:
                return True
            poller = select.poll()
            poller.register(self._host, select.POLLIN)
            if not poller.poll(seconds * 1000):
                return False
            self._over = True
            with contextlib.suppress(OSError):
                self._status = orders.read_status(self._host.recv(64))
            return True

    def _exit_code(self) -> int | None:
        if self._status is not None:
            return os.waitstatus_to_exitcode(self._status)
        # By us, together with the one who would have told; or by a job that found a way to end its first process.
        is_its_own = self._killed_for is not None or (self._server is not None and self._server.outlives_its_jobs())
        return -signal.SIGKILL if is_its_own else None

    def _released(self) -> None:
        self._host.close()
        if self._server is not None:
            self._pool.job_ended(self._server)
            self._server = None


class ForkBackend:
    """Starts jobs by a fork server, which it starts when the first one is asked for.

    Args:
        groups, packages, trees: as for bwrap.
        jobs_of_a_server: after so many the next jobs come from another one.
        forked_within_s: how long a start waits for its fork.
        preload: whether it imports torch and all that; without, a job imports it for itself.

    """

    name = "fork"

    def __init__(
        self,
        *,
        groups: GroupTree | None = None,
        packages: Path | None = None,
        trees: SandboxTrees | None = None,
        jobs_of_a_server: int = JOBS_OF_A_SERVER,
        forked_within_s: float = FORKED_WITHIN_S,
        preload: bool = True,
    ) -> None:
        self._groups = groups or GroupTree()
        self._trees = wall_trees(trees or find_trees(packages or packages_folder()))
        self._bwrap = find_bwrap()
        # None of these knows this object, or it would never be collected.
        walls = Walls(bwrap=str(self._bwrap), trees=self._trees, groups=self._groups, preload=preload)
        self._jobs_of_a_server = jobs_of_a_server
        self.forked_within_s = forked_within_s
        self._servers = ForkServers(walls.start, jobs_of_a_server)
        # At the process's end, too: the groups of its walls are not left for the next one's `reap`.
        self._finalizer = weakref.finalize(self, self._servers.close)

    def check(self) -> Readiness:
        """Find what is missing, then start the fork server and one job that imports two modules (about 3 s)."""
        problems = missing_parts(self._bwrap, self._trees)
        facts = {"by name, for": USE, "jobs of one fork server": str(self._jobs_of_a_server)} if not problems else {}
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

    @property
    def servers(self) -> tuple[ForkServer, ...]:
        """The fork servers that stand: the present one, and older ones whose jobs have not ended."""
        return self._servers.standing

    def _fork(self, name: str, server: ForkServer, group: Group, profile: SandboxProfile, order: bytes) -> Sandbox:
        deadline = time.monotonic() + self.forked_within_s
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
            server.send(order, far_ends, _left(deadline))
            theirs.close()
            pid = _hear_number(host, deadline, server)
            for file in group.join_files:
                file.write_text(str(pid))
            host.send(orders.GO)
            sandbox = ForkSandbox(
                name, host, group, profile,
                ends=(pipes[0][1], pipes[1][0], pipes[2][0]), pool=self._servers, server=server,
                owner=self,
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


def _left(deadline: float) -> float:
    """Seconds to a deadline, never none at all."""
    return max(0.001, deadline - time.monotonic())


def _hear_number(host: socket.socket, deadline: float, server: ForkServer) -> int:
    """This machine's number of the process that says it is there, as the kernel attests it.

    Raises:
        SandboxLost: nobody did in time.

    """
    host.settimeout(_left(deadline))
    try:
        said, ancillary, _, _ = host.recvmsg(64, socket.CMSG_SPACE(_CREDENTIALS.size))
    except TimeoutError as error:
        raise SandboxLost("it does not answer") from error
    for level, kind, content in ancillary:
        if said == orders.HERE and level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0])
    raise SandboxLost(server.last_words())
