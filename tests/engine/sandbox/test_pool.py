from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.pool import PoolStatistics, WarmPool
from tests.engine.sandbox.fakes import FakeBackend, FakeSandbox
from tests.waiting import PATIENCE_S, eventually

PROFILE = SandboxProfile()
Make = Callable[..., WarmPool]
# Generous: it bounds what has to happen, and is no measurement.


@pytest.fixture
def make_pool() -> Iterator[Make]:
    pools: list[WarmPool] = []

    def make(behave: Callable[[FakeSandbox], None], size: int = 1, **options: float) -> tuple[WarmPool, FakeBackend]:
        backend = FakeBackend(behave)
        pools.append(WarmPool(backend, PROFILE, size, **options))
        return pools[-1], backend

    yield make
    for pool in pools:
        pool.stop()


def ready(sandbox: FakeSandbox) -> None:
    sandbox.say_ready()


def test_a_lease_gives_a_ready_sandbox_with_its_frame_unread(make_pool: Make) -> None:
    pool, _ = make_pool(ready)
    with pool.lease(PATIENCE_S) as sandbox:
        assert os.read(sandbox.read_fd, 100) == b"READY"


def test_a_sandbox_is_killed_after_its_lease_and_never_given_again(make_pool: Make) -> None:
    pool, backend = make_pool(ready)
    names = []
    for _ in range(3):
        with pool.lease(PATIENCE_S) as sandbox:
            names.append(sandbox.name)
            assert sandbox.is_alive()
        assert not sandbox.is_alive()
    assert len(set(names)) == 3
    assert all(used.kills == 1 for used in backend.started if used.name in names)


def test_a_sandbox_is_killed_when_the_lease_ends_by_an_exception(make_pool: Make) -> None:
    pool, backend = make_pool(ready)
    with pytest.raises(ZeroDivisionError), pool.lease(PATIENCE_S):
        raise ZeroDivisionError
    assert backend.started[0].kills == 1
    assert pool.statistics.leased == 0


def test_the_pool_fills_up_to_its_size_and_no_further(make_pool: Make) -> None:
    pool, backend = make_pool(ready, 3)
    assert eventually(lambda: pool.statistics == PoolStatistics(3, 0, 0))
    time.sleep(0.05)
    assert len(backend.started) == 3


def test_a_sandbox_that_says_nothing_is_starting_and_not_leased(make_pool: Make) -> None:
    pool, backend = make_pool(lambda _: None)
    assert eventually(lambda: pool.statistics.starting == 1)
    with pytest.raises(SandboxLost, match=r"within 0\.1 s"), pool.lease(0.1):
        pass
    backend.started[0].say_ready()
    with pool.lease(PATIENCE_S) as sandbox:
        assert sandbox.name == "fake-0"


def test_a_ready_sandbox_that_dies_is_replaced(make_pool: Make) -> None:
    pool, backend = make_pool(ready)
    assert eventually(lambda: pool.statistics.ready == 1)
    backend.started[0].die()
    with pool.lease(PATIENCE_S) as sandbox:
        assert sandbox.name == "fake-1"
    assert backend.started[0].kills == 1


def test_more_waiting_than_the_size_start_at_once(make_pool: Make) -> None:
    pool, backend = make_pool(lambda _: None, 1)
    threads = [threading.Thread(target=_lease_once, args=(pool,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(backend.started) == 3)
    for sandbox in list(backend.started):
        sandbox.say_ready()
    backend.behave = ready
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def _lease_once(pool: WarmPool) -> None:
    with pool.lease(PATIENCE_S):
        pass


def test_a_backend_that_cannot_be_used_is_told_at_once(make_pool: Make) -> None:
    def refuse(_: FakeSandbox) -> None:
        raise NoSandbox("bwrap is not installed: install it")

    pool, _ = make_pool(refuse)
    began = time.monotonic()
    with pytest.raises(NoSandbox, match="install it"), pool.lease(10 * PATIENCE_S):
        pass
    assert time.monotonic() - began < PATIENCE_S


def test_failures_to_start_are_told_after_three_with_pauses_between(make_pool: Make) -> None:
    def fail(_: FakeSandbox) -> None:
        raise SandboxLost("the engine is busy")

    pool, backend = make_pool(fail)
    with pytest.raises(SandboxLost, match="busy"), pool.lease(30):
        pass
    count = len(backend.started)
    time.sleep(0.3)
    assert len(backend.started) <= count + 1


def test_a_passing_failure_is_not_told(make_pool: Make) -> None:
    tries: list[FakeSandbox] = []

    def fail_once(sandbox: FakeSandbox) -> None:
        tries.append(sandbox)
        if len(tries) == 1:
            raise SandboxLost("the engine is busy")
        sandbox.say_ready()

    pool, _ = make_pool(fail_once)
    with pool.lease(PATIENCE_S) as sandbox:
        assert sandbox.name == "fake-1"


def test_an_end_before_ready_says_what_the_probe_wrote(make_pool: Make) -> None:
    pool, backend = make_pool(lambda sandbox: sandbox.die())
    with pytest.raises(SandboxLost, match="no torch"), pool.lease(30):
        pass
    assert backend.started[0].kills == 1


def test_one_that_is_not_ready_in_time_is_killed(make_pool: Make) -> None:
    _, backend = make_pool(lambda _: None, 1, ready_within_s=0.05)
    assert eventually(lambda: bool(backend.started) and backend.started[0].kills == 1)


def test_an_unforeseen_error_reaches_the_lease(make_pool: Make) -> None:
    def break_down(_: FakeSandbox) -> None:
        raise OSError("too many open files")

    pool, backend = make_pool(break_down)
    with pytest.raises(SandboxLost, match="too many open files"), pool.lease(30):
        pass
    for sandbox in backend.started:
        sandbox.kill()


def test_stop_kills_ready_starting_and_leased(make_pool: Make) -> None:
    pool, backend = make_pool(lambda sandbox: sandbox.say_ready() if sandbox.name != "fake-2" else None, 2)
    lease = pool.lease(PATIENCE_S)
    lease.__enter__()
    assert eventually(lambda: pool.statistics == PoolStatistics(1, 1, 1))
    pool.stop()
    pool.stop()
    assert not any(sandbox.is_alive() for sandbox in backend.started)
    lease.__exit__(None, None, None)
    with pytest.raises(SandboxLost, match="stopped"), pool.lease(1):
        pass


def test_stop_ends_a_waiting_lease(make_pool: Make) -> None:
    pool, _ = make_pool(lambda _: None)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            _lease_once(pool)
        except SandboxLost as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    pool.stop()
    thread.join(PATIENCE_S)
    assert "stopped" in str(caught[0])


def test_a_leased_sandbox_comes_to_the_foreground(make_pool: Make) -> None:
    pool, _ = make_pool(ready)
    with pool.lease(PATIENCE_S) as sandbox:
        assert sandbox.foreground


def test_a_sandbox_that_somebody_waits_for_starts_in_the_foreground(make_pool: Make) -> None:
    pool, backend = make_pool(lambda _: None, size=2)
    assert eventually(lambda: len(backend.started) == 2)
    assert not any(sandbox.foreground for sandbox in backend.started)
    waiting = threading.Thread(target=_lease_once, args=(pool,))
    waiting.start()
    assert eventually(lambda: [sandbox.foreground for sandbox in backend.started[:2]] == [True, False])
    backend.started[0].say_ready()
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
