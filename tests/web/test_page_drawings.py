"""Curves and histograms as geometry, cards as they are laid out, runs compared; pure."""

from __future__ import annotations

import json

import pytest

from grader.domain.check import CheckDefinition, CheckStatus, Visibility
from grader.domain.grading import GradingRun, RunReason, RunState
from grader.domain.ids import RunId, SubmissionId
from grader.web import charts
from grader.web.card import card_of
from grader.web.compare import compare
from grader.web.facts import claims_of, notes_of
from tests import builders
from tests.web.scene import a_curve, failed, passed


def test_a_curve_runs_from_edge_to_edge_and_down_as_it_falls():
    drawn = charts.curve("Loss", a_curve())
    places = [tuple(map(float, point.split(","))) for point in drawn.lines[0].split()]
    assert places[0][0] == pytest.approx(drawn.axes.left)
    assert places[-1][0] == pytest.approx(drawn.axes.right)
    assert places[0][1] < places[-1][1]
    assert places[0][1] < drawn.threshold_y < places[-1][1]
    assert drawn.band[1] > 0
    assert drawn.threshold_label == "below 1.9"


def test_values_that_are_not_finite_leave_a_gap_and_say_so():
    drawn = charts.curve("Loss", a_curve(x=[0, 1, 2, 3, 4], y=[1.0, None, 2.0, 3.0, None]))
    assert len(drawn.lines) == 1
    assert len(drawn.dots) == 1
    assert [row.y for row in drawn.rows] == ["1", "no finite value", "2", "3", "no finite value"]


@pytest.mark.parametrize("y", [[5.0, 5.0], [0.0, 0.0], [1e-9, 2e-9], [-3.0, 1e9]])
def test_flat_tiny_and_huge_curves_stay_inside_the_frame(y):
    drawn = charts.curve("Loss", a_curve(x=[0, 1], y=y, threshold=None, band=None))
    for point in drawn.lines[0].split():
        assert drawn.axes.top <= float(point.split(",")[1]) <= drawn.axes.bottom
    assert 2 <= len(drawn.axes.y_ticks) <= 12


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"x": [1], "y": []}', b'{"x": ["a"], "y": [1]}', b'{"x": [1], "y": [null]}',
        b"\xff", json.dumps({"x": [1], "y": [1], "threshold": "much"}).encode(),
        json.dumps({"x": list(range(9000)), "y": [1] * 9000}).encode(), b'{"x": [NaN], "y": [1]}',
        b'{"x": [Infinity, 1], "y": [1, 1]}',
    ],
)  # fmt: skip
def test_json_that_is_no_curve_is_no_drawing(content):
    assert charts.curve("Loss", content) is None


def test_a_long_table_keeps_its_last_row():
    drawn = charts.curve("Loss", a_curve(x=list(range(1000)), y=[1.0] * 1000))
    assert len(drawn.rows) <= 61
    assert drawn.rows[-1].x == "999"


@pytest.mark.parametrize("most", [1, 3, 7, 30, 999])
def test_the_highest_column_is_the_highest_count_and_ticks_are_whole(most):
    bins = tuple((4.0 * index, 4.0 * index + 4, most if index == 9 else 1) for index in range(10))
    drawn = charts.histogram(bins, max_score=40)
    assert max(drawn.bars, key=lambda bar: bar.height).students == most
    assert all(bar.y >= drawn.axes.top for bar in drawn.bars)
    assert all(tick.label.isdecimal() for tick in drawn.axes.y_ticks)


def test_no_students_are_no_histogram():
    assert charts.histogram((), max_score=40) is None
    assert charts.histogram(((0.0, 4.0, 0),), max_score=40) is None


def test_uploads_have_a_column_each_and_the_last_says_that_it_holds_all_above():
    drawn = charts.uploads([(1, 4), (2, 0), (3, 2)])
    assert [tick.label for tick in drawn.axes.x_ticks] == ["1", "2", "3+"]
    assert [bar.label for bar in drawn.bars] == ["1", "2", "3 or more"]
    for tick, bar in zip(drawn.axes.x_ticks, drawn.bars, strict=True):
        assert tick.at == pytest.approx(bar.x + bar.width / 2)
    assert drawn.summary == "By uploads until full marks; most, 4, needed 1."
    assert charts.uploads([]) is None
    assert charts.uploads([(1, 0), (2, 0)]) is None


def a_run(plan, checks, **changes):
    values = {
        "id": RunId("r"), "submission": SubmissionId("s"), "spec_version": "v", "reason": RunReason.UPLOAD,
        "state": RunState.GRADING, "score": None, "max_score": 5.0, "mark": None, "created_at": None,
        "plan": plan, "checks": checks,
    }  # fmt: skip
    return GradingRun(**(values | changes))


def a_card(run, withheld=()):
    return card_of(run, builders.a_definition(), withheld=frozenset(withheld), curves={}, place=None)


def test_a_card_keeps_the_plans_order_whatever_order_results_come_in():
    plan = builders.a_plan()
    card = a_card(a_run(plan, (passed(plan[2]), passed(plan[0]))))
    assert [check.id for part in card.parts for check in part.checks] == [check.id for check in plan]
    assert [check.status for check in card.parts[0].checks] == ["passed", "waiting", "passed"]
    assert (card.done, card.planned, card.sum_so_far) == (2, 4, 2)


def test_results_come_before_their_plan_without_being_lost():
    plan = builders.a_plan()
    card = a_card(a_run((), (passed(plan[0]),)))
    assert card.parts[0].checks[0].status == "passed"


def test_a_check_of_a_part_that_is_no_more_is_still_shown():
    stray = CheckDefinition(id="Z.x", part="Z", title="Old", points=1)
    card = a_card(a_run((stray,), (failed(stray),)))
    assert [part.title for part in card.parts] == ["Other checks"]
    assert card.lost[0].title == "Old"


def test_a_part_with_something_kept_back_has_no_sum():
    plan = builders.a_plan()
    later = CheckDefinition(id="A.two", part="A", title="Two", points=2, visibility=Visibility.AFTER_DUE)
    card = a_card(a_run((*plan[:2], later, plan[3]), (passed(plan[1]), passed(plan[3]))), withheld={"A.two"})
    assert card.parts[0].points is None
    assert card.parts[1].points == 2
    assert (card.withheld, card.hidden) == (1, 0)


def test_runs_differ_where_status_or_points_do():
    plan = builders.a_plan()
    older = a_run(plan, (passed(plan[0]), passed(plan[1]), failed(plan[2])), score=1.0)
    newer = a_run(plan, (passed(plan[0]), passed(plan[1], points=0.5), failed(plan[2], status=CheckStatus.ERROR), passed(plan[3])), score=2.5)  # fmt: skip
    found = compare(older, newer)
    assert [(one.id, one.change) for one in found.differences] == [("A.one", -0.5), ("A.two", 0.0), ("B.learns", 2.0)]
    assert (found.same, found.change) == (1, 1.5)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"unit": None},
        {"unit": []},
        {"unit": {"files": 3, "endings": "x", "cpu_s": "y", "timing": 1}},
        {"train": {"files": [[1], "x"]}},
    ],
)
def test_facts_in_any_shape_break_no_page(facts):
    assert isinstance(notes_of(facts), tuple)
    assert isinstance(claims_of(facts), tuple)
