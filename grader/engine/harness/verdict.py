"""From how a test function ended to a check's status and the sentences for student and staff. Pure."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from grader.domain.check import CheckStatus
from grader.domain.errors import (
    CallTimeout,
    NotDefined,
    ProbeDied,
    ProtocolViolation,
    StudentFault,
    StudentRaised,
    WrongResult,
)
from grader.engine.harness.authoring import CheckFailed
from grader.kit.text import plain

UNEXPLAINED = "The result is not what the check expects."
UNUSABLE = (
    "Your code gave back something the check cannot work with (a wrong type, a missing attribute or a wrong shape)."
)


class Verdict(NamedTuple):
    """A check's status, the sentence for the student, and what staff may read."""

    status: CheckStatus
    message: str = ""
    detail: str = ""


_FAULTS: tuple[tuple[type[StudentFault], CheckStatus], ...] = (
    (CallTimeout, CheckStatus.TIMEOUT),
    (NotDefined, CheckStatus.FAILED),
    (WrongResult, CheckStatus.FAILED),
    (StudentRaised, CheckStatus.ERROR),
    (ProbeDied, CheckStatus.ERROR),
    (ProtocolViolation, CheckStatus.ERROR),
)


def verdict_of(error: BaseException | None, detail: str = "") -> Verdict:
    """The verdict for the exception a check ended with; None means it passed."""
    if error is None:
        return Verdict(CheckStatus.PASSED)
    notes = "\n".join(getattr(error, "__notes__", ()))
    detail = plain(f"{notes}\n{detail}".strip(), limit=20_000)
    if isinstance(error, pytest.skip.Exception):
        return Verdict(CheckStatus.SKIPPED, plain(str(error)), "")
    if isinstance(error, StudentFault):
        status = next((status for kind, status in _FAULTS if isinstance(error, kind)), CheckStatus.ERROR)
        return Verdict(status, plain(str(error), limit=1200), detail)
    if isinstance(error, CheckFailed):
        return Verdict(CheckStatus.FAILED, plain(str(error), limit=1200), detail)
    if isinstance(error, AssertionError):
        return Verdict(CheckStatus.FAILED, _authors_words(str(error)) or UNEXPLAINED, detail)
    return Verdict(CheckStatus.ERROR, UNUSABLE, detail)


def with_cause(verdict: Verdict, cause: str) -> Verdict:
    """A failed check in the words of what made it fail, if that is known; the check's own go to staff."""
    if not cause or verdict.status is not CheckStatus.FAILED:
        return verdict
    return verdict._replace(message=cause, detail=f"{verdict.message}\n{verdict.detail}".strip())


def _authors_words(text: str) -> str:
    """The author's own message of a plain assert; what pytest adds (`assert 3 == 4`) shows expected values."""
    head = text.split("\nassert ", 1)[0]
    return "" if head.startswith("assert ") else plain(head, limit=1200)
