"""Server-sent events: read line by line in a thread, taken up again where a broken stream ended."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import httpx

from grader.cli.client.service import PREFIX, Service

# The service sends a comment every 15 s; a stream that is silent for longer is dead.
_SILENCE_S = 40.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0


class ServerEvent(NamedTuple):
    """`id` is empty when the event had none."""

    kind: str
    id: str
    data: str


def parse_events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """The events in the lines of a stream, as the HTML standard reads them; comments are left out."""
    kind, name, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data or kind:
                yield ServerEvent(kind or "message", name, "\n".join(data))
            kind, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "id":
            name = value
        elif field == "data":
            data.append(value)


class EventReader:
    """Follows a submission's events in a thread; a context manager.

    `news` is set whenever something happened; `is_live` says whether the stream is open just now (else whoever waits
    should look by themselves); `has_ended` whether the service said that nothing more will come.
    """

    def __init__(self, service: Service, submission: str) -> None:
        self._service = service
        self._path = f"{PREFIX}/submissions/{submission}/events"
        self.news = threading.Event()
        self.is_live = False
        self.has_ended = False
        self._last_id = ""
        self._leaving = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._leaving.set()
        self._break()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._leaving.is_set() and not self.has_ended:
            before = self._last_id
            try:
                usable = self._read_once()
            except httpx.TransportError:
                usable = True
            self.is_live = False
            self.news.set()
            if not usable:
                return
            wait_s = _FIRST_WAIT_S if self._last_id != before else min(wait_s * 2, _LONGEST_WAIT_S)
            if not self.has_ended:
                self._leaving.wait(wait_s)

    def _read_once(self) -> bool:
        """False when there is no stream to be had, and polling has to do."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self._last_id} if self._last_id else {})}
        timeout = httpx.Timeout(_SILENCE_S, connect=5.0)
        with self._service.http.stream("GET", self._path, headers=headers, timeout=timeout) as response:
            if response.status_code >= 500:
                return True
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                return False
            self._response = response
            self.is_live = True
            # What happened before the stream was open is news too.
            self.news.set()
            try:
                for event in parse_events(response.iter_lines()):
                    self._last_id = event.id or self._last_id
                    self.has_ended = event.kind == "end"
                    self.news.set()
                    if self.has_ended or self._leaving.is_set():
                        break
            finally:
                self._response = None
        return True

    def _break(self) -> None:
        """Wake a read that waits for the next event."""
        response = self._response
        if response is not None:
            with contextlib.suppress(OSError, KeyError, AttributeError):
                stream = response.extensions["network_stream"]
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
