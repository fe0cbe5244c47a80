"""The small HTTP server of a worker or the sweep: GET /metrics for Prometheus, GET /healthz for whoever restarts it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from grader.domain.errors import SetupError

_TEXT = "text/plain; charset=utf-8"
# Whoever connects and says nothing.
_PATIENCE_S = 10.0


class MetricsAddress(NamedTuple):
    host: str
    port: int


class MetricsPortTaken(SetupError):
    """Nothing can listen on the address that GRADER_METRICS_ADDRESS names."""

    code = "metrics-port-taken"


@contextmanager
def monitored(
    address: MetricsAddress | None, registry: CollectorRegistry, problems: Callable[[], list[str]]
) -> Iterator[None]:
    """Answer at this address while the block lasts; without one, do nothing. Raises MetricsPortTaken.

    `problems` are said by /healthz, with status 503; without any it is 200.
    """
    if address is None:
        yield
        return
    server = _open(address, _handler(registry, problems))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # As every server: connections of one that just ended are no obstacle.
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone: nothing to say."""


def _open(address: MetricsAddress, handler: type[BaseHTTPRequestHandler]) -> _Server:
    try:
        family = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM)[0][0]
        made = type("MetricsServer", (_Server,), {"address_family": family})
        server = made(tuple(address), handler)
    except OSError as error:
        raise MetricsPortTaken(
            f"Nothing can listen on {address.host}:{address.port}, which GRADER_METRICS_ADDRESS names "
            f"({(error.strerror or str(error)).lower()}); give each process an address of its own."
        ) from error
    assert isinstance(server, _Server)
    return server


def _handler(registry: CollectorRegistry, problems: Callable[[], list[str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S
        server_version = "grader"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif path == "/healthz":
                said = problems()
                self._answer(503 if said else 200, "\n".join([*(said or ["healthy"]), ""]).encode(), _TEXT)
            else:
                self._answer(404, b"There are /metrics and /healthz.\n", _TEXT)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
            """Asked every few seconds, and no news."""

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

    return Handler
