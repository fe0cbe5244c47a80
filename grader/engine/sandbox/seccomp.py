"""The list of system calls a sandbox may make: one file in Docker's format, used by both backends.

Docker reads the file itself. For bwrap the same file is compiled here into the kernel's filter program.
"""

from __future__ import annotations

import errno
import json
import os
import platform
from pathlib import Path
from typing import Any, cast

from grader.engine.sandbox.container_terms import GVISOR

PROFILE_PATH = Path(__file__).resolve().parents[3] / "docker" / "seccomp.json"
# What `platform.machine()` calls the architectures of the profile's `archMap`.
MACHINES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
UNKNOWN_SYSCALL = -1


def profile_text(path: Path = PROFILE_PATH) -> str:
    """The profile in Docker's own format."""
    return path.read_text(encoding="utf-8")


def profile_for(runtime: str | None) -> str:
    """The profile that goes with a runtime of the Docker engine.

    gVisor's loader knows one way to refuse, "not permitted", for which libc does not fall back from clone3 to clone, so
    that there would be no threads. There the flags of clone3 reach gVisor's own kernel, which is not the host's.
    """
    if runtime != GVISOR:
        return profile_text()
    profile = cast("dict[str, Any]", json.loads(profile_text()))
    profile["syscalls"] = [
        {"names": entry["names"], "action": "SCMP_ACT_ALLOW"} if entry["names"] == ["clone3"] else entry
        for entry in profile["syscalls"]
    ]
    return json.dumps(profile)


def missing_library() -> str | None:
    """What keeps a filter from being compiled here, or None."""
    if platform.machine() not in MACHINES:
        return f"docker/seccomp.json has no entry for the {platform.machine()} architecture"
    try:
        import pyseccomp  # noqa: F401  # it loads libseccomp.so.2 while it is imported
    except (ImportError, OSError, RuntimeError) as error:
        return f"libseccomp.so.2 cannot be loaded ({error})"
    return None


def compile_filter(text: str) -> bytes:
    """The kernel's filter program for this machine's own calls; foreign entry points (x32, 32-bit) are killed.

    Names this machine's libseccomp does not know are skipped: they stay refused like everything not listed.
    """
    import pyseccomp

    profile = cast("dict[str, Any]", json.loads(text))
    rules = pyseccomp.SyscallFilter(_action(pyseccomp, {"action": profile["defaultAction"]}))
    # By itself the library ends only the thread: the others would keep the probe there, silent.
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for entry in profile["syscalls"]:
        action = _action(pyseccomp, entry)
        arguments = [
            pyseccomp.Arg(
                arg["index"],
                getattr(pyseccomp, arg["op"].removeprefix("SCMP_CMP_")),
                arg["value"],
                arg.get("valueTwo", 0),
            )
            for arg in entry.get("args", [])
        ]
        for name in entry["names"]:
            number = _number(pyseccomp, name)
            if number is not None:
                rules.add_rule(action, number, *arguments)
    return _exported(rules)


def syscall_numbers(names: list[str]) -> dict[str, int]:
    """This machine's numbers of those calls that it has; for programs that try them one by one."""
    import pyseccomp

    found = {name: _number(pyseccomp, name) for name in names}
    return {name: number for name, number in found.items() if number is not None}


def filter_descriptor(program: bytes) -> int:
    """An anonymous file holding the program, at its start: what bwrap's `--seccomp` reads. The caller closes it."""
    descriptor = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(descriptor, program)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _action(pyseccomp: Any, entry: dict[str, Any]) -> int:
    kinds: dict[str, Any] = {
        "SCMP_ACT_ALLOW": pyseccomp.ALLOW,
        "SCMP_ACT_ERRNO": pyseccomp.ERRNO(entry.get("errnoRet", errno.EPERM)),
        "SCMP_ACT_KILL_PROCESS": pyseccomp.KILL_PROCESS,
    }
    return int(kinds[entry["action"]])


def _number(pyseccomp: Any, name: str) -> int | None:
    try:
        number = int(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name))
    except (OSError, ValueError):
        return None
    # Negative numbers stand for calls of other architectures; this one has no such entry.
    return number if number > UNKNOWN_SYSCALL else None


def _exported(rules: Any) -> bytes:
    descriptor = os.memfd_create("seccomp-export", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
