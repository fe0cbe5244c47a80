"""Students who hand in over HTTP until they have a receipt, whatever happens to their connections."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from grader.domain.course import Scope
from tests.faults.storm.site import TEACHER, Site

STUDENTS = 10
# So many receipts may wait for their grade before the students pause.
MOST_UNDER_WAY = 6
_BOUNDARY = "storm-7d1f"
_REQUEST_S = 25.0
_RECEIPT_WITHIN_S = 180.0
_AGAIN_S = 0.5


def _source(name: str, *, answer: str = "return 42", gate: float = 0, unit: float = 0, train: float = 0) -> bytes:
    pauses = "\n".join(
        f"def {stage}_pause():\n    time.sleep({seconds})\n    return 'slept'\n"
        for stage, seconds in (("gate", gate), ("unit", unit), ("train", train))
    )
    filling = "#" * 200_000
    return f"# {name}\nimport os, signal, sys, time\n\ndef answer():\n    {answer}\n\n{pauses}\n{filling}\n".encode()


# What is handed in, again and again; how each is graded without a fault is found out first.
WORKS: dict[str, bytes] = {
    "right": _source("right"),
    "wrong": _source("wrong", answer="return 41"),
    "slow-gate": _source("slow-gate", gate=1.5),
    "slow-unit": _source("slow-unit", unit=2.0),
    "slow-train": _source("slow-train", train=2.5),
    "raises": _source("raises", answer="raise ValueError('no')"),
    "exits": _source("exits", answer="os._exit(3)"),
    "broken-gate": _source("broken-gate").replace(b"return 'slept'", b"return 'awake'", 1),
}


@dataclass(slots=True)
class HandIn:
    """One upload, under one key, however often it had to be sent."""

    student: str
    work: str
    key: str
    sent_at: float
    trick: str = ""
    submission: str = ""
    sendings: int = 0
    receipt_at: float = 0.0
    graded_at: float = 0.0
    tries: dict[str, int] = field(default_factory=dict)


class Stream:
    """Students, each in a thread. `tricks` are taken by the next who hands something in."""

    def __init__(self, site: Site, seed: int, works: list[str]) -> None:
        self.site = site
        self.hand_ins: list[HandIn] = []
        self.refused: list[str] = []
        self.reruns_asked = self.reruns_sent = 0
        self.tricks: deque[tuple[str, Callable[[], None]]] = deque()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._works = works
        self._numbers = itertools.count(1)
        self._seed = seed
        self._threads: list[threading.Thread] = []

    def calm(self) -> list[HandIn]:
        """Hand in each work once, by a student of its own, and wait for nothing."""
        made = []
        for work in self._works:
            email = f"calm-{work}@example.org"
            self.site.enrol(email)
            token = self.site.token(email, Scope.SUBMIT, Scope.READ)
            made.append(self._hand_in(email, token, work, ""))
        return made

    def start(self) -> None:
        for number in range(STUDENTS):
            email = f"student-{number}@example.org"
            self.site.enrol(email)
            token = self.site.token(email, Scope.SUBMIT, Scope.READ)
            chooser = random.Random(f"{self._seed}/{number}")
            self._threads.append(
                threading.Thread(target=self._keep_on, args=(email, token, chooser), name=email, daemon=True)
            )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new uploads; whoever has no receipt yet goes on until there is one."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(_RECEIPT_WITHIN_S + 60)

    def under_way(self) -> list[HandIn]:
        with self.lock:
            return [one for one in self.hand_ins if one.submission and not one.graded_at]

    def ask_for_rerun(self, submission: str) -> None:
        """A teacher presses the button, until there is an answer."""
        token = self.site.token(TEACHER, Scope.GRADE, Scope.READ)
        ends_at = time.monotonic() + _RECEIPT_WITHIN_S
        while time.monotonic() < ends_at:
            self.reruns_sent += 1
            try:
                status, _ = self._send("POST", f"/api/v1/submissions/{submission}/rerun", token, {}, [b""])
            except OSError:
                status = 0
            if status == 202:
                self.reruns_asked += 1
                return
            time.sleep(_AGAIN_S)

    def _keep_on(self, email: str, token: str, chooser: random.Random) -> None:
        last: deque[str] = deque(maxlen=2)
        while not self.stopping.wait(chooser.uniform(0.2, 1.5)):
            with self.lock:
                waiting = sum(1 for one in self.hand_ins if not one.graded_at and one.trick != "abandoned")
                if waiting >= MOST_UNDER_WAY and not self.tricks:
                    continue
                trick, told = self.tricks.popleft() if self.tricks else ("", _nothing)
            work = chooser.choice([work for work in self._works if work not in last] or self._works)
            last.append(work)
            self._hand_in(email, token, work, trick, told)

    def _hand_in(
        self, email: str, token: str, work: str, trick: str, told: Callable[[], None] = lambda: None
    ) -> HandIn:
        made = HandIn(email, work, f"storm-{next(self._numbers)}", time.monotonic(), trick)
        with self.lock:
            self.hand_ins.append(made)
        body = _body(WORKS[work])
        headers = {"Idempotency-Key": made.key}
        if trick:
            self._play(trick, told, token, headers, body)
        if trick == "abandoned":
            return made
        ends_at = time.monotonic() + _RECEIPT_WITHIN_S
        while time.monotonic() < ends_at:
            made.sendings += 1
            try:
                status, answer = self._send(
                    "POST", f"/api/v1/assignments/{self.site.slug}/submissions", token, headers, [body]
                )
            except (OSError, http.client.HTTPException):
                status, answer = 0, {}
            if status == 202:
                made.submission, made.receipt_at = answer["id"], time.monotonic()
                return made
            if status not in {0, 500, 503}:
                self.refused.append(f"{made.key}: {status} {answer}")
                return made
            if status == 500:
                self.refused.append(f"{made.key}: an answer 500, {answer}")
            time.sleep(_AGAIN_S)
        self.refused.append(f"{made.key}: no receipt within {_RECEIPT_WITHIN_S:g} s")
        return made

    def _play(self, trick: str, told: Callable[[], None], token: str, headers: dict[str, str], body: bytes) -> None:
        """Send it once in a way that comes to nothing, or to an answer that nobody hears."""
        address = f"/api/v1/assignments/{self.site.slug}/submissions"
        half = len(body) // 2
        try:
            if trick in {"cut in the middle", "abandoned", "server killed in the middle"}:
                with self._opened("POST", address, token, headers, len(body)) as connection:
                    connection.sendall(body[:half])
                    time.sleep(0.2)
                    told()
                    if trick == "server killed in the middle":
                        connection.sendall(body[half:])
            elif trick == "answer not heard":
                with self._opened("POST", address, token, headers, len(body)) as connection:
                    connection.sendall(body)
                    told()
            elif trick == "sent twice at once":
                told()
                others = [
                    threading.Thread(target=self._send_quietly, args=(address, token, headers, body)) for _ in range(2)
                ]
                for other in others:
                    other.start()
            elif trick == "trickles":
                told()
                with self._opened("POST", address, token, headers, len(body)) as connection:
                    for start in range(0, len(body), len(body) // 8):
                        connection.sendall(body[start : start + len(body) // 8])
                        time.sleep(0.25)
        except OSError:
            # Whoever waits for the trick is told of it all the same: the server was not there for it.
            pass
        finally:
            told()

    def _send_quietly(self, address: str, token: str, headers: dict[str, str], body: bytes) -> None:
        try:
            self._send("POST", address, token, headers, [body])
        except (OSError, http.client.HTTPException):
            return

    def _send(
        self, method: str, address: str, token: str, headers: dict[str, str], pieces: list[bytes]
    ) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=_REQUEST_S)
        try:
            body = b"".join(pieces)
            connection.request(method, address, body, _headers(token, headers, len(body)))
            answer = connection.getresponse()
            read = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(read or b"{}")
        except ValueError:
            return answer.status, {"text": read[:200].decode(errors="replace")}

    def _opened(self, method: str, address: str, token: str, headers: dict[str, str], size: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.site.port), timeout=_REQUEST_S)
        lines = [f"{method} {address} HTTP/1.1", f"Host: 127.0.0.1:{self.site.port}"]
        lines += [f"{name}: {value}" for name, value in _headers(token, headers, size).items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection


def _headers(token: str, headers: dict[str, str], size: int) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}", "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "Content-Length": str(size), **headers,
    }  # fmt: skip


def _body(content: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="model.py"\r\n\r\n'
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _nothing() -> None:
    """For a hand-in that nothing happens to."""
