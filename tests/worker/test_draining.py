"""What a worker does between the signal and its end; the signals themselves are tried on processes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.waiting import until
from tests.worker.conftest import EVERYTHING
from worker.lifecycle import at_work
from worker.slots import slots_of

SLOTS = slots_of(EVERYTHING, 1, [])


class Stoppable:
    """As `Engines`: what is under way ends in an error when it is stopped."""

    def __init__(self, engine) -> None:
        self.stopped = threading.Event()
        self._engine = engine

    def grade(self, *arguments, **named):
        return self._engine.grade(*arguments, **named)

    def await_ready(self, limits) -> None:
        del limits

    def stop(self) -> None:
        self.stopped.set()


@pytest.fixture
def worker(desk):
    """A place whose check A.sleeps goes on until it is told, or until the engine is stopped."""
    engine = Stoppable(desk.engine)
    engine.go_on, engine.began = threading.Event(), threading.Event()

    def sleep() -> None:
        engine.began.set()
        while not engine.go_on.wait(0.02):
            if engine.stopped.is_set():
                raise RuntimeError("stopped")

    desk.engine.during["A.sleeps"] = sleep
    settings = replace(desk.place.settings, drain_s=30.0)
    return replace(desk.place, engines=engine, settings=settings)


def never(seconds: float) -> bool:
    time.sleep(min(seconds, 0.02))
    return False


def is_draining(desk) -> bool:
    with desk.database.begin() as work:
        return work.session.execute(text("SELECT bool_and(draining) FROM workers")).scalar_one() is True


def test_what_is_under_way_is_finished_and_nothing_more_is_claimed(desk, worker):
    first, second = desk.hand_in(), desk.hand_in(b"y = 2\n")
    with at_work(worker, worker.engines, SLOTS) as shift:
        worker.engines.began.wait(30)
        ends = threading.Timer(0.5, worker.engines.go_on.set)
        ends.start()
        assert shift.drain(never)
        until(lambda: is_draining(desk), "its row says that it drains")
    assert desk.stages(first)["unit"] == ("done", 1)
    assert desk.stages(second) == {"gate": ("waiting", 0)}


def test_what_is_not_finished_in_time_is_put_back_uncounted(desk, worker):
    submission = desk.hand_in()
    hasty = replace(worker, settings=replace(worker.settings, drain_s=0.3))
    with at_work(hasty, hasty.engines, SLOTS) as shift:
        hasty.engines.began.wait(30)
        assert not shift.drain(never)
    assert desk.stages(submission)["unit"] == ("waiting", 0)


def test_whoever_is_in_a_hurry_does_not_wait(desk, worker):
    submission = desk.hand_in()
    with at_work(worker, worker.engines, SLOTS) as shift:
        worker.engines.began.wait(30)
        began = time.monotonic()
        assert not shift.drain(lambda seconds: True)
        assert time.monotonic() - began < 5
    assert desk.stages(submission)["unit"] == ("waiting", 0)


def test_an_idle_worker_drains_at_once(desk, worker):
    with at_work(worker, worker.engines, SLOTS) as shift:
        began = time.monotonic()
        assert shift.drain(never)
        assert time.monotonic() - began < 5


def test_a_worker_that_ends_has_said_that_its_slots_count_no_longer(desk, worker, monkeypatch):
    with at_work(worker, worker.engines, SLOTS):
        until(lambda: not is_draining(desk), "heard of")
        begin = desk.database.begin
        monkeypatch.setattr(desk.database, "begin", lambda: (time.sleep(0.3), begin())[1])
    monkeypatch.undo()
    assert is_draining(desk)
    assert not {thread.name for thread in threading.enumerate()} & {"grader-0", "heartbeat", "warm-up"}
