"""Sandboxes by bubblewrap: no daemon, about 30 ms on top of Python's own start.

The invariants: bwrap never runs as root (the launcher drops to a uid of the sandbox's own first), the process is in
its memory group before anything untrusted runs, and the group is read before it is removed.
Accepted gap: the sandbox shares the host's kernel, as with Docker's default runtime.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import Readiness, Sandbox, SandboxProfile
from grader.engine.sandbox.bwrap_command import EXTRA_TASKS, bwrap_command, launch_limits, sandbox_options
from grader.engine.sandbox.cgroups import Group, GroupLimits, GroupTree, NoCgroup
from grader.engine.sandbox.endings import HostFacts, classify, shell_exit_code
from grader.engine.sandbox.stderr_tail import StderrTail
from grader.engine.sandbox.trees import SandboxTrees, find_trees, packages_folder

LAUNCHER = Path(__file__).with_name("launch.py")
# A directory that exists everywhere and that the launcher may cover in a mount namespace of its own.
STAGE = "/tmp"  # noqa: S108
# Numbers that no distribution hands out (systemd's table of uids calls 1879048192 to 2147483647 unused).
FIRST_UID = 1_900_000_000
UIDS = 1 << 20
DYING_S = 2.0
TRIAL = SandboxProfile(warm=False, program="import grader.engine.wire.frames, msgpack; print('usable')")
TRIAL_S = 20.0


class BwrapSandbox:
    """One bwrap process and its control group."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], group: Group, profile: SandboxProfile, owner: object
    ) -> None:
        self._name = name
        self._process = process
        self._group = group
        self._profile = profile
        # The thread that started bwrap must live as long as it: the kernel's parent-death signal follows the thread.
        self._owner = owner
        self._lock = threading.RLock()
        self._killed_for: EndingReason | None = None
        self._ending: Ending | None = None
        self._started = time.monotonic()
        self._stderr = StderrTail()
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise SandboxLost("the sandbox was started without pipes; this is a bug")
        self._write_fd = os.dup(process.stdin.fileno())
        self._read_fd = os.dup(process.stdout.fileno())
        self._drain = self._stderr.drain(os.dup(process.stderr.fileno()))
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def read_fd(self) -> int:
        return self._read_fd

    @property
    def write_fd(self) -> int:
        return self._write_fd

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def to_foreground(self) -> None:
        if self._profile.background:
            self._group.weigh(background=False)

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        with self._lock:
            self._end(reason)
            if not self._closed:
                self._closed = True
                os.close(self._read_fd)
                os.close(self._write_fd)

    def ending(self) -> Ending:
        with self._lock:
            if self._ending is None:
                try:
                    self._process.wait(DYING_S)
                except subprocess.TimeoutExpired:
                    self._end(EndingReason.KILLED)
            return self._end(EndingReason.KILLED)

    def stderr(self) -> str:
        if not self.is_alive():
            self._drain.join(0.5)
        return self._stderr.text()

    def _end(self, reason: EndingReason) -> Ending:
        if self._ending is not None:
            return self._ending
        if self.is_alive():
            self._killed_for = reason
            self._process.kill()
        # The init inside dies with bwrap and takes its namespace along; the group catches what the launcher left.
        all_dead = self._group.kill()
        status = self._process.wait()
        facts = self._group.facts()
        self._ending = classify(
            HostFacts(
                exit_code=shell_exit_code(status),
                oom_kills=facts.oom_kills,
                killed_for=self._killed_for,
                lost=not all_dead,
                cpu_s=facts.cpu_s,
                wall_s=time.monotonic() - self._started,
                peak_bytes=facts.peak_bytes,
                cpu_limit_s=self._profile.cpu_s,
                memory_limit_bytes=self._profile.memory_bytes,
                file_limit_bytes=self._profile.file_bytes,
            )
        )
        self._group.remove()
        return self._ending


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
        self._bwrap = shutil.which("bwrap")
        self._disable_userns: bool | None = None

    def check(self) -> Readiness:
        """Find what is missing, then start one sandbox that imports two modules (about 50 ms)."""
        problems = self._missing()
        facts = {"bwrap": self._version(), "packages": str(self._packages)} if not problems else {}
        if not problems:
            problem = self._trial()
            problems = [problem] if problem else []
        return Readiness(backend=self.name, usable=not problems, facts=facts, problems=tuple(problems))

    def start(self, profile: SandboxProfile) -> Sandbox:
        if profile.gpu is not None:
            raise NoSandbox("bwrap sandboxes have no GPU; use the docker backend for assignments that need one")
        problems = self._missing()
        if problems:
            raise NoSandbox("; ".join(f"{what}: {mend}" for what, mend in problems))
        uid = FIRST_UID + secrets.randbelow(UIDS)
        name = f"w{os.getpid()}-{uid}-{secrets.token_hex(4)}"
        try:
            group = self._groups.make(name)
        except NoCgroup as error:
            raise NoSandbox(f"bwrap sandboxes need a memory control group: {error}") from error
        try:
            group.limit(
                GroupLimits(
                    memory_bytes=profile.memory_bytes,
                    tasks=profile.processes + EXTRA_TASKS,
                    cpus=profile.cpus,
                    background=profile.background,
                )
            )
            process = self._starter.submit(self._spawn, profile, group, uid).result()
        except (OSError, NoCgroup) as error:
            group.remove()
            raise SandboxLost(f"a bwrap sandbox could not be started ({error})") from error
        return BwrapSandbox(name, process, group, profile, self._starter)

    def reap(self) -> int:
        """Remove the groups of workers whose process is gone, and what still runs in them."""
        count = 0
        for name, group in self._groups.strays():
            owner = name.split("-")[0].removeprefix("w")
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                group.kill()
                count += group.remove()
        return count

    def _spawn(self, profile: SandboxProfile, group: Group, uid: int) -> subprocess.Popen[bytes]:
        is_root = os.geteuid() == 0
        instructions = [text for file in group.join_files for text in ("join", str(file))]
        sources = {tree.inside: str(tree.source) for tree in self._trees.trees}
        if is_root:
            instructions += ["stage", STAGE]
            for number, tree in enumerate(self._trees.trees):
                instructions += ["bind", str(tree.source), str(number)]
                sources[tree.inside] = f"{STAGE}/{number}"
        instructions += launch_limits(profile, own_uid=is_root)
        if is_root:
            instructions += ["identity", str(uid)]
        options = sandbox_options(profile, self._trees, sources, disable_userns=self._may_disable_userns())
        options_fd = seccomp.filter_descriptor("\0".join([*options, ""]).encode())
        filter_fd = seccomp.filter_descriptor(self._program())
        try:
            return subprocess.Popen(
                [
                    sys.executable, "-I", "-S", "-E", str(LAUNCHER), *instructions, "--",
                    *bwrap_command(str(self._bwrap), profile, options_fd=options_fd, seccomp_fd=filter_fd),
                ],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                bufsize=0, env={}, cwd="/", pass_fds=(options_fd, filter_fd),
            )  # fmt: skip
        finally:
            os.close(options_fd)
            os.close(filter_fd)

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

    def _missing(self) -> list[tuple[str, str]]:
        problems = []
        if self._bwrap is None:
            problems.append(("bwrap is not installed", "install it (Debian, Ubuntu: apt-get install bubblewrap)"))
        library = seccomp.missing_library()
        if library is not None:
            problems.append((library, "install libseccomp (Debian, Ubuntu: apt-get install libseccomp2)"))
        if self._trees.missing:
            gone = ", ".join(str(path) for path in self._trees.missing)
            problems.append((f"what a sandbox must see is missing ({gone})", "run make install"))
        return problems

    def _trial(self) -> tuple[str, str] | None:
        mend = (
            "give this process root, or on control groups v2 a delegated group (systemd: Delegate=yes) and "
            "unprivileged user namespaces; or use the docker backend"
        )
        try:
            sandbox = self.start(TRIAL)
        except (NoSandbox, SandboxLost) as error:
            return str(error), mend
        try:
            ending = sandbox.ending() if _wait_closed(sandbox) else None
            if ending is not None and ending.exit_code == 0:
                return None
            said = sandbox.stderr().strip().splitlines()
            return f"a sandbox that imports two modules failed ({said[-1] if said else 'no message'})", mend
        finally:
            sandbox.kill()


def _wait_closed(sandbox: Sandbox) -> bool:
    deadline = time.monotonic() + TRIAL_S
    while sandbox.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
