from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckResult, Stage
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
class RunFacts:
    """How a run went, for staff alone.

    `sandbox` is the backend's name, `sandboxes` how many the run used, `endings` the reason each of them stopped (the
    last is `killed` when all went well: we stop it). `peak_bytes` is the highest memory use of any of them and `cpu_s`
    the processor seconds of all of them, as the host measured; None where it cannot tell. `gpu` names the GPU that was
    trained on, if any, and `gpu_s` is for how many seconds the whole of it was taken: half a share counts half. `seed`
    repeats the run's randomness, `torch` is the version on the trusted side. `files` holds (path, status, note) for
    each code file as loading reported it: a claim of the sandbox, folded to one line each and cut to the first hundred.
    `flags` are sentences on what looks deliberate (`grader.engine.flags` says which there are): they change no score.
    """

    sandbox: str = ""
    sandboxes: int = 0
    endings: tuple[str, ...] = ()
    peak_bytes: int | None = None
    cpu_s: float | None = None
    seed: str = ""
    torch: str = ""
    gpu: str = ""
    gpu_s: float | None = None
    files: tuple[tuple[str, str, str], ...] = ()
    flags: tuple[str, ...] = ()


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
    facts: RunFacts = field(default_factory=RunFacts)


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
    """Something that happened in a run that is still going.

    | `kind` | filled | when |
    | --- | --- | --- |
    | `plan` | `plan`: every check of the spec, in the document's order | before anything runs |
    | `stage` | `stage` | the first check of a stage is about to run; all results of the stage before are there |
    | `started` | `check_id` | a check begins |
    | `check` | `check_id`, `result` | a check came to its result |

    A run that lost its sandbox for our reasons begins again, with a plan: what was told before counts no longer.
    """

    kind: str
    check_id: str | None = None
    result: CheckResult | None = None
    plan: tuple[CheckDefinition, ...] = ()
    stage: Stage | None = None
