"""Raw bytes both ways between two sockets, each way ended by itself."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

CHUNK_BYTES = 1 << 18


class _Way:
    """One direction: at most one piece is held, so whoever does not read holds the other one up."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source, self.sink = source, sink
        self.piece = memoryview(b"")
        self.is_ended = False

    def wants(self, link: socket.socket) -> int:
        """The events this way waits for on a socket."""
        if self.is_ended:
            return 0
        if self.piece:
            return select.POLLOUT if link is self.sink else 0
        return select.POLLIN if link is self.source else 0

    def read(self) -> None:
        try:
            chunk = self.source.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        self.piece = memoryview(chunk)
        if not chunk:
            self.is_ended = True
            with suppress(OSError):  # the other end may have closed altogether
                self.sink.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        with suppress(BlockingIOError):
            self.piece = self.piece[self.sink.send(self.piece) :]


def relay(client: socket.socket, engine: socket.socket) -> None:
    """Until the client has closed its connection; its end alone stands for the worker's life.

    The end of the container's output is passed on, and then the client is waited for.
    """
    ways = (_Way(client, engine), _Way(engine, client))
    for link in (client, engine):
        link.setblocking(False)
    poller = select.poll()
    while True:
        for link in (client, engine):
            # The engine's end is left out when nothing is wanted of it: its hang-up would be reported for ever.
            wanted = ways[0].wants(link) | ways[1].wants(link)
            if wanted or link is client:
                poller.register(link, wanted)
            else:
                with suppress(KeyError):
                    poller.unregister(link)
        events = dict(poller.poll())
        if events.get(client.fileno(), 0) & (select.POLLHUP | select.POLLERR):
            return
        try:
            _move(ways, events)
        except OSError:
            _lose_engine(ways)


def _move(ways: tuple[_Way, _Way], events: dict[int, int]) -> None:
    for way in ways:
        if way.piece:
            if events.get(way.sink.fileno(), 0) & (select.POLLOUT | select.POLLHUP | select.POLLERR):
                way.write()
        elif not way.is_ended and events.get(way.source.fileno(), 0) & (
            select.POLLIN | select.POLLHUP | select.POLLERR
        ):
            way.read()


def _lose_engine(ways: tuple[_Way, _Way]) -> None:
    """The container's side broke: tell the client by an end of its stream, and take no more from it."""
    for way in ways:
        way.is_ended = True
        way.piece = memoryview(b"")
    with suppress(OSError):
        ways[1].sink.shutdown(socket.SHUT_WR)
