"""Values in the words of pages; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.grading import RunState
from grader.web import words

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (2.5, "2.5"), (2.25, "2.25"), (0.0, "0"), (-0.001, "0"), (40.0, "40"), (1 / 3, "0.33"), (None, "–")],
)
def test_points_have_no_trailing_zeros(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=-12), "12 minutes ago"),
        (timedelta(seconds=50), "in 1 minute"),
        (timedelta(hours=2), "in 2 hours"),
        (timedelta(hours=35), "in 35 hours"),
        (timedelta(hours=37), "in 2 days"),
        (timedelta(days=-20), "20 days ago"),
        (timedelta(days=90), "in 3 months"),
    ],
)
def test_times_are_as_far_away_as_people_say(away, text):
    assert words.relative(NOON + away, NOON) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1 point"),
        (10, "10 points"),
        (1000, "1,000 points"),
        (1.0, "1 point"),
        (20.0, "20 points"),
        (0.5, "0.5 points"),
    ],
)
def test_a_number_of_things_has_no_trailing_zeros_either(number, text):
    assert words.count(number, "point") == text


def test_moments_are_in_the_courses_time_zone():
    assert words.moment(NOON, "Europe/Istanbul") == "Sat 21 Nov 2026, 15:00"
    assert words.second_of(NOON, "Europe/Istanbul") == "2026-11-21 15:00:00 +03:00"
    assert words.machine_time(NOON) == "2026-11-21T12:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.04, "40 ms"),
        (0.4, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h 0 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "a few seconds"),
        (40, "less than a minute"),
        (60, "about 1 minute"),
        (200, "about 3 minutes"),
        (9000, "about 2 hours"),
    ],
)
def test_estimates_are_said_as_guesses(seconds, text):
    assert words.estimate(seconds) == text


def test_sizes_and_limits():
    assert [words.size(n) for n in (1, 812, 48_213, 3_400_000)] == ["1 byte", "812 bytes", "48.2 kB", "3.4 MB"]
    assert words.limit(64 * 2**20) == "64 MiB"
    assert words.limit(5000) == "5,000 bytes"


def test_every_state_and_status_has_a_word():
    from grader.domain.check import CheckStatus
    from grader.domain.grading import RunReason, StageState

    assert all(words.state_word(state) for state in [*RunState, None, "missing"])
    assert all(words.status_word(status) for status in [*CheckStatus, "waiting", "withheld", "hidden"])
    assert all(words.reason_word(reason) for reason in RunReason)
    assert all(words.stage_state_word(state) for state in StageState)
