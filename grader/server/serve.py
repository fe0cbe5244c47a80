"""A server process, or several, that stop within a bound."""

from __future__ import annotations

import contextlib
import functools
import signal
import socket
import threading
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from grader.http.settings import ServerSettings
from grader.server.app import create_app
from grader.storage import schema

# An upload that is under way may come in; then whoever is still connected is let go.
STOP_S = 20


class Server(uvicorn.Server):
    """Tells event streams that it stops, because they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets=sockets)


def server_for(settings: ServerSettings, host: str, port: int, *, forwarded_by: str | None = None) -> Server:
    """A server of one process that is not started yet: `run` it, in any thread; `should_exit = True` stops it."""
    app = create_app(settings)
    config = uvicorn.Config(app, host=host, port=port, **_options(forwarded_by))
    return Server(config, app.state.services.stopping)


def serve(settings: ServerSettings, host: str, port: int, *, workers: int = 1, forwarded_by: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: what the server works with.
        host: address to listen on.
        port: port to listen on.
        workers: processes that share the port.
        forwarded_by: addresses of proxies whose X-Forwarded-* headers are believed; none by default.

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
    app = functools.partial(_app_of_a_worker, settings)
    config = uvicorn.Config(app, factory=True, host=host, port=port, workers=workers, **_options(forwarded_by))
    listening = config.bind_socket()
    try:
        Multiprocess(config, sockets=[listening]).run()
    finally:
        listening.close()


def _options(forwarded_by: str | None) -> dict[str, Any]:
    return {
        "lifespan": "on",
        # Logging is the caller's: one configuration for our lines and uvicorn's.
        "log_config": None,
        "server_header": False,
        "proxy_headers": forwarded_by is not None,
        "forwarded_allow_ips": forwarded_by,
        "timeout_graceful_shutdown": STOP_S,
    }


def _app_of_a_worker(settings: ServerSettings) -> FastAPI:
    """The application of one of several processes: their server is uvicorn's own, so the signal itself is heard."""
    app = create_app(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def stop(signum: int, frame: FrameType | None, *, then: object = before) -> None:
            app.state.services.stopping.set()
            if callable(then):
                then(signum, frame)

        signal.signal(number, stop)
    return app
