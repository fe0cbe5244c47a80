"""What persons give, as a pure function: held to its definition with made-up rubrics and gradings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.adjustment import WHOLE, Target, TargetKind, what_counts
from grader.domain.assignment import ManualItem, Scale
from grader.domain.errors import BadRequest
from grader.domain.rubric import Grading, Item, RubricItem, by_persons, free_points_of, points_of
from grader.domain.score import mark_of, mark_with
from tests import builders

HUNDREDTHS = st.integers(-2000, 2000).map(lambda cents: cents / 100)
KEYS = tuple("abcd")


@st.composite
def an_item(draw, name="B.why"):
    lines = [RubricItem(key=key, label=key, points=draw(HUNDREDTHS)) for key in KEYS]
    points = draw(st.integers(0, 1000).map(lambda cents: cents / 100))
    return Item(
        id=name, part=name[0], title="", guide="", points=points, is_extra=draw(st.booleans()), rubric=tuple(lines)
    )


def a_grading(item, applied=(), free=0.0):
    return Grading(
        id=1, item=item, applied=tuple(applied), free_points=free, comment="", made_at=datetime.now(UTC), made_by="x"
    )


@given(an_item(), st.lists(st.sampled_from([*KEYS, "gone"])), HUNDREDTHS)
def test_an_items_points_are_the_sum_within_its_bounds(item, applied, free):
    total = sum(line.points for line in item.rubric if line.key in applied) + free
    points = points_of(item, applied, free)
    if not item.counts:
        assert points == 0
    elif item.is_extra:
        assert points == pytest.approx(max(0, total), abs=0.006)
    else:
        assert points == pytest.approx(min(item.points, max(0, total)), abs=0.006)
    assert points >= 0


@given(st.lists(st.tuples(an_item(), st.booleans()), max_size=5))
def test_what_waits_and_what_is_given_are_all_there_is(drawn):
    items = [
        Item(id=f"{number}", part="B", title="", guide="", points=one.points, is_extra=one.is_extra, rubric=one.rubric)
        for number, (one, _) in enumerate(drawn)
    ]
    graded = [item.id for item, (_, is_graded) in zip(items, drawn, strict=True) if is_graded]
    found = by_persons(items, [a_grading(item) for item in [*graded, "of another version"]])
    counting = {item.id for item in items if item.counts}
    assert set(found.waiting) | set(found.points) == counting
    assert not set(found.waiting) & set(found.points)
    assert found.full == pytest.approx(sum(item.points for item in items if not item.is_extra))
    assert 0 <= found.waiting_points <= found.full + 1e-9
    assert (found.given is None) == (not found.points)


@given(HUNDREDTHS, HUNDREDTHS, st.integers(0, 500).map(lambda cents: cents / 100))
def test_they_are_part_of_their_part_before_its_adjustment(for_part, for_whole, points):
    results = [builders.a_result(check) for check in builders.a_plan()]
    adjusted = [(Target(kind=TargetKind.PART, id="B"), for_part), (WHOLE, for_whole)]
    found = what_counts(results, adjusted, items=[("B", points)])
    part = max(0, 2 + points + for_part)
    assert found.parts["B"] == pytest.approx(part, abs=0.006)
    assert found.score == pytest.approx(max(0, 3 + part + for_whole), abs=0.006)
    assert what_counts(results, adjusted) == what_counts(results, adjusted, items=())


SCALE = Scale.model_validate(
    {
        "step": [{"share": 0, "value": 0, "label": "none"}, {"share": 0.5, "value": 4, "label": "right"}],
        "by_person": [{"share": 0.9, "value": 5, "label": "creative"}],
    }
)


@given(st.integers(0, 100), st.sampled_from([None, 4, 5, 6]))
def test_a_given_mark_counts_from_its_share_on_and_no_other_is_one(score, mark):
    found = mark_with(SCALE, score, 100, mark)
    if mark == 5 and score >= 90:
        assert (found.value, found.label) == (5, "creative")
    else:
        assert found == mark_of(SCALE, score, 100)


def test_nothing_possible_reaches_no_share():
    assert mark_with(SCALE, 0, 0, 5).value == 0


@pytest.mark.parametrize("points", [float("nan"), float("inf"), -float("inf"), 1e9])
def test_points_are_a_number(points):
    with pytest.raises(BadRequest):
        free_points_of(points)


def test_what_a_spec_says_of_an_item():
    plain = ManualItem.model_validate({"id": "A.x", "title": "X"})
    # Older code refuses words that it does not know: what says nothing is not published.
    assert set(plain.model_dump(mode="json")) == {"id", "title", "guide"}
    line = {"id": "one", "label": "One", "points": 1}
    for wrong in (
        {"points": -1},
        {"rubric": [line, line]},
        {"rubric": [line | {"id": "r1"}]},
        {"rubric": [line | {"label": ""}]},
        {"rubric": [line | {"points": float("nan")}]},
    ):
        with pytest.raises(ValidationError):
            ManualItem.model_validate({"id": "A.x", "title": "X"} | wrong)


def test_a_scale_may_be_of_percent_or_of_points():
    with_person = {"by_person": [{"share": 0.9, "value": 101, "label": "creative"}]}
    percent, points = (Scale.model_validate({"of": kind} | with_person) for kind in ("percent", "points"))
    assert (mark_of(percent, 26.5, 40).value, mark_of(percent, 26.5, 40).label) == (66.25, "percent")
    assert (mark_of(points, 26.5, 40).value, mark_of(points, 26.5, 40).label) == (26.5, "points")
    assert mark_of(percent, 0, 0).value == 0
    assert mark_with(percent, 36, 40, 101).label == "creative"
    assert mark_with(percent, 35, 40, 101).value == 87.5
    assert "of" not in SCALE.model_dump(mode="json")
    for wrong in ({}, {"of": "percent", "step": [{"share": 0, "value": 0, "label": "none"}]}, {"of": "letters"}):
        with pytest.raises(ValidationError):
            Scale.model_validate(wrong)
