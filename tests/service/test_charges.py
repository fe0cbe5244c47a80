"""What each upload of a term is charged: the rule alone, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grader.domain.assignment import LatePolicy
from grader.domain.gradebook import Candidate, counting_candidate
from grader.domain.grading import Counting, RunState
from grader.domain.late import Upload, charges, days_after, late_days, penalised, penalty

DUE = datetime(2026, 3, 2, 20, 59, tzinfo=UTC)


def uploads(*late, budget=5):
    """(assignment, late days) of uploads, each an hour after the one before."""
    return [
        Upload(submission=str(n), assignment=where, received_at=DUE + timedelta(hours=n), late_days=days, budget=budget)
        for n, (where, days) in enumerate(late)
    ]


def told(*late, **values):
    return [(one.used, one.beyond, one.days_left) for one in charges(uploads(*late, **values)).values()]


@pytest.mark.parametrize(
    ("minutes", "grace", "days"),
    [(0, 0, 0), (0.1, 0, 1), (9.9, 10, 0), (10, 10, 0), (10.1, 10, 1), (24 * 60, 0, 1), (24 * 60 + 1, 0, 2),
     (24 * 60 + 9, 10, 1), (24 * 60 + 11, 10, 2), (-60, 0, 0)],
)  # fmt: skip
def test_a_day_is_charged_when_it_has_started_and_its_grace_minutes_are_over(minutes, grace, days):
    assert late_days(DUE + timedelta(minutes=minutes), DUE, grace) == days
    assert late_days(DUE + timedelta(minutes=minutes), None, grace) == 0


def test_an_assignments_days_are_charged_once_and_the_terms_are_all_assignments():
    assert told((1, 1), (1, 2), (1, 2), (2, 3)) == [(1, 0, 4), (1, 0, 3), (0, 0, 3), (3, 0, 0)]


def test_what_the_term_does_not_cover_is_beyond_it():
    assert told((1, 4), (2, 3), (3, 1)) == [(4, 0, 1), (1, 2, 0), (0, 1, 0)]


def test_an_assignment_without_days_of_its_own_uses_none_of_the_others():
    without = uploads((1, 3), budget=0)
    later = uploads((2, 0), (2, 4), budget=5)[1]
    assert [one.used for one in charges([*without, later]).values()] == [0, 4]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 6)), max_size=8), st.integers(0, 6))
def test_no_more_than_the_budget_is_ever_used_and_nobody_is_charged_for_later_uploads(late, budget):
    found = list(charges(uploads(*late, budget=budget)).values())
    assert sum(one.used for one in found) <= budget
    for one, (_, days) in zip(found, late, strict=True):
        assert 0 <= one.used <= days
        assert 0 <= one.beyond <= days
        assert one.late_days == days
    assert found == list(charges(uploads(*late, (1, 6), budget=budget)).values())[:-1]


def test_a_penalty_is_a_share_for_each_day_up_to_the_most():
    policy = LatePolicy(beyond="penalise", penalty_per_day=0.1, most_penalty=0.25)
    assert [penalty(policy, days) for days in (0, 1, 2, 3, 9)] == [0.0, 0.1, 0.2, 0.25, 0.25]
    assert penalised(7.77, 0.1) == 6.99
    assert penalty(LatePolicy(beyond="flag"), 3) == 0.0


def test_old_policies_mean_what_they_meant_and_published_ones_stay_readable_for_older_code():
    assert (LatePolicy().beyond_days, LatePolicy(refuse_after_extension=False).beyond_days) == ("refuse", "flag")
    assert set(LatePolicy().model_dump()) == {"extension_days_per_term", "refuse_after_extension"}
    for bad in ({"beyond": "penalise"}, {"penalty_per_day": 0.1}, {"beyond": "flag", "penalty_per_day": 0.1},
                {"most_penalty": 0.0}, {"grace_minutes": -1}):  # fmt: skip
        with pytest.raises(ValidationError):
            LatePolicy.model_validate(bad)


def test_a_day_of_an_extension_is_the_same_time_of_day_where_clocks_change():
    # Istanbul's clocks stay; Berlin's go forward on 29 March 2026.
    due = datetime(2026, 3, 28, 22, 59, tzinfo=UTC)
    assert days_after(due, 1, "Europe/Berlin") == due + timedelta(hours=23)
    assert days_after(due, 1, "Europe/Istanbul") == due + timedelta(hours=24)


def test_the_chosen_one_counts_when_it_has_a_score_else_the_last():
    def candidate(number, score):
        received_at = DUE + timedelta(hours=number)
        return Candidate(submission=str(number), received_at=received_at, run=None, state=RunState.GRADED, score=score)

    tried = [candidate(1, 2.0), candidate(2, 3.0), candidate(3, None)]
    counted = [counting_candidate(tried, Counting.CHOSEN, chosen).submission for chosen in ("1", "2", "3", "9", None)]
    assert counted == ["1", "2", "2", "2", "2"]
