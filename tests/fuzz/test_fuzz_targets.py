"""Every target on inputs that are nearly valid, and on every input that was worth keeping."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds_of
from tests.fuzz.strategies import inputs_of
from tests.fuzz.targets import CORPUS, TARGETS

ALL = pytest.mark.parametrize("name", TARGETS)


@ALL
def test_a_target_holds_on_what_is_nearly_valid(name):
    run = TARGETS[name].run

    @settings(settings.get_profile("bounded"))
    @given(inputs_of(name))
    def holds(content):
        run(content)

    holds()


@ALL
def test_a_target_holds_on_anything(name):
    run = TARGETS[name].run

    @settings(settings.get_profile("bounded"))
    @given(st.binary(max_size=200))
    def holds(content):
        run(content)

    holds()


@ALL
def test_a_target_holds_on_its_seeds_and_on_its_corpus(name):
    target = TARGETS[name]
    for content in [*seeds_of(name), *target.inputs]:
        target.run(content)


def test_the_corpora_stay_small_and_belong_to_a_target():
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    assert {path.parent.name for path in files} <= set(TARGETS)
