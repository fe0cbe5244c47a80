"""What the private PostgreSQL and the private Redis have in common: a folder, a lock, a leash."""

from __future__ import annotations

import abc
import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import ClassVar

from grader.local.faults import FolderUnusable
from grader.local.identity import Identity
from grader.local.leashed import Command, LeashedProcess, wait_until_ready
from grader.local.lock import FolderLock
from grader.local.places import opened, way_to

LOOPBACK = "127.0.0.1"
# After a crash a server first reads its journal again, which may be long.
START_WAIT_S = 120.0


class PrivateServer(abc.ABC):
    """One server in `folder`, which it has for itself. It ends with this process, however that ends.

    Without `port` it listens on a socket in its data folder alone, which nobody else may enter; with `port` also on
    that port of 127.0.0.1, under a random password kept in `folder`. `durable=False` trades what survives a power cut
    (never what survives `kill`) for speed. Methods may be called from any thread.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / f"{self.name}.log"
        self._port = port
        self._durable = durable
        self._lock = FolderLock(self.folder)
        self._process: LeashedProcess | None = None
        self._wanted = False
        self._one_at_a_time = threading.RLock()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def alive(self) -> bool:
        process = self._process
        return process is not None and process.alive

    @property
    def lost(self) -> bool:
        """Whether it was started, and is gone without having been asked to end."""
        return self._wanted and not self.alive

    @property
    def pid(self) -> int | None:
        """The server's first process, while it was not asked to end."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Returns when it answers. Raises `AlreadyRunning`, `ServersMissing`, `FolderUnusable`, `ServiceFailed`."""
        with self._one_at_a_time, contextlib.ExitStack() as undo:
            self._lock.take()
            undo.callback(self._lock.release)
            try:
                identity = self._prepare()
                with opened(self.data) as (descriptor, inside):
                    process = LeashedProcess(self._command(identity, descriptor, inside))
            except OSError as error:
                raise FolderUnusable(f"{self.name} cannot work in {self.folder} ({error}).") from error
            undo.callback(process.kill)
            wait_until_ready(self.name, process, self._answers, self.log, within_s=START_WAIT_S)
            self._settle()
            self._process = process
            self._wanted = True
            undo.pop_all()

    def stop(self) -> None:
        """Shuts it down and waits until nothing of it is left. Harmless when it does not run."""
        self._end(kill=False)

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` finds the data again. Harmless when it does not run."""
        self._end(kill=True)

    def restart(self) -> None:
        """`stop` and `start`; the address stays."""
        with self._one_at_a_time:
            self.stop()
            self.start()

    def revive(self) -> None:
        """Start it again if it is `lost`; it stays lost if that fails. Raises what `start` raises."""
        with self._one_at_a_time:
            if self.lost:
                self.kill()
                self._wanted = True
                self.start()

    def _end(self, *, kill: bool) -> None:
        with self._one_at_a_time:
            process, self._process = self._process, None
            self._wanted = False
            if process is None:
                return
            try:
                process.kill() if kill else process.stop()
            finally:
                self._lock.release()

    @abc.abstractmethod
    def _prepare(self) -> Identity | None:
        """Make or mend the data folder; whom the server runs as."""

    @abc.abstractmethod
    def _command(self, identity: Identity | None, descriptor: int, inside: Path) -> Command:
        """How to run it on the data folder, which it finds at `inside`."""

    @abc.abstractmethod
    def _answers(self) -> bool: ...

    @property
    @abc.abstractmethod
    def socket_name(self) -> str: ...

    @abc.abstractmethod
    def _settle(self) -> None:
        """What is left to do once it answers."""

    def _way_in(self) -> Path:
        """The folder of the socket, as clients can reach it."""
        return way_to(self.data, self.socket_name)

    def _lock_descriptor(self) -> int:
        return self._lock.descriptor

    def _password(self) -> str:
        """Made once and kept, for the port."""
        path = self.folder / "password"
        with contextlib.suppress(FileNotFoundError):
            if kept := path.read_text():
                return kept
        made = secrets.token_urlsafe(24)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            stream.write(made)
        return made
