"""Real receivers of notices: an HTTP server and a mail server on loopback, that do as they are told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """A webhook's other end. `answers` are the statuses it gives, the last one for ever; "hang" never answers."""

    def __init__(
        self, *answers: int | str, headers: dict[str, str] | None = None, certificate: Path | None = None
    ) -> None:
        self.answers = list(answers) or [204]
        self.calls: list[Call] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Call(self.path, found, body))
                answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                if answer == "hang":
                    time.sleep(3)
                    return
                if answer == "drip":
                    self.drip()
                    return
                self.send_response(int(answer))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def drip(self) -> None:
                try:
                    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.05)
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook?of=us"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Mailbox:
    """A mail server. It refuses an address that begins with "nobody" for good, and one with "later" for now."""

    letters: list[Any] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 There is no such mailbox"
        if address.startswith("later"):
            return "451 4.7.1 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        self.receivers.append(envelope.rcpt_tos)
        return "250 Taken"

    def __enter__(self) -> Self:
        # Its controller wants to know the port before the system has chosen one.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
