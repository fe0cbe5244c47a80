"""The object that `grader grade --json` prints. Its keys are fixed (docs/cli.md): other tools read them."""

from __future__ import annotations

import json
from typing import Any

from grader.domain.check import CheckResult
from grader.domain.run import RunReport, RunStatus

SCHEMA = 1


def to_json(report: RunReport, *, with_file: bool) -> str:
    """One line of JSON. `with_file` adds the hand-in's name, for the commands that grade several."""
    return json.dumps(to_plain(report, with_file=with_file), allow_nan=False)


def to_plain(report: RunReport, *, with_file: bool) -> dict[str, Any]:
    """The object as plain values. A run that was not graded has no score, and `message` says why."""
    first: dict[str, Any] = {"file": report.file} if with_file else {}
    last = {} if report.status is RunStatus.GRADED else {"message": report.message}
    timing = report.timing
    return (
        first
        | {
            "schema": SCHEMA,
            "assignment": report.assignment,
            "spec_version": report.spec_version,
            "submission": {"sha256": report.sha256, "files": list(report.files)},
            "status": report.status.value,
            "score": report.score,
            "max_score": report.max_score,
            "scale": {
                "value": None if report.mark is None else report.mark.value,
                "label": None if report.mark is None else report.mark.label,
            },
            "checks": [_check(result) for result in report.checks],
            "timing": {
                name: round(getattr(timing, name), 4) for name in ("intake", "sandbox", "load", "checks", "total")
            },
        }
        | last
    )


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "part": result.part,
        "title": result.title,
        "status": result.status.value,
        "points": result.points,
        "max_points": result.max_points,
        "visibility": result.visibility.value,
        "message": result.message,
        "seconds": round(result.seconds, 4),
    }
