"""Gradescope's `results.json`, as its autograder documentation describes it."""

from __future__ import annotations

import json
from typing import Any

from grader.domain.check import CheckResult, CheckStatus, Visibility
from grader.domain.run import RunReport, RunStatus
from grader.kit.text import plain

_VISIBILITY = {
    Visibility.ALWAYS: "visible",
    Visibility.AFTER_DUE: "after_due_date",
    Visibility.STAFF: "hidden",
}
# A check that was left out is neither passed nor failed; Gradescope then goes by the score.
_STATUS = {
    CheckStatus.PASSED: "passed",
    CheckStatus.FAILED: "failed",
    CheckStatus.ERROR: "failed",
    CheckStatus.TIMEOUT: "failed",
}
_OUTPUT_LIMIT = 10_000


def to_gradescope(report: RunReport) -> str:
    """The text of `results.json`.

    A rejected hand-in has score 0 and says why. A failed run has no score at all, so that Gradescope shows the
    autograder's failure instead of a mark.
    """
    return json.dumps(to_plain(report), allow_nan=False, indent=2) + "\n"


def to_plain(report: RunReport) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "execution_time": round(report.timing.total),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "output": plain(_output(report), limit=_OUTPUT_LIMIT),
        "extra_data": {
            "assignment": report.assignment,
            "spec_version": report.spec_version,
            "sha256": report.sha256,
            "status": report.status.value,
            "max_score": report.max_score,
            "scale": None if report.mark is None else {"value": report.mark.value, "label": report.mark.label},
        },
    }
    if report.status is RunStatus.GRADED:
        whole |= {"score": report.score, "tests": [_test(result) for result in report.checks]}
    elif report.status is RunStatus.REJECTED:
        whole |= {"score": 0.0, "tests": []}
    return whole


def _output(report: RunReport) -> str:
    lines = [report.message] if report.message else []
    if report.mark is not None:
        lines.append(f"{report.mark.value:g}: {report.mark.label}")
    return "\n".join([*lines, *report.notes])


def _test(result: CheckResult) -> dict[str, Any]:
    printed = f"\n\nYour code printed:\n{result.output}" if result.output else ""
    test: dict[str, Any] = {
        "name": result.title,
        "number": result.id,
        "score": result.points,
        "max_score": result.max_points,
        "visibility": _VISIBILITY[result.visibility],
        "output": plain(result.message + printed, limit=_OUTPUT_LIMIT).strip(),
        "tags": [result.part, result.stage.value],
        "extra_data": {"status": result.status.value, "seconds": round(result.seconds, 4)},
    }
    if result.status in _STATUS:
        test["status"] = _STATUS[result.status]
    return test
