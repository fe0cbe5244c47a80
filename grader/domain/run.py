from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from grader.domain.assignment import Assignment
from grader.domain.check import CheckResult
from grader.domain.ids import Sha256, Slug


class RunStatus(StrEnum):
    """`failed` is our fault and has no score; `rejected` means that nothing gradable came in."""

    GRADED = "graded"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Wall seconds: listing the upload, waiting for sandbox and harness, loading, checks, all."""

    intake: float = 0.0
    sandbox: float = 0.0
    load: float = 0.0
    checks: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark on the course's own scale; `label` says what it means."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything one run came to. `score` and `mark` are None unless the run was graded."""

    assignment: Slug
    spec_version: str
    file: str
    sha256: Sha256
    files: tuple[str, ...]
    status: RunStatus
    score: float | None
    max_score: float
    mark: Mark | None
    checks: tuple[CheckResult, ...] = ()
    timing: Timing = field(default_factory=Timing)
    message: str = ""
    notes: tuple[str, ...] = ()


def without_checks(
    assignment: Assignment, *, spec_version: str, file: str, sha256: str, status: RunStatus, message: str = ""
) -> RunReport:
    """The report of a run in which no check came to a result; it has no score."""
    return RunReport(
        assignment=Slug(assignment.slug),
        spec_version=spec_version,
        file=file,
        sha256=Sha256(sha256),
        files=(),
        status=status,
        score=None,
        max_score=assignment.max_points,
        mark=None,
        message=message,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run that is still going: a check was started, or came to its result."""

    kind: str
    check_id: str | None = None
    result: CheckResult | None = None
