"""One grader in a folder at a time.

The invariant: the lock is held as long as anything lives that was started under it. It is an flock, which belongs to an
open file; each leash inherits that file, so after kill -9 of the grader the lock goes only when the last server has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from grader.local.faults import AlreadyRunning, FolderUnusable

# How long servers that lost their grader may take to shut down before we give up; longer than any stop_wait_s.
DYING_S = 90.0
LOOK_S = 0.05
NAME = "lock"


class FolderLock:
    """An exclusive lock on `folder`, which is made if need be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    @property
    def descriptor(self) -> int:
        if self._file is None:
            raise RuntimeError("the folder is not locked")
        return self._file

    def take(self) -> None:
        """Waits for servers whose grader is gone. Raises `AlreadyRunning`, and `FolderUnusable` if we may not write."""
        if self._file is not None:
            raise AlreadyRunning(_in_use(self._folder, os.getpid()))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusable(f"The folder {self._folder} cannot be used ({error}); use another one.") from error
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, file)
            self._wait(file)
            os.ftruncate(file, 0)
            os.pwrite(file, _myself().encode(), 0)
            undo.pop_all()
        self._file = file

    def release(self) -> None:
        """Ours only: what a leash still holds stays locked."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _wait(self, file: int) -> None:
        until = time.monotonic() + DYING_S
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            owner = os.pread(file, 200, 0).decode(errors="replace").split()
            if _is_there(owner) or time.monotonic() > until:
                raise AlreadyRunning(_in_use(self._folder, owner[0] if owner else "unknown"))
            time.sleep(LOOK_S)


def _in_use(folder: Path, owner: object) -> str:
    return f"A grader is already running in {folder} (process {owner}); stop that one first, or use another folder."


def _myself() -> str:
    return f"{os.getpid()} {_started(os.getpid())} {_namespace()}"


def _is_there(owner: list[str]) -> bool:
    """Whether the process that wrote the lock file lives; in another container we cannot see, and take it to live."""
    if len(owner) != 3:
        return False  # not written yet, or empty after a crash: the next look tells
    pid, started, namespace = owner
    return namespace != _namespace() or _started(int(pid)) == started


def _started(pid: int) -> str | None:
    """When a process began, in clock ticks after boot: with the number it is unique until the next boot."""
    try:
        # The name in brackets may hold anything; the 20th field after it is the start.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _namespace() -> str:
    return Path("/proc/self/ns/pid").readlink().name
