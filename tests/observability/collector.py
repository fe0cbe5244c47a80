"""A receiver of traces that understands OTLP over HTTP, and nothing else of OpenTelemetry."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Told(NamedTuple):
    """A span as it arrived; ids in hex."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    about: dict[str, str]
    seconds: float


class Collector:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.spans: list[Told] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.spans += collector._decoded(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _decoded(self, body: bytes) -> list[Told]:
        found = []
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [
                pair.value.string_value for pair in resource.resource.attributes if pair.key == "service.name"
            ]
            found += [
                Told(
                    service, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                    tuple(link.trace_id.hex() for link in span.links),
                    {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in span.attributes},
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]  # fmt: skip
        return found
