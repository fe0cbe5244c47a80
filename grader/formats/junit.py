"""JUnit XML: a suite per part, a case per check. Points travel as properties, which readers that know none ignore."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

from grader.domain.check import CheckResult, CheckStatus
from grader.domain.run import RunReport, RunStatus

# What XML 1.0 cannot hold, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Readers cut there, or refuse the file.
_TEXT_LIMIT = 20_000


def to_junit(report: RunReport) -> bytes:
    """The report as UTF-8 XML. A run without checks is one case: a failure if rejected, an error if ours."""
    root = Element("testsuites", name=_legal(report.assignment), time=_seconds(report.timing.total))
    for part, results in groupby(report.checks, key=lambda result: result.part):
        _suite(root, report, part, list(results))
    if not report.checks:
        _empty(root, report)
    for counted in ("tests", "failures", "errors", "skipped"):
        root.set(counted, str(sum(int(suite.get(counted, "0")) for suite in root)))
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode").encode()


def _suite(root: Element, report: RunReport, part: str, results: list[CheckResult]) -> None:
    suite = SubElement(root, "testsuite", name=_legal(part), tests=str(len(results)))
    suite.set("failures", str(sum(result.status is CheckStatus.FAILED for result in results)))
    suite.set("errors", str(sum(result.status in (CheckStatus.ERROR, CheckStatus.TIMEOUT) for result in results)))
    suite.set("skipped", str(sum(result.status is CheckStatus.SKIPPED for result in results)))
    suite.set("time", _seconds(sum(result.seconds for result in results)))
    for result in results:
        _case(suite, report, result)


def _case(suite: Element, report: RunReport, result: CheckResult) -> None:
    case = SubElement(
        suite, "testcase", name=_legal(result.id), classname=_legal(f"{report.assignment}.{result.part}"),
        time=_seconds(result.seconds),
    )  # fmt: skip
    properties = SubElement(case, "properties")
    for name, value in (
        ("title", result.title), ("points", f"{result.points:g}"), ("max_points", f"{result.max_points:g}"),
        ("visibility", result.visibility.value),
    ):  # fmt: skip
        SubElement(properties, "property", name=name, value=_legal(value))
    if result.status is CheckStatus.SKIPPED:
        SubElement(case, "skipped", message=_legal(result.message))
    elif result.status is not CheckStatus.PASSED:
        kind = "failure" if result.status is CheckStatus.FAILED else "error"
        SubElement(case, kind, type=result.status.value, message=_legal(result.message)).text = _legal(result.message)
    if result.output:
        SubElement(case, "system-out").text = _legal(result.output)


def _empty(root: Element, report: RunReport) -> None:
    rejected = report.status is RunStatus.REJECTED
    suite = SubElement(root, "testsuite", name="submission", tests="1", skipped="0", time="0.000")
    suite.set("failures", str(int(rejected)))
    suite.set("errors", str(int(not rejected)))
    case = SubElement(suite, "testcase", name="submission", classname=_legal(report.assignment), time="0.000")
    kind = "failure" if rejected else "error"
    SubElement(case, kind, type=report.status.value, message=_legal(report.message)).text = _legal(report.message)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("", text)[:_TEXT_LIMIT]


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
