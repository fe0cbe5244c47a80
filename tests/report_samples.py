"""Reports for the tests of formats and of the command line; each keyword replaces a field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grader.domain.check import CheckResult, CheckStatus, Stage, Visibility
from grader.domain.ids import CheckId, PartId, Sha256, Slug
from grader.domain.run import Mark, RunReport, RunStatus, Timing


def a_result(**fields: Any) -> CheckResult:
    plain = CheckResult(
        id=CheckId("A1.forward"), part=PartId("A1"), title="MyConv2d equals a reference", status=CheckStatus.PASSED,
        points=2.0, max_points=2.0, seconds=0.12345,
    )  # fmt: skip
    return replace(plain, **fields)


def a_report(**fields: Any) -> RunReport:
    checks = (
        a_result(),
        a_result(id=CheckId("A1.shape"), title="Shape", status=CheckStatus.FAILED, points=0.0, max_points=1.0,
                 message="Wrong shape.", visibility=Visibility.AFTER_DUE, output="hello\n"),
        a_result(id=CheckId("A2.train"), part=PartId("A2"), title="Training", status=CheckStatus.TIMEOUT, points=0.0,
                 max_points=3.0, message="Too slow.", visibility=Visibility.STAFF, stage=Stage.TRAIN),
        a_result(id=CheckId("A2.more"), part=PartId("A2"), title="More", status=CheckStatus.SKIPPED, points=0.0,
                 max_points=1.0, message="Left out."),
    )  # fmt: skip
    plain = RunReport(
        assignment=Slug("hw1"), spec_version="0123456789ab", file="ada.zip", sha256=Sha256("ab" * 32),
        files=("cnn.ipynb", "report.pdf"), status=RunStatus.GRADED, score=2.0, max_score=7.0,
        mark=Mark(value=2, label="partly"), checks=checks, notes=("A note.",),
        timing=Timing(intake=0.001, sandbox=0.5, load=0.25, checks=1.00004, total=1.75),
    )  # fmt: skip
    return replace(plain, **fields)


def a_rejection(**fields: Any) -> RunReport:
    return a_report(
        **{"status": RunStatus.REJECTED, "score": None, "mark": None, "checks": (), "files": (), "notes": (),
           "message": "The zip file is empty.", **fields}
    )  # fmt: skip


def a_failure(**fields: Any) -> RunReport:
    return a_rejection(**{"status": RunStatus.FAILED, "message": "The harness ended early.", **fields})
