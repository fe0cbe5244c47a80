"""The proxy itself: one thread for each connection, and one that removes what nobody holds any more."""

from __future__ import annotations

import logging
import os
import select
import socket
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from grader.engine.proxy.calls import Calls
from grader.engine.proxy.engine import AskerGone, Engine, EngineLost
from grader.engine.proxy.ledger import Ledger
from grader.engine.proxy.messages import (
    HEAD_END,
    MOST_HEAD_BYTES,
    BadRequest,
    Refused,
    Request,
    parse_head,
    reply,
    told,
)
from grader.engine.proxy.policy import Policy
from grader.engine.proxy.routes import Call, find
from grader.engine.proxy.streams import relay

# From a request's first byte to its last.
REQUEST_S = 30.0
MOST_CONNECTIONS = 512
LOOK_S = 0.5
CHUNK_BYTES = 1 << 16
SWITCHED = b"\r\n".join(
    (
        b"HTTP/1.1 101 UPGRADED", b"Content-Type: application/vnd.docker.raw-stream", b"Connection: Upgrade",
        b"Upgrade: tcp", b"", b"",
    )
)  # fmt: skip
_LOG = logging.getLogger("engine-proxy")


class CannotListen(Exception):
    """The socket to listen on cannot be made; the message says why."""


class Proxy:
    """`serve` until `stop`; afterwards nothing made through it is left."""

    def __init__(
        self, engine: Engine, policy: Policy, *, name: str = "proxy", most_containers: int = 64, grace_s: float = 3.0
    ) -> None:
        self._engine = engine
        self._ledger = Ledger(most_containers, grace_s=grace_s)
        self._calls = Calls(engine, policy, self._ledger, name)
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._stopping = threading.Event()

    def remove_leftovers(self) -> int:
        """What a former proxy of this name left behind; raises EngineLost where no engine answers."""
        found = self._engine.labelled(self._calls.label)
        return sum(self._engine.remove(identity) for identity in found)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until `stop`; then remove everything made through this proxy."""
        sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        sweeper.start()
        listener.settimeout(LOOK_S)
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                client, _ = listener.accept()
                if not self._places.acquire(blocking=False):
                    client.close()
                    continue
                threading.Thread(target=self._attend, args=(client,), daemon=True).start()
        listener.close()
        sweeper.join()
        for name in self._ledger.all():
            self._engine.remove(name)

    def stop(self) -> None:
        self._stopping.set()

    def _sweep(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for name in self._ledger.due():
                if self._engine.remove(name):
                    self._ledger.forget(name)
                    _LOG.info("removed %s, which nobody held any more", name)
                else:
                    self._ledger.postpone(name)

    def _attend(self, client: socket.socket) -> None:
        """One request after another, until the client has had enough or sends what is not one."""
        try:
            with client, suppress(OSError):
                while (request := _next_request(client)) is not None:
                    if not self._answer(client, request) or request.wants_close:
                        return
        finally:
            self._places.release()

    def _answer(self, client: socket.socket, request: Request) -> bool:
        """Whether the connection is still good for another request."""
        try:
            call = find(request)
            if call.route == "attach":
                self._hold(client, call)
                return False
            answered = self._calls.answer(call, request.body, client)
        except Refused as refused:
            _LOG.warning("refused %s %.120s: %s", request.method, request.target, refused)
            client.sendall(told(403, f"{refused}."))
            return True
        except AskerGone:
            return False
        except EngineLost as lost:
            _LOG.error("%s", lost)
            client.sendall(told(502, f"{lost}."))
            return True
        body = b"" if request.method == "HEAD" else answered.body
        client.sendall(reply(answered.status, body, content_type=answered.content_type))
        return True

    def _hold(self, client: socket.socket, call: Call) -> None:
        """Pass a container's streams on for as long as the client lives; then the container goes, too."""
        identity = self._calls.identity(call)
        if call.query.keys() != {"stdin", "stdout", "stderr", "stream"}:
            raise Refused("all of a container's streams are attached, or none")
        if not self._ledger.attach(identity):
            raise Refused("the streams of that container are held already")
        try:
            with self._engine.attach(identity) as streams:
                client.sendall(SWITCHED)
                relay(client, streams)
        finally:
            self._ledger.let_go(identity)


def _next_request(client: socket.socket) -> Request | None:
    """The next request of a connection; None where there is none, or nothing that is one."""
    try:
        return _read_request(client)
    except BadRequest as bad:
        _LOG.warning("refused a request: %s", bad)
        client.sendall(told(400, f"{bad}.", close=True))
        return None


def _read_request(client: socket.socket) -> Request | None:
    """Exactly one request; a byte more is none. Raises BadRequest."""
    client.settimeout(None)
    received = bytearray()
    deadline = None
    while HEAD_END not in received[:MOST_HEAD_BYTES]:
        if len(received) > MOST_HEAD_BYTES:
            raise BadRequest(f"the head has more than {MOST_HEAD_BYTES} bytes")
        if not _receive(client, received, deadline):
            return None
        deadline = deadline or time.monotonic() + REQUEST_S
    head, _, rest = bytes(received).partition(HEAD_END)
    request, length = parse_head(head)
    body = bytearray(rest)
    while len(body) < length:
        if not _receive(client, body, deadline):
            return None
    if len(body) > length:
        raise BadRequest("there is more than one request")
    client.settimeout(REQUEST_S)
    return Request(method=request.method, target=request.target, headers=request.headers, body=bytes(body))


def _receive(client: socket.socket, received: bytearray, deadline: float | None) -> bool:
    if deadline is not None:
        poller = select.poll()
        poller.register(client, select.POLLIN)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
    chunk = client.recv(CHUNK_BYTES)
    received += chunk
    return bool(chunk)


def listen(path: Path, *, group: int | None = None) -> socket.socket:
    """A listening socket that its owner and group may use, and nobody else.

    Raises:
        CannotListen: another program listens there, or the folder is not ours to write in.

    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        if path.exists():
            _take_away(path)
        before = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        if group is not None:
            os.chown(path, -1, group)
        listener.listen(MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise CannotListen(f"{path}: {error.strerror or error}") from error
    except CannotListen:
        listener.close()
        raise
    return listener


def _take_away(path: Path) -> None:
    """What a proxy that was killed left; a socket that somebody answers on stays."""
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise CannotListen(f"{path} is there and is no socket")
    with socket.socket(socket.AF_UNIX) as knocking:
        try:
            knocking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise CannotListen(f"another process listens on {path}")
