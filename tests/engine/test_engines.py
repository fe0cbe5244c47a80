"""One worker for assignments with different limits."""

from __future__ import annotations

import threading

import pytest

from grader.domain.assignment import Limits
from grader.domain.errors import TransientError
from grader.engine.engines import Engines
from tests.engine.sandbox.fakes import FakeBackend
from tests.engine.test_engine_runs import CODE, SPINS, UNDER_WAY, Grading

ADDS = '@check("A1", points=1, title="adds")\ndef test_add(student):\n    assert student.add(1, 2) == 3\n'
SMALL, LARGE, HUGE = (Limits(memory_bytes=size * 2**30) for size in (1, 2, 3))


class ReadyBackend(FakeBackend):
    """Sandboxes that are ready at once; remembers how much memory each may use, in GiB."""

    def __init__(self):
        super().__init__(lambda sandbox: sandbox.say_ready())
        self.memory = []

    def start(self, profile):
        self.memory.append(profile.memory_bytes // 2**30)
        return super().start(profile)

    def alive(self):
        return {memory for memory, sandbox in zip(self.memory, self.started, strict=True) if sandbox.is_alive()}


@pytest.fixture
def backend():
    return ReadyBackend()


def test_each_spec_is_graded_under_its_own_limits_by_the_same_harnesses(plain, make_spec, monkeypatch):
    one = make_spec(ADDS, checks=1, slug="hw1", memory_bytes=2**30)
    two = make_spec(ADDS, checks=1, slug="hw2", memory_bytes=2**31)
    with Engines(plain, jobs=1) as engines:
        reports = [engines.grade(spec, "model.py", CODE) for spec in (one, two, one)]
        pools = {id(opened.engine._harnesses) for opened in engines._opened.values()}
        assert len(engines._opened) == 2 and len(pools) == 1
    assert [(report.assignment, report.score) for report in reports] == [("hw1", 1), ("hw2", 1), ("hw1", 1)]
    assert {profile.memory_bytes for profile in plain.profiles} == {2**30, 2**31}
    assert not any(sandbox.is_alive() for sandbox in plain.started)


def test_the_least_recently_used_engine_is_closed_when_there_are_too_many(backend):
    with Engines(backend, jobs=1, keep=2) as engines:
        for limits in (SMALL, LARGE, SMALL):
            engines.await_ready(limits)
        assert backend.alive() == {1, 2}
        engines.await_ready(HUGE)
        assert backend.alive() == {1, 3}, "the large one was used longest ago"
        engines.await_ready(LARGE)
        assert backend.alive() == {2, 3}
    assert backend.alive() == set()


def test_limits_that_no_sandbox_feels_share_an_engine(backend):
    with Engines(backend, jobs=2) as engines:
        engines.await_ready(SMALL)
        engines.await_ready(SMALL.model_copy(update={"archive_bytes": 5, "load_s": 1.0}))
    assert backend.memory == [1, 1], "one engine, a sandbox for each job"


def test_an_engine_in_use_is_never_closed_for_another(backend):
    with Engines(backend, jobs=1, keep=1) as engines:
        with engines._engine(SMALL) as used:
            engines.await_ready(LARGE)
            engines.await_ready(HUGE)
            used.await_ready()
            assert 1 in backend.alive()
        engines.await_ready(HUGE)
        assert backend.alive() == {3}


def test_stopping_ends_every_run_at_once(plain, make_spec):
    specs = [
        make_spec(SPINS, checks=2, slug=slug, memory_bytes=size) for slug, size in (("hw1", 2**30), ("hw2", 2**31))
    ]
    engines = Engines(plain, jobs=2)
    gradings = [Grading(engines, spec) for spec in specs]
    assert all(grading.reached.wait(120) for grading in gradings)
    stoppers = [threading.Thread(target=engines.stop) for _ in range(2)]
    for stopper in stoppers:
        stopper.start()
    for grading in gradings:
        assert grading.is_interrupted(), grading.ending
        assert [event.kind for event in grading.events] == UNDER_WAY
    for stopper in stoppers:
        stopper.join()
    assert not any(sandbox.is_alive() for sandbox in plain.started)
    with pytest.raises(TransientError, match="stopped"):
        engines.grade(specs[0], "model.py", CODE)
    with pytest.raises(TransientError, match="stopped"):
        engines.await_ready(SMALL)
