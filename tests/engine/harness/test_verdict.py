from __future__ import annotations

import pytest

from grader.domain.errors import (
    CallTimeout,
    GraderError,
    NotDefined,
    ProbeDied,
    ProtocolViolation,
    StudentRaised,
    WrongResult,
)
from grader.engine.harness.authoring import CheckFailed, expect
from grader.engine.harness.verdict import UNEXPLAINED, UNUSABLE, verdict_of


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (None, "passed", ""),
        (CheckFailed("too short"), "failed", "too short"),
        (AssertionError("too short\nassert 3 == 4"), "failed", "too short"),
        (AssertionError("assert 3 == 4"), "failed", UNEXPLAINED),
        (AssertionError(""), "failed", UNEXPLAINED),
        (NotDefined("no CNN"), "failed", "no CNN"),
        (WrongResult("no"), "failed", "no"),
        (StudentRaised("raised"), "error", "raised"),
        (ProbeDied("died"), "error", "died"),
        (ProtocolViolation("lied"), "error", "lied"),
        (CallTimeout("slow"), "timeout", "slow"),
        (AttributeError("'NoneType' has no 'shape'"), "error", UNUSABLE),
    ],
)
def test_each_ending_has_its_status_and_its_sentence(error, status, message):
    assert verdict_of(error)[:2] == (status, message)


def test_staff_read_the_detail_and_students_do_not():
    verdict = verdict_of(AssertionError("assert 3 == 4"), "E  assert 3 == 4")
    assert "3 == 4" in verdict.detail and "3 == 4" not in verdict.message


def test_expect_refuses_what_only_looks_like_a_truth_value():
    with pytest.raises(TypeError):
        expect(1, "no")
    with pytest.raises(CheckFailed):
        expect(False, "no")


def test_every_error_has_a_sentence():
    def walk(kind):
        yield kind
        for sub in kind.__subclasses__():
            yield from walk(sub)

    for kind in walk(GraderError):
        assert str(kind()).endswith("."), kind
