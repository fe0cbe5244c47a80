"""The outer wall of the fork server, and our end of its socket.

The invariants: the wall is bwrap under a plain uid, in a control group of its own, with the same binds as a sandbox and
no secret; the fork server in it reads nothing but our orders. When it ends, its process namespace takes every job
along.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import fork_calls, seccomp
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.bwrap_command import INSIDE_UID, launch_limits
from grader.engine.sandbox.bwrap_start import new_uid, staged_sources, start_bwrap
from grader.engine.sandbox.cgroups import Group, GroupTree, NoCgroup
from grader.engine.sandbox.environment import SCRATCH, probe_environment
from grader.engine.sandbox.forking import orders
from grader.engine.sandbox.held import group_name, limits_of
from grader.engine.sandbox.stderr_tail import StderrTail
from grader.engine.sandbox.trees import PROBE_ROOT, SandboxTrees, Tree, python_inside

# What the fork server itself may use. It computes nothing but its imports; a job counts for itself from its start on.
SERVER = SandboxProfile(
    memory_bytes=2 * 2**30, scratch_bytes=64 * 2**20, shm_bytes=2**20, processes=128,
    # A job cannot have more than this: what a profile asks for must fit below.
    open_files=65536, file_bytes=2**40, cpu_s=24 * 3600, cpus=2.0,
)  # fmt: skip
# Imports take about 3 s on a quiet core; a control group among twenty busy processes got a fortieth of one.
READY_WITHIN_S = 300.0
CLOSES_WITHIN_S = 2.0
# bwrap outside ends some milliseconds after what is inside.
SURVIVES_S = 0.5
WORDS_WITHIN_S = 0.5
# Room in the server's own command line for the title of a job.
TITLE_ROOM = "." * 512
# bwrap outside, its first process inside.
EXTRA_TASKS = 2
_DEVICES = ("null", "zero", "full", "random", "urandom")
_MODULE = "grader.engine.sandbox.forking"


def wall_trees(trees: SandboxTrees) -> SandboxTrees:
    """A sandbox's own, and the code of the fork server."""
    code = Tree(source=Path(__file__).with_name("forking"), inside=f"{PROBE_ROOT}/{_MODULE.replace('.', '/')}")
    return replace(trees, trees=(*trees.trees, code))


def wall_options(trees: SandboxTrees, sources: dict[str, str]) -> list[str]:
    """As for a sandbox, but that each job puts scratch, shared memory and process files of its own over these.

    The process files are not covered, or the kernel would let no job have its own. There are no terminals: a job
    would share them with others.
    """
    options = [
        "--unshare-all", "--unshare-user", "--uid", INSIDE_UID, "--gid", INSIDE_UID, "--hostname", "sandbox",
        "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
    ]  # fmt: skip
    for target, place in trees.links:
        options += ["--symlink", target, place]
    for tree in trees.trees:
        options += ["--ro-bind", sources[tree.inside], tree.inside]
    for cover in trees.covers:
        options += ["--tmpfs", cover, "--remount-ro", cover]
    options += ["--proc", "/proc", "--tmpfs", "/dev"]
    for name in _DEVICES:
        options += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for target, place in (("/proc/self/fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr")):
        options += ["--symlink", target, f"/dev/{place}"]
    options += [
        "--dir", "/dev/shm", "--remount-ro", "/dev",  # noqa: S108
        "--perms", "1777", "--size", str(SERVER.scratch_bytes), "--tmpfs", SCRATCH,
        "--remount-ro", "/", "--chdir", SCRATCH,
    ]  # fmt: skip
    for name, value in probe_environment(SERVER).items():
        options += ["--setenv", name, value]
    return options


class ForkServer:
    """One wall with its fork server. `send` and `is_alive` are safe for use by several threads."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, group: Group, owner: object) -> None:
        self._process = process
        self._control = control
        self._group = group
        # See BwrapSandbox: the thread that started it must live as long.
        self._owner = owner
        self._stderr = StderrTail()
        if process.stderr is None:
            raise SandboxLost("the fork server was started without a pipe; this is a bug")
        self._drain = self._stderr.drain(os.dup(process.stderr.fileno()))
        process.stderr.close()
        # Counted by ForkServers, under its lock.
        self.jobs_begun = 0
        self.jobs_alive = 0
        self.is_retired = False

    @property
    def pid(self) -> int:
        """The number of the wall's outer process."""
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Wait until it takes orders.

        Raises:
            SandboxLost: it ended instead, or was not ready in time.

        """
        self._control.settimeout(timeout_s)
        try:
            said = self._control.recv(64)
        except TimeoutError as error:
            raise SandboxLost(f"the fork server was not ready within {timeout_s:g} s") from error
        except OSError:
            said = b""
        if said != orders.READY:
            raise SandboxLost(f"the fork server ended before it was ready ({self.last_words()})")

    def send(self, order: bytes, descriptors: Sequence[int], timeout_s: float) -> None:
        """Hand over one order and copies of its descriptors.

        Raises:
            OSError: it has ended, or takes none in time.

        """
        self._control.settimeout(timeout_s)
        socket.send_fds(self._control, [order], list(descriptors))

    def outlives_its_jobs(self) -> bool:
        """Whether it still lives a moment after a job of it ended without a word."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SURVIVES_S)
        return self.is_alive()

    def last_words(self) -> str:
        """The last line on its standard error; it says there what it could not do."""
        deadline = time.monotonic() + WORDS_WITHIN_S
        while not self._stderr.text() and self._drain.is_alive() and time.monotonic() < deadline:
            self._drain.join(0.01)
        said = self._stderr.text().strip().splitlines()
        return said[-1] if said else "no message"

    def close(self) -> None:
        """End it, with every job that is left. Idempotent."""
        with contextlib.suppress(OSError):
            self._control.close()
        try:
            # It leaves when its socket ends; a frozen one does not.
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._group.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSES_WITHIN_S)
        self._group.remove()


class Walls:
    """Makes fork servers, from one thread that lives as long as this.

    Args:
        bwrap: the program's path.
        trees: what is bound, the code of the fork server included.
        groups: where its control group is made.
        preload: whether it imports torch and all that usually goes with it.

    """

    def __init__(self, *, bwrap: str, trees: SandboxTrees, groups: GroupTree, preload: bool) -> None:
        self._bwrap = bwrap
        self._trees = trees
        self._groups = groups
        self._preload = preload
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="fork-server-starter")
        self._filters: tuple[bytes, bytes] | None = None

    def start(self) -> ForkServer:
        """A fork server that takes orders.

        Raises:
            NoSandbox: there is no memory group here.
            SandboxLost: the kernel refused something, or it was not ready in time; trying again may work.

        """
        uid = new_uid()
        try:
            group = self._groups.make(group_name(uid, secrets.token_hex(4)))
        except NoCgroup as error:
            raise NoSandbox(f"the fork server needs a memory control group: {error}") from error
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            group.limit(limits_of(SERVER, EXTRA_TASKS))
            process = self._starter.submit(self._spawn, group, uid, theirs.fileno()).result()
        except (OSError, NoCgroup) as error:
            ours.close()
            group.remove()
            raise SandboxLost(f"the fork server could not be started ({error})") from error
        finally:
            theirs.close()
        server = ForkServer(process, ours, group, self._starter)
        try:
            server.await_ready()
        except SandboxLost:
            server.close()
            raise
        return server

    def _spawn(self, group: Group, uid: int, control_fd: int) -> subprocess.Popen[bytes]:
        if self._filters is None:
            self._filters = (
                seccomp.compile_filter(seccomp.profile_text()),
                seccomp.compile_filter(fork_calls.profile_text()),
            )
        for_jobs, for_server = self._filters
        filter_fd = seccomp.filter_descriptor(for_jobs)
        load = "everything" if self._preload else "nothing"
        try:
            return start_bwrap(
                self._bwrap,
                [python_inside(), "-u", "-m", f"{_MODULE}.server", str(control_fd), str(filter_fd), load, TITLE_ROOM],
                options=wall_options(self._trees, staged_sources(self._trees)),
                trees=self._trees,
                group=group,
                limits=launch_limits(SERVER, own_uid=False),
                uid=uid,
                program=for_server,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                keep=(control_fd, filter_fd),
            )
        finally:
            os.close(filter_fd)
