from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from grader.domain.ids import CheckId, PartId, RunId


class CheckStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    TIMEOUT = "timeout"
    SKIPPED = "skipped"


class Visibility(StrEnum):
    """Who may see a check's message, and when."""

    ALWAYS = "always"
    AFTER_DUE = "after_due"
    STAFF = "staff"


class Stage(StrEnum):
    GATE = "gate"
    UNIT = "unit"
    TRAIN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDefinition:
    """One hidden test as its author declared it. `timeout_s` is wall seconds for the whole check."""

    id: CheckId
    part: PartId
    title: str
    points: float
    stage: Stage = Stage.UNIT
    visibility: Visibility = Visibility.ALWAYS
    timeout_s: float = 20.0


class ArtifactKind(StrEnum):
    PICTURE = "picture"
    CURVE = "curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something to look at beside a check's message; whoever may read the message may see it.

    `name` is unique within the check and safe as a file name. `content` is a PNG for a picture; for a curve UTF-8 JSON:
    `{"x": [...], "y": [...], "x_label", "y_label", "threshold": number or null, "direction": "below", "above" or null,
    "band": [low, high] or null}`, where a `y` is null if there was no finite value.
    """

    name: str
    kind: ArtifactKind
    title: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check came to in one run.

    `message` is for the student, `detail` for staff only; `output` is what the student's code printed during
    the check. `points` lies between 0 and `max_points`. `reused_from` is the run that came to it, where it was taken
    over because nothing that made it has changed since; None where this run did.
    """

    id: CheckId
    part: PartId
    title: str
    status: CheckStatus
    points: float
    max_points: float
    visibility: Visibility = Visibility.ALWAYS
    stage: Stage = Stage.UNIT
    message: str = ""
    detail: str = ""
    output: str = ""
    seconds: float = 0.0
    artifacts: tuple[Artifact, ...] = ()
    reused_from: RunId | None = None
