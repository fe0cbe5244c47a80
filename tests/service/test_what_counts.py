"""The formula of grader/domain/adjustment.py, for made-up results and adjustments. No database."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.adjustment import WHOLE, Target, TargetKind, difference_of, target_of, what_counts
from grader.domain.check import CheckStatus
from grader.domain.errors import BadRequest
from grader.domain.score import score_of
from tests import builders

POINTS = st.integers(0, 400).map(lambda hundredths: hundredths / 100)
DIFFERENCES = st.integers(-600, 600).filter(bool).map(lambda hundredths: hundredths / 100)
NAMES = ("A.one", "A.two", "B.one", "C.one")


def check(name):
    return Target(kind=TargetKind.CHECK, id=name)


def part(name):
    return Target(kind=TargetKind.PART, id=name)


def a_result(name, points, possible):
    from grader.domain.check import CheckDefinition

    planned = CheckDefinition(id=name, part=name[0], title=name, points=possible)
    return builders.a_result(planned, CheckStatus.FAILED, points=min(points, possible))


@st.composite
def results(draw):
    return [a_result(name, draw(POINTS), draw(POINTS)) for name in draw(st.lists(st.sampled_from(NAMES), unique=True))]


TARGETS = st.one_of(st.sampled_from([WHOLE]), st.sampled_from(NAMES).map(check), st.sampled_from("ABCD").map(part))
ADJUSTED = st.lists(st.tuples(TARGETS, DIFFERENCES), max_size=6)


@given(results())
def test_where_nothing_was_adjusted_the_runs_score_counts(found):
    counts = what_counts(found, [])
    assert counts.score == score_of(found)
    assert counts.checks == {result.id: result.points for result in found}


@given(results(), ADJUSTED)
def test_it_is_the_documented_formula(found, adjusted):
    """Written once more, as the module's docstring has it."""

    def d(target):
        return sum(points for one, points in adjusted if one == target)

    named = {target for target, _ in adjusted}
    p = {
        result.id: min(result.max_points, max(0.0, result.points + d(check(result.id))))
        if check(result.id) in named
        else result.points
        for result in found
    }
    parts = {result.part for result in found} | {target.id for target in named if target.kind is TargetKind.PART}
    sums = {one: max(0.0, sum(p[result.id] for result in found if result.part == one) + d(part(one))) for one in parts}
    counts = what_counts(found, adjusted)
    assert counts.score == pytest.approx(max(0.0, sum(sums.values()) + d(WHOLE)), abs=0.0051)
    assert counts.parts == {one: pytest.approx(points, abs=0.0051) for one, points in sums.items()}


@given(results(), ADJUSTED)
def test_no_check_leaves_its_bounds_and_nothing_counts_below_zero(found, adjusted):
    counts = what_counts(found, adjusted)
    for result in found:
        assert 0 <= counts.checks[result.id] <= result.max_points
    assert all(points >= 0 for points in counts.parts.values())
    assert counts.score >= 0


@given(results(), ADJUSTED, st.randoms())
def test_the_order_in_which_they_were_made_does_not_matter(found, adjusted, dice):
    shuffled = dice.sample(adjusted, len(adjusted))
    assert what_counts(found, shuffled).score == pytest.approx(what_counts(found, adjusted).score, abs=0.011)


@given(results(), ADJUSTED, TARGETS, DIFFERENCES.map(abs))
def test_more_points_never_count_less(found, adjusted, target, more):
    before = what_counts(found, adjusted).score
    assert what_counts(found, [*adjusted, (target, more)]).score >= before - 0.011


@given(results(), ADJUSTED, POINTS)
def test_an_override_counts_whatever_else_there_is(found, adjusted, override):
    assert what_counts(found, adjusted, override).score == override
    assert what_counts(None, adjusted, override).score == override


@given(ADJUSTED)
def test_without_results_there_is_no_score(adjusted):
    assert what_counts(None, adjusted).score is None


def test_a_mended_check_is_not_paid_twice():
    given_back = [(check("A.one"), 2.0)]
    assert what_counts([a_result("A.one", 0, 2)], given_back).score == 2
    assert what_counts([a_result("A.one", 2, 2)], given_back).score == 2


def test_a_part_takes_nothing_from_another_and_may_have_extra_credit():
    found = [a_result("A.one", 1, 2), a_result("B.one", 2, 2)]
    assert what_counts(found, [(part("A"), -5)]).score == 2
    assert what_counts(found, [(part("A"), 5)]).score == 8
    # A question that a person reads has no check.
    assert what_counts(found, [(part("D"), 3)]).parts["D"] == 3


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf, 0.0, 0.004, -0.004, 2e6])
def test_a_difference_is_a_number_that_changes_something(points):
    with pytest.raises(BadRequest):
        difference_of(points)
    assert difference_of(1.005 + 0.001) == 1.01


@pytest.mark.parametrize(("kind", "name"), [("check", ""), ("part", " "), ("whole", "A"), ("question", "A"), ("", "")])
def test_a_target_is_a_check_or_a_part_by_name_or_the_whole_without(kind, name):
    with pytest.raises(BadRequest):
        target_of(kind, name)
    assert target_of("part", "A") == part("A")
    assert target_of("whole", "") == WHOLE
