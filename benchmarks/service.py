"""The service under load: uploads, gradings a minute beside plain pytest, the gradebook, the queue.

    .venv/bin/python benchmarks/service.py [uploads] [gradings] [gradebook] [claims] [scaling] [--report docs/performance.md]

Clients, server, PostgreSQL, Redis and workers share this machine, so every figure includes their competition. Ratios are
of rows measured in the same run; the seconds are this machine's.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
from bench_rows import fill_gradebook, fill_waiting, unfinished
from bench_stack import ROOT, SLUG, Stack, a_stack, unit_only, wait_until
from grade_latency import plain_pytest
from report import Figures, as_markdown, machine, publish
from rich.console import Console

from grader.domain.grading import Queue
from grader.engine.handins import reference_hand_in
from grader.service import runs
from grader.specs.load import load_spec

console = Console(width=120)


def distinct(content: bytes, number: int) -> bytes:
    """The same hand-in with a file more, so that no two uploads are the same."""
    packed = io.BytesIO(content)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("note.txt", str(number))
    return packed.getvalue()


def quantiles(seconds: list[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1e3, cuts[94] * 1e3, cuts[98] * 1e3


def table(name: str, about: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Figures:
    figures = Figures(name=name, about=f"{about} ({machine()}):", columns=columns, rows=rows)
    console.print(as_markdown(figures), markup=False, soft_wrap=True)
    return figures


def upload(client: httpx.Client, stack: Stack, token: str, content: bytes) -> str:
    answer = client.post(
        f"{stack.url}/api/v1/assignments/{SLUG}/submissions",
        headers={"Authorization": f"Bearer {token}"},
        files={"file": ("ada-lovelace-practical2.zip", content)},
        timeout=60,
    )
    if answer.status_code != httpx.codes.ACCEPTED:
        raise SystemExit(f"an upload was refused: {answer.text[:300]}")
    return str(answer.json()["id"])


def bench_uploads(folder: Path, *, count: int, clients: int) -> Figures:
    content = reference_hand_in(load_spec(SLUG)).content
    with a_stack(folder, students=clients) as stack:
        taken: list[float] = []
        lock = threading.Lock()

        def one_client(number: int) -> None:
            with httpx.Client() as client:
                for turn in range(count // clients):
                    body = distinct(content, number * count + turn)
                    began = time.monotonic()
                    upload(client, stack, stack.students[number], body)
                    with lock:
                        taken.append(time.monotonic() - began)

        began = time.monotonic()
        threads = [threading.Thread(target=one_client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(taken) / (time.monotonic() - began)
        row = (f"{len(content) / 1e3:.0f} kB", f"{clients}", f"{rate:.0f}", *(f"{ms:.0f}" for ms in quantiles(taken)))
    columns = ("uploads with a receipt", "clients at once", "a second", "p50 ms", "p95 ms", "p99 ms")
    return table("uploads", f"`service.py uploads`, {len(taken)} of them", columns, [row])


def bench_gradings(folder: Path, *, count: int) -> Figures:
    (folder / "specs").mkdir()
    spec = unit_only(folder / "specs")
    content = reference_hand_in(load_spec(SLUG)).content
    plain_folder = folder / "plain"
    plain_folder.mkdir()
    for source in (ROOT / "benchmarks" / "plain_pytest").glob("*.py"):
        (plain_folder / source.name).write_bytes(source.read_bytes())
    plain = plain_pytest(plain_folder)
    rows = []
    with a_stack(folder, students=count, spec=spec) as stack, httpx.Client() as client:
        stack.start_worker(jobs=2)
        warm_up = upload(client, stack, stack.students[0], distinct(content, 10**6))
        wait_until(lambda: state_of(client, stack, warm_up) == "graded", 120)
        began = time.monotonic()
        for number in range(count):
            upload(client, stack, stack.students[number], distinct(content, number))
        wait_until(lambda: unfinished(stack.database) == 0, 600)
        ours = count / (time.monotonic() - began) * 60
        alone = []
        for number in range(5):
            time.sleep(4)
            began = time.monotonic()
            identity = upload(client, stack, stack.students[number], distinct(content, 2 * 10**6 + number))
            wait_until(lambda identity=identity: state_of(client, stack, identity) == "graded", 60)
            alone.append(time.monotonic() - began)
    began = time.monotonic()
    for _ in range(max(3, count // 4)):
        plain()
    theirs = max(3, count // 4) / (time.monotonic() - began) * 60
    rows.append((f"upload to score, 2 jobs, {sandbox()}", f"{ours:.0f}", f"{ours / theirs:.2f}"))
    rows.append(("plain pytest, a fresh container each, one by one", f"{theirs:.0f}", "1.00"))
    alone_s = f"{statistics.median(alone):.2f} s (median of {len(alone)})"
    about = f"`service.py gradings`, {count} hand-ins at once; one alone, from request to score: {alone_s}"
    return table("gradings", about, ("gradings", "a minute", "x plain pytest"), rows)


def sandbox() -> str:
    """What the workers grade in."""
    return os.environ.get("BENCH_SANDBOX", "bwrap")


def bench_scaling(folder: Path, *, count: int, workers: tuple[int, ...], backend: str | None = None) -> Figures:
    """Hand-ins a minute from upload to score, with more and more worker processes of one job each."""
    os.environ["BENCH_SANDBOX"] = backend or sandbox()
    (folder / "specs").mkdir()
    spec = unit_only(folder / "specs")
    content = reference_hand_in(load_spec(SLUG)).content
    rates: list[float] = []
    with a_stack(folder, students=count, spec=spec) as stack, httpx.Client() as client:
        serial = running = 0
        for wanted in workers:
            while running < wanted:
                running += 1
                stack.start_worker(jobs=1, name=f"worker{running}")
            # Until every worker has graded, and has filled its pool again.
            for phase, number in (("warm", 3 * wanted), ("measured", count)):
                began = time.monotonic()
                for index in range(number):
                    serial += 1
                    upload(client, stack, stack.students[index % count], distinct(content, serial))
                wait_until(lambda: unfinished(stack.database) == 0, 600)
                if phase == "measured":
                    rates.append(number / (time.monotonic() - began) * 60)
                else:
                    time.sleep(4)
    rows = [(str(n), f"{rate:.0f}", f"{rate / rates[0]:.2f}") for n, rate in zip(workers, rates, strict=True)]
    about = f"`service.py scaling`, {count} hand-ins at once, all unit checks of the course's spec, {os.environ['BENCH_SANDBOX']}"
    return table("scaling", about, ("worker processes", "upload to score, a minute", "x one worker"), rows)


def state_of(client: httpx.Client, stack: Stack, submission: str) -> str:
    answer = client.get(
        f"{stack.url}/api/v1/submissions/{submission}", headers={"Authorization": f"Bearer {stack.staff}"}
    )
    return str(answer.json()["state"])


def bench_gradebook(folder: Path, *, students: int, assignments: int) -> Figures:
    rows = []
    with (
        a_stack(folder, students=0) as stack,
        httpx.Client(headers={"Authorization": f"Bearer {stack.staff}"}) as client,
    ):
        before = 0
        for each in (2, 20):
            fill_gradebook(
                stack.database, SLUG, students=students, assignments=assignments, first=before, submissions=each
            )
            before = each
            for what, query in (
                ("first page by name", ""),
                ("by score, descending", "?sort=score&descending=true"),
                ("search", "?search=student+77"),
            ):
                address = f"{stack.url}/api/v1/assignments/{SLUG}/gradebook{query}"
                seconds = [timed(client, address) for _ in range(100)]
                rows.append((what, f"{students * assignments * each:,}", *(f"{ms:.0f}" for ms in quantiles(seconds))))
    about = f"`service.py gradebook`, {students} students, {assignments} assignments, over HTTP"
    return table("gradebook", about, ("request", "submissions", "p50 ms", "p95 ms", "p99 ms"), rows)


def timed(client: httpx.Client, address: str) -> float:
    began = time.monotonic()
    answer = client.get(address)
    took = time.monotonic() - began
    if answer.status_code != httpx.codes.OK:
        raise SystemExit(f"{address} answered {answer.status_code}: {answer.text[:300]}")
    return took


def bench_claims(folder: Path) -> Figures:
    rows = []
    with a_stack(folder, students=0) as stack:
        for waiting in (1000, 100_000):
            fill_waiting(stack.database, SLUG, waiting)
            rows.append((f"{waiting:,}", *(f"{ms:.1f}" for ms in quantiles([one_claim(stack) for _ in range(200)]))))
    about = "`service.py claims`, a claim with its commit"
    return table("claims", about, ("stages waiting", "p50 ms", "p95 ms", "p99 ms"), rows)


def one_claim(stack: Stack) -> float:
    began = time.monotonic()
    with stack.database.begin() as work:
        claim = runs.claim(work, queues=[Queue.CPU, Queue.RERUN], worker="bench")
    if claim is None:
        raise SystemExit("nothing was waiting")
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every: dict[str, Callable[[Path], Figures]] = {
        "uploads": lambda folder: bench_uploads(folder, count=800, clients=8),
        "gradings": lambda folder: bench_gradings(folder, count=12),
        "gradebook": lambda folder: bench_gradebook(folder, students=1000, assignments=10),
        "claims": bench_claims,
        "scaling": lambda folder: bench_scaling(folder, count=16, workers=(1, 2, 4)),
    }
    parser.add_argument("which", nargs="*", help=f"some of {', '.join(every)}; else all")
    parser.add_argument("--report", type=Path, help="a page whose tables are replaced")
    options = parser.parse_args()
    chosen = options.which or list(every)
    if strange := [name for name in chosen if name not in every]:
        parser.error(f"there is no part {', '.join(strange)}; there are {', '.join(every)}")
    tables = []
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch).chmod(0o755)
            tables.append(every[name](Path(scratch)))
    if options.report:
        publish(options.report, tables)


if __name__ == "__main__":
    sys.exit(main())
