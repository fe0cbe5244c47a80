"""Which fork server takes the next order: the present one, until it is dead, hung or has forked its share of jobs.

The invariant: a fork server whose jobs still live is not closed, unless everything is; one without any is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from grader.domain.errors import GraderError
from grader.engine.sandbox.fork_wall import ForkServer


class ForkServers:
    """One that takes orders, and older ones that wait for the end of their last job. Safe for use by several threads.

    Args:
        start: a new one that takes orders; raises SandboxLost or NoSandbox.
        jobs_of_a_server: after so many another one is started beside it; after twice as many a job waits for that.

    """

    def __init__(self, start: Callable[[], ForkServer], jobs_of_a_server: int) -> None:
        self._start = start
        self._jobs_of_a_server = jobs_of_a_server
        self._lock = threading.Lock()
        # Held while one is started that somebody waits for.
        self._starting = threading.Lock()
        self._current: ForkServer | None = None
        self._all: list[ForkServer] = []
        self._renewal: threading.Thread | None = None
        self._is_closed = False

    def take(self) -> ForkServer:
        """One that takes orders, with a job counted on it until `job_ended`.

        Raises:
            NoSandbox, SandboxLost: none can be started.

        """
        with self._starting:
            server = self._usable() or self._begin(None)
            with self._lock:
                server.jobs_begun += 1
                server.jobs_alive += 1
                self._renew(server)
            return server

    def retire(self, server: ForkServer) -> None:
        """Give it no more orders; it goes with its last job."""
        with self._lock:
            server.is_retired = True
            if self._current is server:
                self._current = None
        self._close_if_done(server)

    def job_ended(self, server: ForkServer) -> None:
        with self._lock:
            server.jobs_alive -= 1
        self._close_if_done(server)

    def close(self) -> None:
        """End all of them, and every job. Idempotent."""
        with self._lock:
            self._is_closed = True
            servers, self._all, self._current = self._all, [], None
        for server in servers:
            server.close()

    @property
    def standing(self) -> tuple[ForkServer, ...]:
        """All that have not been closed."""
        with self._lock:
            return tuple(self._all)

    def _usable(self) -> ForkServer | None:
        with self._lock:
            server, renewal = self._current, self._renewal
        if server is not None and server.jobs_begun >= 2 * self._jobs_of_a_server and renewal is not None:
            renewal.join()
            with self._lock:
                server = self._current
        if server is not None and server.is_alive():
            return server
        if server is not None:
            self.retire(server)
        return None

    def _renew(self, server: ForkServer) -> None:
        """Start the next one beside a server that has forked its share; called with the lock held."""
        if server.jobs_begun < self._jobs_of_a_server or self._renewal is not None or server is not self._current:
            return
        self._renewal = threading.Thread(target=self._replace, args=(server,), name="fork-server-renewal", daemon=True)
        self._renewal.start()

    def _replace(self, server: ForkServer) -> None:
        try:
            self._begin(server)
        except GraderError:
            # The next start tries again, and tells whoever asked for it.
            self.retire(server)
        finally:
            with self._lock:
                self._renewal = None

    def _begin(self, replaced: ForkServer | None) -> ForkServer:
        server = self._start()
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                self._all.append(server)
                self._current = server
        if is_closed:
            server.close()
        if replaced is not None:
            self.retire(replaced)
        return server

    def _close_if_done(self, server: ForkServer) -> None:
        with self._lock:
            if not server.is_retired or server.jobs_alive or server not in self._all:
                return
            self._all.remove(server)
        server.close()
