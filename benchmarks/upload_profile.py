"""Where the time of one upload goes, from the first byte sent to the receipt.

    .venv/bin/python benchmarks/upload_profile.py [--uploads 200] [--report docs/performance.md]

One client after another, so that nothing waits for another upload; the web server runs in this process, its broker,
database and disk are real. Every span is wrapped from outside: no code of the service measures itself for this.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from bench_stack import ROOT, SLUG, Stack, a_stack
from report import Figures, as_markdown, machine, publish
from rich.console import Console
from service import distinct, upload
from sqlalchemy import event

from grader.engine.handins import reference_hand_in
from grader.http import uploads
from grader.http.settings import server_settings
from grader.server.app import create_app
from grader.specs.load import load_spec
from grader.storage.database import Database
from grader.storage.wakeups import CeleryWakeUps

_WARM_UP = 20
WHOLE = "from request to receipt"
# In the order in which an upload meets them; what is indented lies within other rows.
EARLY, KEEP, ROWS, WAKE = (
    "may they? asked before a byte is read",
    "list the archive, match the file rules, keep the bytes",
    "submission, run, stage and gradebook line in one transaction",
    "wake a worker (Redis)",
)
LIST, SYNC, SQL, COMMIT = (
    "  listing the archive",
    "  fsync of file and folder",
    "  SQL statements",
    "  commits (PostgreSQL writes its log)",
)
REST = "the rest: HTTP, multipart, threads, whose token it is, and the client"


class Spans:
    """Seconds and calls by name, summed over threads; `turn` hands out what has come together since the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._calls: Counter[str] = Counter()

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self._seconds[name] += seconds
            self._calls[name] += 1

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - began)

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Time every call of `owner.attribute` from now on."""
        plain: Callable[..., Any] = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.of(name):
                return plain(*args, **kwargs)

        setattr(owner, attribute, timed)

    def turn(self) -> tuple[dict[str, float], Counter[str]]:
        with self._lock:
            taken = dict(self._seconds), Counter(self._calls)
            self._seconds.clear()
            self._calls.clear()
        return taken


def watch(spans: Spans, database: Database) -> None:
    """Wrap what an upload goes through."""
    spans.wrap(uploads, "_refuse_early", EARLY)
    spans.wrap(uploads, "_keep", KEEP)
    spans.wrap(uploads, "list_upload", LIST)
    spans.wrap(uploads, "_write_rows", ROWS)
    spans.wrap(os, "fsync", SYNC)
    spans.wrap(CeleryWakeUps, "send", WAKE)
    engine = database.engine
    spans.wrap(engine.dialect, "do_commit", COMMIT)
    began: dict[int, float] = {}
    event.listen(engine, "before_cursor_execute", lambda *_: began.__setitem__(threading.get_ident(), _now()))
    event.listen(engine, "after_cursor_execute", lambda *_: spans.add(SQL, _now() - began[threading.get_ident()]))


def _now() -> float:
    return time.perf_counter()


@contextlib.contextmanager
def served_here(stack: Stack, port: int) -> Iterator[tuple[str, Database]]:
    """A second web server on the stack's database and broker, in this process."""
    settings = server_settings({**stack.environment, "GRADER_PUBLIC_URL": f"http://127.0.0.1:{port}"})
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}", app.state.services.database
    finally:
        server.should_exit = True
        thread.join()


def measured(folder: Path, count: int) -> Figures:
    content = reference_hand_in(load_spec(SLUG)).content
    taken: defaultdict[str, list[float]] = defaultdict(list)
    calls: defaultdict[str, list[int]] = defaultdict(list)
    with a_stack(folder, students=1) as stack, served_here(stack, 8971) as (url, database), httpx.Client() as client:
        here = Stack(url, stack.database, stack.supervisor, stack.environment, staff=stack.staff)
        spans = Spans()
        watch(spans, database)
        for number in range(_WARM_UP + count):
            body = distinct(content, number)
            spans.turn()
            began = _now()
            upload(client, here, stack.students[0], body)
            whole = _now() - began
            seconds, counted = spans.turn()
            if number < _WARM_UP:
                continue
            taken[WHOLE].append(whole)
            # The wake-up is sent within the rows' span, after its commit.
            taken[REST].append(whole - seconds[EARLY] - seconds[KEEP] - seconds[ROWS])
            for name, value in seconds.items():
                taken[name].append(value)
                calls[name].append(counted[name])
    whole = statistics.median(taken[WHOLE])
    rows = [
        (
            name.strip() if not name.startswith(" ") else f"… {name.strip()}",
            f"{statistics.median(calls[name]):.0f}" if name in calls else "1",
            f"{statistics.median(taken[name]) * 1e3:.2f}",
            f"{statistics.median(taken[name]) / whole:.0%}",
        )
        for name in (WHOLE, EARLY, KEEP, ROWS, REST, WAKE, LIST, SYNC, SQL, COMMIT)
    ]
    about = (
        f"`upload_profile.py --uploads {count}`, {len(content) / 1e3:.0f} kB each, one after another ({machine()}); "
        "medians; rows after the rest lie within those above:"
    )
    return Figures(name="upload-profile", about=about, columns=("what", "calls", "ms", "share"), rows=rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--report", type=Path, help="a page whose table is replaced")
    options = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as folder:
        figures = measured(Path(folder), options.uploads)
    Console(width=120).print(as_markdown(figures), markup=False, soft_wrap=True)
    if options.report:
        publish(options.report, [figures])


if __name__ == "__main__":
    main()
