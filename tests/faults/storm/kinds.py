"""Every kind of fault: what it does to whom, for how long, and how it is undone.

Each is a function of the site, the stream and a source of chance that yields the name of its target once the fault is
there, and undoes it when it goes on. Freezes stay below what the tiny spec's checks may take: a sandbox that stands
still for longer is a submission that did not finish in time, and nothing here can tell the two apart.
"""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis as redis_client
from sqlalchemy import text

from grader.domain.errors import GraderError
from grader.domain.grading import Queue
from grader.storage.wakeups import CeleryWakeUps
from tests.faults.storm.site import LEASE_S, Site, Unit, descendants, send
from tests.faults.storm.stream import Stream

_TRAP_S = 4.0
# Longer than the lease, and than what PostgreSQL lets a transaction stand still.
_LONG_S = (LEASE_S + 0.5, LEASE_S + 2.0)
_IN_TRANSACTION_S = (9.0, 10.0)
_SHORT_S = (0.3, 1.5)


@dataclass(slots=True)
class Storm:
    """What a fault may use."""

    site: Site
    stream: Stream
    chance: random.Random
    over: threading.Event

    def wait(self, bounds: tuple[float, float]) -> None:
        self.over.wait(self.chance.uniform(*bounds))

    def worker(self) -> Unit:
        return self.chance.choice([unit for unit in self.site.workers if unit.is_alive] or self.site.workers)

    def unit(self) -> Unit:
        return self.chance.choice([self.site.units["server"], self.site.units["sweep"], *self.site.workers])


Fault = Callable[[Storm], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`needs` is what no other fault touches meanwhile; `share` of the deck."""

    name: str
    do: Fault
    needs: str = ""
    share: int = 1


KINDS: list[Kind] = []


def kind(name: str, *, needs: str = "", share: int = 1) -> Callable[[Fault], Fault]:
    def note(do: Fault) -> Fault:
        KINDS.append(Kind(name=name, do=do, needs=needs, share=share))
        return do

    return note


def _signals(name: str, choose: Callable[[Storm], Unit], number: signal.Signals, *, share: int = 1) -> None:
    def do(storm: Storm) -> Iterator[str]:
        unit = choose(storm)
        unit.send(number)
        yield unit.name

    kind(name, share=share)(do)


def _freezes(
    name: str, choose: Callable[[Storm], Unit], bounds: tuple[float, float], *, share: int = 1, needs: str = ""
) -> None:
    def do(storm: Storm) -> Iterator[str]:
        unit = choose(storm)
        pid = unit.pid
        send([pid], signal.SIGSTOP)
        try:
            yield unit.name
            storm.wait(bounds)
        finally:
            send([pid], signal.SIGCONT)

    kind(name, share=share, needs=needs)(do)


def _freezes_in_transaction(name: str, choose: Callable[[Storm], Unit], bounds: tuple[float, float]) -> None:
    def do(storm: Storm) -> Iterator[str]:
        unit, caught = choose(storm), threading.Event()
        pid = unit.pid

        def stop() -> None:
            send([pid], signal.SIGSTOP)
            caught.set()

        unit.cable.spring(storm.chance.randint(1, 4), stop)
        caught.wait(_TRAP_S)
        try:
            yield unit.name if caught.is_set() else f"{unit.name} (no transaction came)"
            if caught.is_set():
                storm.wait(bounds)
        finally:
            send([pid], signal.SIGCONT)

    kind(name)(do)


def _server(storm: Storm) -> Unit:
    return storm.site.units["server"]


def _sweep(storm: Storm) -> Unit:
    return storm.site.units["sweep"]


_signals("worker killed (-9)", Storm.worker, signal.SIGKILL, share=2)
_signals("worker told to stop", Storm.worker, signal.SIGTERM)
_freezes("worker frozen, shorter than its lease", Storm.worker, _SHORT_S)
_freezes("worker frozen, longer than its lease", Storm.worker, _LONG_S)
_freezes_in_transaction("worker frozen in a transaction, longer than its lease", Storm.worker, _LONG_S)
_freezes_in_transaction("worker frozen in a transaction until PostgreSQL ends it", Storm.worker, _IN_TRANSACTION_S)
_signals("server killed (-9)", _server, signal.SIGKILL)
_signals("server told to stop", _server, signal.SIGTERM)
_freezes("server frozen", _server, _LONG_S)
_freezes_in_transaction("server frozen in a transaction", _server, _LONG_S)
_signals("sweep killed (-9)", _sweep, signal.SIGKILL)
_freezes("sweep frozen", _sweep, _LONG_S)
_freezes_in_transaction("sweep frozen in a transaction until PostgreSQL ends it", _sweep, _IN_TRANSACTION_S)


@kind("a sandbox's process killed (-9)", share=2)
def sandbox_killed(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    pids = storm.site.sandbox_pids(unit)
    chosen = storm.chance.choice(pids) if pids else 0
    if chosen:
        send([chosen], signal.SIGKILL)
    yield f"sandbox of {unit.name}" if chosen else f"{unit.name} had no sandbox"


@kind("a sandbox frozen for up to 1.5 s", share=2)
def sandbox_frozen(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    pids = storm.site.sandbox_pids(unit)
    send(pids, signal.SIGSTOP)
    try:
        yield f"sandboxes of {unit.name}"
        storm.wait(_SHORT_S)
    finally:
        send(pids, signal.SIGCONT)


@kind("a harness killed (-9)")
def harness_killed(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    _, harnesses = storm.site.harness_pids(unit)
    if harnesses:
        send([storm.chance.choice(harnesses)], signal.SIGKILL)
    yield f"harness of {unit.name}" if harnesses else f"{unit.name} had no harness"


@kind("a harness frozen for up to 1.5 s")
def harness_frozen(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    _, harnesses = storm.site.harness_pids(unit)
    send(harnesses, signal.SIGSTOP)
    try:
        yield f"harnesses of {unit.name}"
        storm.wait(_SHORT_S)
    finally:
        send(harnesses, signal.SIGCONT)


@kind("the harnesses' fork server killed (-9)")
def fork_server_killed(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    servers, _ = storm.site.harness_pids(unit)
    send(servers, signal.SIGKILL)
    yield f"fork server of {unit.name}"


@kind("the harnesses' fork server frozen")
def fork_server_frozen(storm: Storm) -> Iterator[str]:
    unit = storm.worker()
    servers, _ = storm.site.harness_pids(unit)
    send(servers, signal.SIGSTOP)
    try:
        yield f"fork server of {unit.name}"
        storm.wait(_LONG_S)
    finally:
        send(servers, signal.SIGCONT)


@kind("PostgreSQL killed (-9) and started again", needs="postgres")
def postgres_killed(storm: Storm) -> Iterator[str]:
    storm.site.postgres.kill()
    try:
        yield "postgres"
        storm.wait((0.1, 2.0))
    finally:
        storm.site.postgres.start()


@kind("PostgreSQL frozen", needs="postgres")
def postgres_frozen(storm: Storm) -> Iterator[str]:
    first = storm.site.postgres.pid or 0
    send([first], signal.SIGSTOP)
    pids = [first, *descendants(first)]
    send(pids, signal.SIGSTOP)
    try:
        yield "postgres"
        storm.wait((1.0, LEASE_S + 1.5))
    finally:
        send(pids, signal.SIGCONT)


@kind("database connections terminated", share=2)
def connections_terminated(storm: Storm) -> Iterator[str]:
    share = storm.chance.choice([0.3, 0.6, 1.0])
    statement = text(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'grader' "
        "AND pid <> pg_backend_pid() AND random() < :share) AS ended"
    )
    ended = 0
    with contextlib.suppress(GraderError), storm.site.database.begin() as work:
        ended = work.session.execute(statement, {"share": share}).scalar_one()
    yield f"{ended} connections"


@kind("Redis killed (-9) and started again", needs="redis")
def redis_killed(storm: Storm) -> Iterator[str]:
    storm.site.redis.kill()
    try:
        yield "redis"
        storm.wait((0.1, 3.0))
    finally:
        storm.site.redis.start()


@kind("Redis flushed", needs="redis")
def redis_flushed(storm: Storm) -> Iterator[str]:
    with redis_client.Redis.from_url(storm.site.redis.redis_url) as client:
        client.flushall()
    yield "redis"


@kind("Redis frozen", needs="redis")
def redis_frozen(storm: Storm) -> Iterator[str]:
    pid = storm.site.redis.pid or 0
    send([pid], signal.SIGSTOP)
    try:
        yield "redis"
        storm.wait((1.0, 4.0))
    finally:
        send([pid], signal.SIGCONT)


@kind("wake-ups doubled")
def wake_ups_doubled(storm: Storm) -> Iterator[str]:
    sender = CeleryWakeUps(storm.site.redis.url)
    for _ in range(20):
        sender.send(Queue.CPU)
        sender.send(Queue.RERUN)
    yield "20 of each queue"


def _tricks(name: str, trick: str, *, needs: str = "", kills: bool = False, share: int = 1) -> None:
    def do(storm: Storm) -> Iterator[str]:
        done = threading.Event()

        def told() -> None:
            if kills and not done.is_set():
                storm.site.units["server"].send(signal.SIGKILL)
            done.set()

        storm.stream.tricks.append((trick, told))
        while not done.wait(0.1) and not storm.over.is_set():
            pass
        yield "an upload"

    kind(name, needs=needs, share=share)(do)


_tricks("upload cut in the middle, then sent again", "cut in the middle")
_tricks("upload cut in the middle, never sent again", "abandoned")
_tricks("upload whose answer is not heard, then sent again", "answer not heard")
_tricks("upload sent three times at once", "sent twice at once")
_tricks("upload that trickles in, its answer not heard", "trickles")
_tricks("server killed (-9) in the middle of an upload", "server killed in the middle", kills=True)


@kind("blob store's folder away", needs="disk")
def blobs_away(storm: Storm) -> Iterator[str]:
    there, elsewhere = storm.site.disk / "blobs", storm.site.disk / "elsewhere"
    there.rename(elsewhere)
    try:
        yield "blobs"
        storm.wait((0.5, 3.0))
    finally:
        elsewhere.rename(there)


@kind("blob store's disk full", needs="disk")
def disk_full(storm: Storm) -> Iterator[str]:
    filler = storm.site.disk / "filler"
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
            while storm.site.has_disk:
                stream.write(b"\0" * 65536)
        yield "blobs"
        storm.wait((0.5, 3.0))
    finally:
        filler.unlink(missing_ok=True)


@kind("no file handles left", needs="handles")
def handles_used_up(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    pid, before = unit.pid, None
    try:
        with contextlib.suppress(OSError):
            used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        yield unit.name
        storm.wait((0.5, 2.0))
    finally:
        if before is not None:
            with contextlib.suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@kind("clock set wrong by up to two days", needs="clock")
def clock_wrong(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    shift = storm.chance.choice([-172_800, -3600, -30, 30, 3600, 172_800])
    unit.clock.write_text(str(shift))
    try:
        yield f"{unit.name} by {shift} s"
        storm.wait((1.0, 6.0))
    finally:
        unit.clock.write_text("0")


@kind("database's network cut", needs="cable")
def cable_cut(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    unit.cable.cut()
    try:
        yield unit.name
        storm.wait((0.5, LEASE_S + 2.0))
    finally:
        unit.cable.mend()


@kind("database's network reset once")
def cable_reset(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    unit.cable.reset()
    yield unit.name


@kind("database's network slow (0.1 s a packet)", needs="cable")
def cable_slow(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    unit.cable.slow(0.1)
    try:
        yield unit.name
        storm.wait((1.0, 4.0))
    finally:
        unit.cable.mend()


@kind("database's network carries nothing, or one way only", needs="cable")
def cable_holds(storm: Storm) -> Iterator[str]:
    unit = storm.unit()
    up, down = storm.chance.choice([(True, True), (True, False), (False, True)])
    unit.cable.hold(up=up, down=down)
    try:
        yield unit.name
        storm.wait((1.0, LEASE_S + 2.0))
        if storm.chance.random() < 0.5:
            # What was held back is lost.
            unit.cable.reset()
    finally:
        unit.cable.mend()


def settle(storm: Storm) -> None:
    """Whatever a fault may have left undone."""
    for unit in storm.site.units.values():
        unit.cable.mend()
        unit.clock.write_text("0")
        unit.send(signal.SIGCONT)
    time.sleep(0.1)
