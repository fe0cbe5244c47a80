"""A server process, or several, that stop within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from grader.http.metrics import SHARED_FOLDER
from grader.http.services import Services
from grader.http.settings import ServerSettings
from grader.server.app import create_app
from grader.storage import schema

# An upload that is under way may come in; then whoever is still connected is let go.
STOP_S = 20
HEALTHCHECK_S = 60
_LOOK_S = 0.05


class Server(uvicorn.Server):
    """Told to stop, it is not ready, serves on for `drain_s` seconds, and then ends event streams and itself.

    Event streams would never end by themselves.
    """

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._services.leaving.set()
        ends_at = time.monotonic() + self._services.settings.drain_s
        while time.monotonic() < ends_at and not self.force_exit:  # noqa: ASYNC110  # an attribute of uvicorn's
            await asyncio.sleep(_LOOK_S)
        self._services.stopping.set()
        await super().shutdown(sockets=sockets)


def server_for(settings: ServerSettings, host: str, port: int, *, forwarded_by: str | None = None) -> Server:
    """A server of one process that is not started yet: `run` it, in any thread; `should_exit = True` stops it."""
    app = create_app(settings)
    config = uvicorn.Config(app, host=host, port=port, **_options(forwarded_by))
    return Server(config, app.state.services)


def serve(
    settings: ServerSettings,
    host: str,
    port: int,
    *,
    workers: int = 1,
    forwarded_by: str | None = None,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: what the server works with.
        host: address to listen on.
        port: port to listen on.
        workers: processes that share the port.
        forwarded_by: addresses of proxies whose X-Forwarded-* headers are believed; none by default.
        prepare: called in each of several processes before it serves, to set up its logging. A function of a module.

    Raises:
        OldSchema: the database needs `grader db upgrade`.
        DatabaseBusy: the database cannot be reached.

    """
    schema.require_current(settings.database_url)
    if workers == 1:
        # Once all is done, uvicorn sends itself the signal that it was stopped by.
        with contextlib.suppress(KeyboardInterrupt):
            server_for(settings, host, port, forwarded_by=forwarded_by).run()
        return
    app = functools.partial(_app_of_a_worker, settings, prepare)
    config = uvicorn.Config(app, factory=True, host=host, port=port, workers=workers, **_options(forwarded_by))
    listening = config.bind_socket()
    with tempfile.TemporaryDirectory(prefix="grader-metrics-") as folder:
        # Read by prometheus_client when a process imports it, so only those that start from here on share figures.
        os.environ[SHARED_FOLDER] = folder
        try:
            Multiprocess(config, sockets=[listening]).run()
        finally:
            del os.environ[SHARED_FOLDER]
            listening.close()


def _options(forwarded_by: str | None) -> dict[str, Any]:
    return {
        "lifespan": "on",
        # Logging is the caller's: one configuration for our lines and uvicorn's.
        "log_config": None,
        # The edge says more of a request, and less of what its address holds.
        "access_log": False,
        # On a busy machine a process that only starts slowly would be taken for a dead one and killed, for ever.
        "timeout_worker_healthcheck": HEALTHCHECK_S,
        "server_header": False,
        "proxy_headers": forwarded_by is not None,
        "forwarded_allow_ips": forwarded_by,
        "timeout_graceful_shutdown": STOP_S,
    }


def _app_of_a_worker(settings: ServerSettings, prepare: Callable[[], None] | None) -> FastAPI:
    """The application of one of several processes: their server is uvicorn's own, so the signal itself is heard."""
    if prepare is not None:
        prepare()
    app = create_app(settings)
    services: Services = app.state.services
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def stop(signum: int, frame: FrameType | None, *, then: object = before) -> None:
            def end() -> None:
                services.stopping.set()
                if callable(then):
                    then(signum, frame)

            if services.leaving.is_set() or not settings.drain_s:
                services.leaving.set()
                end()
                return
            services.leaving.set()
            timer = threading.Timer(settings.drain_s, end)
            timer.daemon = True
            timer.start()

        signal.signal(number, stop)
    return app
