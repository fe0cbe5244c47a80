"""The calls of the kernel that Python 3.11 has no function for. Each raises OSError with the call's name.

The library is opened so that Python's lock stays held during a call: a child made by `clone` has this one thread only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
# The two steps into a job's own namespaces; the fork server's filter allows these flags and no others.
FORK_FLAGS = CLONE_NEWUSER | CLONE_NEWPID | int(signal.SIGCHLD)
UNSHARE_FLAGS = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = 64
_FILTER_INSTRUCTION_BYTES = 8
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLOSE_RANGE = 436
_LAST_DESCRIPTOR = 2**32 - 1
_LARGE_PAGE = 2 * 2**20
_MADV_COLLAPSE = 25

_libc = ctypes.PyDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def fork_into_namespaces() -> int:
    """Like `os.fork`, the child being process 1 of a process namespace and full of rights in a user namespace."""
    pid = int(_libc.syscall(ctypes.c_long(_CLONE[os.uname().machine]), ctypes.c_long(FORK_FLAGS), *[0] * 4))
    _require("clone", pid)
    return pid


def unshare_the_rest() -> None:
    """Mounts, network, message queues, host name and control groups of this process's own."""
    _require("unshare", _libc.unshare(UNSHARE_FLAGS))


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str = "") -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind)]
    _require(f"mount {target}", _libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None))


def die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def show_to_own_user(*, shown: bool) -> None:
    """Whether others of the same user may look at this process's memory, descriptors and settings."""
    _prctl(_PR_SET_DUMPABLE, int(shown))


def drop_capabilities() -> None:
    """Every set is empty afterwards, and nothing executed later gets one."""
    for number in range(_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0 and ctypes.get_errno() == errno.EINVAL:
            break  # this kernel has no more
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    _require("capset", _libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))


def filter_calls(program: bytes) -> None:
    """Put a compiled filter on top of those this process has."""
    held = ctypes.create_string_buffer(program, len(program))
    described = _Program(len(program) // _FILTER_INSTRUCTION_BYTES, ctypes.addressof(held))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _require("seccomp", _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0))


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    result = _libc.syscall(
        ctypes.c_long(_CLOSE_RANGE), ctypes.c_uint(first), ctypes.c_uint(_LAST_DESCRIPTOR), ctypes.c_uint(0)
    )
    if result != 0:  # before Linux 5.9
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
            if int(name) >= first:
                try:
                    os.close(int(name))
                except OSError:
                    continue  # the listing's own


def use_large_pages() -> None:
    """Put this process's own memory into pages of 2 MB: a fork then copies hundreds of entries, not tens of thousands.

    A kernel that cannot (before Linux 6.1) leaves it as it is.
    """
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        lines = [line.split() for line in file]
    for places, rights, _, _, _, *name in lines:
        # A file's private pages and the stack stay: they are few.
        if "w" in rights and (not name or name[0] == "[heap]"):
            start, end = (int(text, 16) for text in places.split("-"))
            first, last = -(-start // _LARGE_PAGE), end // _LARGE_PAGE
            if first < last:
                size = (last - first) * _LARGE_PAGE
                _libc.madvise(ctypes.c_void_p(first * _LARGE_PAGE), ctypes.c_size_t(size), _MADV_COLLAPSE)


def _prctl(what: int, value: int) -> None:
    _require(f"prctl {what}", _libc.prctl(what, value, 0, 0, 0))


def _require(what: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
