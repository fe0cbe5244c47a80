"""Starting bwrap through the launcher: what a sandbox by bwrap and the wall of the fork server share."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.cgroups import Group
from grader.engine.sandbox.trees import SandboxTrees

LAUNCHER = Path(__file__).with_name("launch.py")
# A directory that exists everywhere and that the launcher may cover in a mount namespace of its own.
STAGE = "/tmp"  # noqa: S108
# Numbers that no distribution hands out (systemd's table of uids calls 1879048192 to 2147483647 unused).
FIRST_UID = 1_900_000_000
UIDS = 1 << 20
TRIAL = SandboxProfile(warm=False, program="import grader.engine.wire.frames, msgpack; print('usable')")
TRIAL_S = 20.0


def new_uid() -> int:
    return FIRST_UID + secrets.randbelow(UIDS)


def missing_parts(bwrap: str | None, trees: SandboxTrees) -> list[tuple[str, str]]:
    """What is not installed, each with what to do about it."""
    problems = []
    if bwrap is None:
        problems.append(("bwrap is not installed", "install it (Debian, Ubuntu: apt-get install bubblewrap)"))
    library = seccomp.missing_library()
    if library is not None:
        problems.append((library, "install libseccomp (Debian, Ubuntu: apt-get install libseccomp2)"))
    if trees.missing:
        gone = ", ".join(str(path) for path in trees.missing)
        problems.append((f"what a sandbox must see is missing ({gone})", "run make install"))
    return problems


def find_bwrap() -> str | None:
    return shutil.which("bwrap")


def staged_sources(trees: SandboxTrees) -> dict[str, str]:
    """Where bwrap binds each tree from: as root the launcher's stage, else the tree itself."""
    if os.geteuid() == 0:
        return {tree.inside: f"{STAGE}/{number}" for number, tree in enumerate(trees.trees)}
    return {tree.inside: str(tree.source) for tree in trees.trees}


def start_bwrap(
    bwrap: str,
    command: Sequence[str],
    *,
    options: Sequence[str],
    trees: SandboxTrees,
    group: Group,
    limits: Sequence[str],
    uid: int,
    program: bytes,
    stdin: int = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start bwrap with a filter `program` in a group, as `uid` where we are root.

    The caller's thread must live as long as the process: the kernel's parent-death signal follows the thread.

    Raises:
        OSError: it could not be started.

    """
    instructions = [text for file in group.join_files for text in ("join", str(file))]
    if os.geteuid() == 0:
        instructions += ["stage", STAGE]
        for number, tree in enumerate(trees.trees):
            instructions += ["bind", str(tree.source), str(number)]
        instructions += [*limits, "identity", str(uid)]
    else:
        instructions += limits
    options_fd = seccomp.filter_descriptor("\0".join([*options, ""]).encode())
    filter_fd = seccomp.filter_descriptor(program)
    try:
        return subprocess.Popen(
            [
                sys.executable, "-I", "-S", "-E", str(LAUNCHER), *instructions, "--",
                # The options travel in a file, so that the process table inside shows no path of the host.
                bwrap, "--args", str(options_fd), "--seccomp", str(filter_fd), "--", *command,
            ],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
            bufsize=0, env={}, cwd="/", pass_fds=(options_fd, filter_fd, *keep),
        )  # fmt: skip
    finally:
        os.close(options_fd)
        os.close(filter_fd)


def try_one(backend: SandboxBackend, mend: str) -> tuple[str, str] | None:
    """Start a sandbox that imports two modules; the problem if it fails, with how to mend it."""
    try:
        sandbox = backend.start(TRIAL)
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
