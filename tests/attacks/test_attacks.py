"""Hostile hand-ins, graded by a real spec in real sandboxes: each must gain nothing, read nothing and harm nobody.

What an idea must come to stands in its own file. After each that exhausts or escapes, and at the end, a right hand-in
is graded on the same engine and must get full marks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from grader.engine.pipeline import Engine
from tests.attacks import backends, judging
from tests.attacks.canaries import Canaries
from tests.attacks.idea import Idea
from tests.attacks.ideas import all_ideas

# What waits is as much as what computes.
JOBS = 3
IDEAS = all_ideas()
# What aims at the sandbox itself. The others aim at what is outside it, and so are tried in the cheapest one.
WALLS = ("read", "escape")


def _cases() -> Iterator[object]:
    for idea in IDEAS:
        own = "bwrap" if idea.family in WALLS else "fork"
        yield pytest.param(own, idea, id=f"{own}-{idea.name}", marks=pytest.mark.sandbox)
        if idea.on_docker:
            marks = (pytest.mark.sandbox, pytest.mark.docker)
            yield pytest.param("docker", idea, id=f"docker-{idea.name}", marks=marks)


class Yard:
    """One backend's engine and canaries, and the ideas that were asked for, graded side by side."""

    def __init__(self, name: str, ideas: list[Idea]) -> None:
        self._spec = judging.target()
        backend = backends.make(name)
        if backend is None:
            pytest.skip(f"{name} cannot be used here; REQUIRE_SANDBOX=1 makes this a failure")
        self._canaries = Canaries(backend)
        self.engine = Engine(backend, limits=self._spec.assignment.limits, jobs=JOBS, expected=judging.MANY)
        self._canaries.__enter__()
        self._threads = ThreadPoolExecutor(JOBS)
        self._futures = {idea.name: self._threads.submit(self._tried, idea) for idea in ideas}

    def ended(self, idea: Idea) -> tuple[str, ...]:
        future: Future[tuple[str, ...]] = self._futures[idea.name]
        return future.result()

    def close(self) -> list[str]:
        self._threads.shutdown(cancel_futures=True)
        try:
            problems = self.next_student() + self._canaries.problems()
        finally:
            self.engine.close()
            self._canaries.__exit__()
        return problems

    def next_student(self) -> list[str]:
        return judging.next_student(self.engine, self._spec)

    def _tried(self, idea: Idea) -> tuple[str, ...]:
        ended = judging.grade(self.engine, self._spec, idea, self._canaries)
        after = judging.next_student(self.engine, self._spec, {"only": ("A.output",)}) if idea.harms else []
        return (*ended.problems, *after)


@pytest.fixture(scope="module")
def yards(request) -> Iterator[dict[str, Yard]]:
    os.environ.pop("GRADER_SANDBOX", None)
    wanted: dict[str, list[Idea]] = {}
    for item in request.session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if item.module is request.module and "idea" in parameters:
            wanted.setdefault(parameters["backend"], []).append(parameters["idea"])
    opened = {name: Yard(name, ideas) for name, ideas in wanted.items()}
    yield opened
    problems = {name: found for name, yard in opened.items() if (found := yard.close())}
    assert problems == {}, "the next student is not affected, and no canary was touched"


@pytest.mark.parametrize(("backend", "idea"), list(_cases()))
def test_an_idea_ends_as_it_must(yards, backend, idea):
    assert yards[backend].ended(idea) == ()
