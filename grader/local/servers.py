"""PostgreSQL and Redis together: what `grader up`, `make demo` and the tests start."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from grader.domain.errors import SetupError
from grader.local.backoff import Backoff
from grader.local.lock import FolderLock
from grader.local.postgres import PrivatePostgres
from grader.local.redis import PrivateRedis
from grader.local.server import PrivateServer

WATCH_S = 0.5


class PrivateServers:
    """Both servers below `folder`; a context manager. One that crashes is started again, its data as they were.

    Entering raises `AlreadyRunning`, `ServersMissing`, `FolderUnusable` or `ServiceFailed`, and leaves nothing running.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.postgres = PrivatePostgres(folder / "postgres", durable=durable)
        self.redis = PrivateRedis(folder / "redis", durable=durable)
        self._lock = FolderLock(folder.absolute())
        self._leaving = threading.Event()
        self._watch: threading.Thread | None = None

    @property
    def database_url(self) -> str:
        """For SQLAlchemy."""
        return self.postgres.url

    @property
    def broker_url(self) -> str:
        """For Celery."""
        return self.redis.url

    @property
    def redis_url(self) -> str:
        """For redis-py."""
        return self.redis.redis_url

    def start(self) -> None:
        """Returns when both answer; they start side by side."""
        with contextlib.ExitStack() as undo:
            self._lock.take()
            undo.callback(self._lock.release)
            undo.callback(self._stop_both)
            with ThreadPoolExecutor(2) as both:
                for started in [both.submit(server.start) for server in self._both]:
                    started.result()
            undo.pop_all()
        self._leaving.clear()
        self._watch = threading.Thread(target=self._mend, name="private-servers", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Stops both and waits. Harmless when they do not run."""
        self._leaving.set()
        if self._watch is not None:
            self._watch.join()
            self._watch = None
        self._stop_both()
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _both(self) -> tuple[PrivateServer, PrivateServer]:
        return self.postgres, self.redis

    def _stop_both(self) -> None:
        with ThreadPoolExecutor(2) as both:
            for stopped in [both.submit(server.stop) for server in self._both]:
                stopped.result()

    def _mend(self) -> None:
        waits = {server: Backoff() for server in self._both}
        while not self._leaving.wait(WATCH_S):
            for server, wait in waits.items():
                if server.lost and wait.is_over(time.monotonic()):
                    wait.begin(time.monotonic())
                    # What is wrong is in the server's log; the next round tries again.
                    with contextlib.suppress(SetupError):
                        server.revive()
