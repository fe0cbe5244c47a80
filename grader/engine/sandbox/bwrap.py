"""Sandboxes by bubblewrap: no daemon, about 30 ms on top of Python's own start.

The invariants: bwrap never runs as root (the launcher drops to a uid of the sandbox's own first), the process is in
its memory group before anything untrusted runs, and the group is read before it is removed.
Accepted gap: the sandbox shares the host's kernel, as with Docker's default runtime.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import Readiness, Sandbox, SandboxProfile
from grader.engine.sandbox.bwrap_command import EXTRA_TASKS, launch_limits, sandbox_options
from grader.engine.sandbox.bwrap_start import (
    find_bwrap,
    missing_parts,
    new_uid,
    staged_sources,
    start_bwrap,
    try_one,
)
from grader.engine.sandbox.cgroups import Group, GroupTree, NoCgroup
from grader.engine.sandbox.endings import shell_exit_code
from grader.engine.sandbox.environment import probe_command
from grader.engine.sandbox.held import HeldSandbox, group_name, limits_of, reap_groups
from grader.engine.sandbox.trees import SandboxTrees, find_trees, packages_folder, python_inside

MEND = (
    "give this process root, or on control groups v2 a delegated group (systemd: Delegate=yes) and "
    "unprivileged user namespaces; or use the docker backend"
)


class BwrapSandbox(HeldSandbox):
    """One bwrap process and its control group."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], group: Group, profile: SandboxProfile, owner: object
    ) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise SandboxLost("the sandbox was started without pipes; this is a bug")
        super().__init__(
            name,
            group,
            profile,
            write_fd=os.dup(process.stdin.fileno()),
            read_fd=os.dup(process.stdout.fileno()),
            error_fd=os.dup(process.stderr.fileno()),
        )
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        self._process = process
        # The thread that started bwrap must live as long as it: the kernel's parent-death signal follows the thread.
        self._owner = owner

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def _stop(self) -> None:
        self._process.kill()

    def _wait(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _released(self) -> None:
        """Nothing is held but the pipes."""

    def _exit_code(self) -> int | None:
        status = self._process.poll()
        return None if status is None else shell_exit_code(status)


class BwrapBackend:
    """Starts bwrap, through the launcher, from one thread that lives as long as the backend."""

    name = "bwrap"

    def __init__(
        self, *, groups: GroupTree | None = None, packages: Path | None = None, trees: SandboxTrees | None = None
    ) -> None:
        self._groups = groups or GroupTree()
        self._packages = packages or packages_folder()
        self._trees = trees or find_trees(self._packages)
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="bwrap-starter")
        self._lock = threading.Lock()
        self._filter: bytes | None = None
        self._bwrap = find_bwrap()
        self._disable_userns: bool | None = None

    def check(self) -> Readiness:
        """Find what is missing, then start one sandbox that imports two modules (about 50 ms)."""
        problems = missing_parts(self._bwrap, self._trees)
        facts = {"bwrap": self._version(), "packages": str(self._packages)} if not problems else {}
        if not problems:
            problem = try_one(self, MEND)
            problems = [problem] if problem else []
        return Readiness(backend=self.name, usable=not problems, facts=facts, problems=tuple(problems))

    def start(self, profile: SandboxProfile) -> Sandbox:
        if profile.gpu is not None:
            raise NoSandbox("bwrap sandboxes have no GPU; use the docker backend for assignments that need one")
        problems = missing_parts(self._bwrap, self._trees)
        if problems:
            raise NoSandbox("; ".join(f"{what}: {mend}" for what, mend in problems))
        uid = new_uid()
        name = group_name(uid, secrets.token_hex(4))
        try:
            group = self._groups.make(name)
        except NoCgroup as error:
            raise NoSandbox(f"bwrap sandboxes need a memory control group: {error}") from error
        try:
            group.limit(limits_of(profile, EXTRA_TASKS))
            process = self._starter.submit(self._spawn, profile, group, uid).result()
        except (OSError, NoCgroup) as error:
            group.remove()
            raise SandboxLost(f"a bwrap sandbox could not be started ({error})") from error
        return BwrapSandbox(name, process, group, profile, self._starter)

    def reap(self) -> int:
        """Remove the groups of workers whose process is gone, and what still runs in them."""
        return reap_groups(self._groups)

    def _spawn(self, profile: SandboxProfile, group: Group, uid: int) -> subprocess.Popen[bytes]:
        sources = staged_sources(self._trees)
        return start_bwrap(
            str(self._bwrap),
            probe_command(profile, python_inside()),
            options=sandbox_options(profile, self._trees, sources, disable_userns=self._may_disable_userns()),
            trees=self._trees,
            group=group,
            limits=launch_limits(profile, own_uid=os.geteuid() == 0),
            uid=uid,
            program=self._program(),
        )

    def _program(self) -> bytes:
        if self._filter is None:
            self._filter = seccomp.compile_filter(seccomp.profile_text())
        return self._filter

    def _may_disable_userns(self) -> bool:
        """Bubblewrap 0.8 and later know it; with an older one the system call filter alone refuses namespaces."""
        with self._lock:
            if self._disable_userns is None:
                command = [str(self._bwrap), "--help"]
                shown = subprocess.run(command, capture_output=True, text=True, check=False)
                self._disable_userns = "--disable-userns" in shown.stdout + shown.stderr
            return self._disable_userns

    def _version(self) -> str:
        shown = subprocess.run([str(self._bwrap), "--version"], capture_output=True, text=True, check=False)
        return shown.stdout.strip()
