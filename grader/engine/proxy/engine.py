"""The engine behind the proxy: a connection for each request, and a reply that is read to its end before it goes on."""

from __future__ import annotations

import io
import json
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, cast
from urllib.parse import quote

from grader.engine.proxy.messages import HEAD_END, MOST_HEAD_BYTES, request_bytes

MOST_REPLY_BYTES = 16 * 2**20
ENGINE_S = 60.0
CHUNK_BYTES = 1 << 16
SWITCHING = 101
GONE = 404
UNCHANGED = 304


class EngineLost(Exception):
    """The engine does not answer, or not in HTTP."""


class AskerGone(Exception):
    """Whoever asked has hung up, or spoke while waiting for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "application/json"

    @property
    def is_good(self) -> bool:
        return self.status < 400

    def parsed(self) -> Any:
        """The body as JSON; raises EngineLost where it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise EngineLost("the engine's answer is not JSON") from error


class Engine:
    """`path` is the engine's socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        asker: socket.socket | None = None,
        seconds: float | None = ENGINE_S,
    ) -> Reply:
        """The engine's whole answer.

        With `asker` the question is dropped when they hang up: for questions that wait. `seconds` None waits for ever.

        Raises:
            EngineLost: no engine, no answer in time, or one that cannot be read.
            AskerGone: the asker hung up first.

        """
        with self._connected() as link:
            try:
                link.sendall(request_bytes(method, target, body))
                received = _read_all(link, asker, seconds)
            except OSError as error:
                raise EngineLost(f"the engine does not answer ({error.strerror or error})") from error
        return _parsed(received, method)

    def attach(self, identity: str) -> socket.socket:
        """The streams of a container: raw bytes both ways. The caller closes it."""
        link = self._connected()
        try:
            target = f"/containers/{identity}/attach?stdin=1&stdout=1&stderr=1&stream=1"
            link.sendall(request_bytes("POST", target, upgrade=True))
            _read_switch(link)
            link.settimeout(None)
        except (OSError, EngineLost) as error:
            link.close()
            raise EngineLost(f"the engine does not hand out the streams ({error})") from error
        return link

    def remove(self, reference: str) -> bool:
        """Kill and remove a container; True when it is gone."""
        try:
            reply = self.ask("DELETE", f"/containers/{reference}?v=1&force=1")
        except EngineLost:
            return False
        return reply.is_good or reply.status == GONE

    def labelled(self, label: str) -> list[str]:
        """Identities of all containers with that label, whatever their state."""
        filters = quote(json.dumps({"label": [label]}), safe="")
        found = self.ask("GET", f"/containers/json?all=1&filters={filters}")
        if not found.is_good:
            raise EngineLost(f"the engine does not list its containers (status {found.status})")
        return [str(one["Id"]) for one in cast("list[dict[str, Any]]", found.parsed())]

    def _connected(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(ENGINE_S)
        try:
            link.connect(self._path)
        except OSError as error:
            link.close()
            raise EngineLost(f"no engine listens on {self._path} ({error.strerror})") from error
        return link


def _read_all(link: socket.socket, asker: socket.socket | None, seconds: float | None) -> bytes:
    """Until the engine closes, which it was asked to do."""
    received = bytearray()
    deadline = None if seconds is None else time.monotonic() + seconds
    poller = select.poll()
    poller.register(link, select.POLLIN)
    if asker is not None:
        poller.register(asker, select.POLLIN | select.POLLRDHUP)
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        events = dict(poller.poll(left))
        if not events:
            raise EngineLost("the engine did not answer in time")
        if link.fileno() not in events:
            raise AskerGone
        chunk = link.recv(CHUNK_BYTES)
        if not chunk:
            return bytes(received)
        received += chunk
        if len(received) > MOST_REPLY_BYTES:
            raise EngineLost("the engine's answer is too long")


class _Received:
    """What HTTPResponse wants of a socket."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._received)


def _parsed(received: bytes, method: str) -> Reply:
    response = HTTPResponse(cast("socket.socket", _Received(received)), method=method)
    try:
        response.begin()
        body = response.read()
        with suppress(OSError):
            response.close()
    except (HTTPException, ValueError) as error:
        raise EngineLost("the engine's answer is not HTTP") from error
    kind = response.getheader("Content-Type", "")
    return Reply(
        status=response.status, body=body,
        content_type="text/plain" if kind.startswith("text/plain") else "application/json",
    )  # fmt: skip


def _read_switch(link: socket.socket) -> None:
    """The head of the answer and not a byte more: what follows belongs to the container."""
    head = bytearray()
    while not head.endswith(HEAD_END):
        # Byte by byte: there are about a hundred, and nothing may be read past them.
        byte = link.recv(1)
        if not byte or len(head) > MOST_HEAD_BYTES:
            raise EngineLost("the answer breaks off")
        head += byte
    if not head.startswith(f"HTTP/1.1 {SWITCHING} ".encode()):
        raise EngineLost(head.split(b"\r\n", 1)[0].decode("latin-1")[:80])
