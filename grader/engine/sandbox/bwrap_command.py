"""The bwrap command line: every wall of the sandbox in one list. docs/sandbox.md says what each flag closes."""

from __future__ import annotations

import os

from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.environment import SCRATCH, probe_environment
from grader.engine.sandbox.trees import SandboxTrees

INSIDE_UID = "65534"
# Kernel addresses and host-wide statistics that a new /proc still shows.
HIDDEN_PROC_FILES = (
    "cmdline", "config.gz", "iomem", "ioports", "kallsyms", "kcore", "keys", "key-users", "kmsg",
    "kpagecount", "kpageflags", "modules", "sched_debug", "slabinfo", "swaps", "sysrq-trigger", "timer_list",
    "vmallocinfo", "zoneinfo",
)  # fmt: skip
# Outer bwrap and its init inside are in the group besides the profile's processes.
EXTRA_TASKS = 2
# By how much the second limit on them lies above the first.
_BELOW = 8


def sandbox_options(
    profile: SandboxProfile, trees: SandboxTrees, sources: dict[str, str], *, disable_userns: bool
) -> list[str]:
    """Options for `bwrap --args`, without the command. `sources` maps a path inside to what is bound there."""
    options = [
        "--unshare-all", "--unshare-user", "--uid", INSIDE_UID, "--gid", INSIDE_UID, "--hostname", "sandbox",
        "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL",
    ]  # fmt: skip
    if disable_userns:
        options.append("--disable-userns")
    for target, place in trees.links:
        options += ["--symlink", target, place]
    for tree in trees.trees:
        options += ["--ro-bind", sources[tree.inside], tree.inside]
    for cover in trees.covers:
        options += ["--tmpfs", cover, "--remount-ro", cover]
    options += ["--proc", "/proc"]
    for name in HIDDEN_PROC_FILES:
        if os.path.exists(f"/proc/{name}"):  # noqa: PTH110  # Path.exists raises on /proc entries we may not stat
            options += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    options += [
        # Some settings below /proc/sys belong to the sandbox's own namespaces, which would make them writable.
        "--remount-ro", "/proc",
        "--dev", "/dev",
        "--perms", "1777", "--size", str(profile.shm_bytes), "--tmpfs", "/dev/shm",  # noqa: S108
        "--remount-ro", "/dev",
        "--perms", "1777", "--size", str(profile.scratch_bytes), "--tmpfs", SCRATCH,
        "--remount-ro", "/", "--chdir", SCRATCH,
    ]  # fmt: skip
    for name, value in probe_environment(profile).items():
        options += ["--setenv", name, value]
    return options


def launch_limits(profile: SandboxProfile, *, own_uid: bool) -> list[str]:
    """Launcher instructions for the limits of single processes."""
    return [
        text
        for name, soft, hard in process_limits(profile, own_uid=own_uid)
        for text in ("limit", name, str(soft), str(hard))
    ]


def process_limits(profile: SandboxProfile, *, own_uid: bool) -> list[tuple[str, int, int]]:
    """Limits of single processes, as (name of RLIMIT_, soft, hard)."""
    limits = [
        ("NOFILE", profile.open_files, profile.open_files),
        ("FSIZE", profile.file_bytes, profile.file_bytes),
        ("CORE", 0, 0),
        # SIGXCPU first, so that the ending can be told; the kill follows for a process that catches it.
        ("CPU", profile.cpu_s, profile.cpu_s + 1),
        ("MEMLOCK", 65536, 65536),
    ]
    if own_uid:
        # Counted per uid: only right for a uid that nobody else uses. A second net below the pids group, which
        # comes first because it counts what it refuses.
        most = profile.processes + EXTRA_TASKS + _BELOW
        limits.append(("NPROC", most, most))
    return limits
