"""A stand-in for the service, written to docs/api.md: it answers as it was told to, and remembers what was asked.

The real service is tested with the same commands in test_commands_on_the_real_service.py; this one can be away, break off
streams and send what a real one never should.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ID = "0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"
RUN, OLD_RUN = "0198c0de-7d40-7b1e-b4c1-93f1b1f7f7aa", "0198c0de-0000-7b1e-b4c1-93f1b1f7f7aa"


@dataclass
class Answer:
    """`hold`: keep the connection open after the body until the stand-in closes; `drop`: close it without an answer.
    `once`: the body is sent when this is true, the headers before.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: bool = False
    drop: bool = False
    once: Callable[[], object] | None = None

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def problem(status: int, code: str, detail: str) -> Answer:
    body = {"type": f"/api/problems/{code}", "title": code, "status": status, "detail": detail, "code": code}
    return Answer(body, status, {"Content-Type": "application/problem+json"})


def stream(*events: tuple[str, str, str], hold: bool = False) -> Answer:
    """Server-sent events: (kind, id, data)."""
    text = "".join(f": hello\n\nid: {name}\nevent: {kind}\ndata: {data}\n\n" for kind, name, data in events)
    return Answer(text.encode(), 200, {"Content-Type": "text/event-stream"}, hold=hold)


class StandIn:
    """A list of answers for each method and path below /api/v1; the last one is given again and again."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Any]] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def on(self, method: str, path: str, *answers: Any) -> None:
        """An answer, the object that is in it, or a function that makes either when it is asked for."""
        self.answers[method, path] = list(answers)

    def asked_for(self, method: str, path: str) -> list[Asked]:
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            if asked.headers.get("authorization") != "Bearer grd_good":
                return problem(401, "not-signed-in", "Sign in first, or send a valid token.")
            left = self.answers.get((asked.method, asked.path))
            if left is None:
                return problem(404, "unknown-path", "There is nothing at this address.")
            chosen = left.pop(0) if len(left) > 1 else left[0]
            made = chosen() if callable(chosen) else chosen
            return made if isinstance(made, Answer) else Answer(made)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(
                    self.command, parts.path.removeprefix("/api/v1"), dict(parse_qsl(parts.query)), headers, body
                )
                self.give(stand_in.answer(asked))

            do_POST = do_PUT = do_DELETE = do_GET

            def give(self, answer: Answer) -> None:
                self.close_connection = answer.drop or answer.headers.get("Content-Type") == "text/event-stream"
                if answer.drop:
                    return
                self.send_response(answer.status)
                for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                    self.send_header(name, value)
                if not self.close_connection:
                    self.send_header("Content-Length", str(len(answer.content())))
                self.end_headers()
                while answer.once and not answer.once() and not stand_in.closing.wait(0.005):
                    pass
                self.wfile.write(answer.content())
                self.wfile.flush()
                if answer.hold:
                    stand_in.closing.wait(30)

            def log_message(self, *words: object) -> None:
                pass

        return Handler


def a_check(name: str, status: str | None = "passed", points: float | None = 1.0, **more: Any) -> dict[str, Any]:
    return {"id": name, "part": "A", "title": f"Check {name}", "stage": "unit", "status": status, "points": points,
            "max_points": 1.0, "visibility": "always", "message": "", "output": "", "seconds": 0.1,
            "artifacts": []} | more  # fmt: skip


def a_run(state: str = "graded", *checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    checks = checks or (a_check("A.one"), a_check("A.two", "failed", 0.0, message="It is 3, not 4."))
    graded = state == "graded"
    return {"id": RUN, "state": state, "reason": "upload", "spec_version": "0f3a5a1f6a10",
            "score": 1.0 if graded else None, "max_score": 2.0,
            "scale": {"value": 2.5, "label": "good"} if graded else None, "message": "", "notes": [],
            "created_at": "2026-03-02T09:30:00Z", "started_at": None, "finished_at": None,
            "parts": [{"id": "A", "title": "Convolution", "points": 1.0 if graded else None, "max_points": 2.0}],
            "checks": list(checks)} | more  # fmt: skip


def a_line(state: str = "graded", **more: Any) -> dict[str, Any]:
    return {"id": ID, "assignment": "hw1", "person": {"id": 1, "email": "ada@example.org", "name": "Ada Lovelace"},
            "team": None, "number": 3, "file": "ada_hw1.zip", "sha256": "ab" * 32, "size_bytes": 2,
            "received_at": "2026-03-02T09:30:00Z", "late_days": 0, "state": state,
            "score": 1.0 if state == "graded" else None, "max_score": 2.0, "counts": True} | more  # fmt: skip


def a_submission(state: str = "graded", run: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return a_line(state) | {"run": run or a_run(state), "queue": None} | more


def a_receipt(**more: Any) -> dict[str, Any]:
    return {"id": ID, "assignment": "hw1", "sha256": "ab" * 32, "received_at": "2026-03-02T09:30:00Z",
            "file": "ada_hw1.zip", "size_bytes": 2, "number": 3, "late_days": 0, "is_new": True,
            "links": {"self": f"/api/v1/submissions/{ID}", "events": f"/api/v1/submissions/{ID}/events",
                      "page": f"/submissions/{ID}"}} | more  # fmt: skip
