"""Runs and check results as the API writes them; what a reader may see was decided in `grader.service.visibility`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from pydantic import Field

from grader.api.schemas.assignments import StateName
from grader.api.schemas.common import Answer, Mark, Time
from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckResult
from grader.domain.grading import GradingRun, StageFacts, StoredArtifact

ReasonName = Literal["upload", "rerun", "mass-rerun"]
StageName = Literal["gate", "unit", "train"]
StatusName = Literal["passed", "failed", "error", "timeout", "skipped"]
VisibilityName = Literal["always", "after_due", "staff"]
KindName = Literal["picture", "curve"]


class ArtifactAnswer(Answer):
    """`GET /artifacts/{id}` gives its bytes."""

    id: str = Field(examples=["0198c0de-8a11-7f52-8a3e-6a1f0c9be27d"])
    kind: str = Field(examples=["picture"])
    name: str = Field(examples=["colours"])
    title: str = Field(examples=["Colourised images beside the truth"])


class CheckAnswer(Answer):
    """`status` is null while the check is waiting, or (`withheld`) not yet shown to this reader."""

    id: str = Field(examples=["A1"])
    part: str = Field(examples=["A"])
    title: str = Field(examples=["MyConv2d equals a reference convolution"])
    stage: StageName
    status: StatusName | None
    withheld: bool = False
    points: float | None = Field(examples=[2.0])
    max_points: float = Field(examples=[2.0])
    visibility: VisibilityName
    message: str = ""
    output: str = Field(default="", description="What the student's code printed during the check.")
    seconds: float | None = Field(examples=[0.4])
    artifacts: list[ArtifactAnswer] = Field(default_factory=list)


class StaffCheckAnswer(CheckAnswer):
    """`reused_from` is the run that came to the result, where nothing that made it has changed since."""

    detail: str
    reused_from: str | None = None


class PartAnswer(Answer):
    """`points` is null while nothing of the part is there, or something of it is withheld."""

    id: str = Field(examples=["A"])
    title: str = Field(examples=["Convolution"])
    points: float | None = Field(examples=[8.0])
    max_points: float = Field(examples=[10.0])


class StageAnswer(Answer):
    """One stage of a run; `problem` is for staff."""

    stage: StageName
    queue: Literal["cpu", "gpu", "rerun"]
    state: Literal["waiting", "leased", "done", "failed"]
    worker: str | None
    attempts: int
    problem: str
    started_at: Time | None
    finished_at: Time | None


class RunAnswer(Answer):
    """One judging of a submission by one spec version."""

    id: str = Field(examples=["0198c0de-7d40-7b1e-b4c1-93f1b1f7f7aa"])
    state: StateName
    reason: ReasonName
    spec_version: str = Field(examples=["0f3a5a1f6a10"])
    score: float | None = Field(examples=[38.5])
    max_score: float = Field(examples=[40.0])
    scale: Mark | None
    message: str
    notes: list[str]
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    parts: list[PartAnswer]
    checks: list[StaffCheckAnswer | CheckAnswer]


class StaffRunAnswer(RunAnswer):
    facts: dict[str, Any]
    stages: list[StageAnswer]
    requested_by: str | None


def run_answer(run: GradingRun, definition: Assignment, *, withheld: frozenset[str], for_staff: bool) -> RunAnswer:
    """The run as it was shown to this reader. `withheld` holds ids of checks that will not be shown yet."""
    checks = _checks(run, withheld, for_staff=for_staff)
    answer = RunAnswer(
        id=run.id,
        state=run.state.value,
        reason=run.reason.value,
        spec_version=run.spec_version,
        score=run.score,
        max_score=run.max_score,
        scale=None if run.mark is None else Mark(value=run.mark.value, label=run.mark.label),
        message=run.message,
        notes=list(run.notes),
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        parts=_parts(definition, checks, run.parts),
        checks=checks,
    )
    if not for_staff:
        return answer
    stages = [_stage(facts) for facts in run.stages]
    return StaffRunAnswer(**dict(answer), facts=run.facts, stages=stages, requested_by=run.requested_by)


def _checks(run: GradingRun, withheld: frozenset[str], *, for_staff: bool) -> list[CheckAnswer]:
    """Every check of the plan in its order, then results the plan does not name (its worker has not told it yet)."""
    results = {result.id: result for result in run.checks}
    pictures: dict[str, list[StoredArtifact]] = {}
    for artifact in run.artifacts:
        pictures.setdefault(artifact.check, []).append(artifact)
    planned = {definition.id for definition in run.plan}
    answers = [
        _judged(results[definition.id], pictures.get(definition.id, ()), for_staff=for_staff)
        if definition.id in results
        else _waiting(definition, withheld=definition.id in withheld, for_staff=for_staff)
        for definition in run.plan
    ]
    return answers + [
        _judged(result, pictures.get(result.id, ()), for_staff=for_staff)
        for result in run.checks
        if result.id not in planned
    ]


def _judged(result: CheckResult, artifacts: Sequence[StoredArtifact], *, for_staff: bool) -> CheckAnswer:
    answer = CheckAnswer(
        id=result.id,
        part=result.part,
        title=result.title,
        stage=result.stage.value,
        status=result.status.value,
        points=result.points,
        max_points=result.max_points,
        visibility=result.visibility.value,
        message=result.message,
        output=result.output,
        seconds=result.seconds,
        artifacts=[
            ArtifactAnswer(id=artifact.id, kind=artifact.kind, name=artifact.name, title=artifact.title)
            for artifact in artifacts
        ],
    )
    if not for_staff:
        return answer
    return StaffCheckAnswer(**dict(answer), detail=result.detail, reused_from=result.reused_from)


def _waiting(definition: CheckDefinition, *, withheld: bool, for_staff: bool) -> CheckAnswer:
    answer = CheckAnswer(
        id=definition.id,
        part=definition.part,
        title=definition.title,
        stage=definition.stage.value,
        status=None,
        withheld=withheld,
        points=None,
        max_points=definition.points,
        visibility=definition.visibility.value,
        seconds=None,
    )
    return StaffCheckAnswer(**dict(answer), detail="") if for_staff else answer


def _parts(definition: Assignment, checks: Sequence[CheckAnswer], judged: Collection[str] | None) -> list[PartAnswer]:
    return [
        PartAnswer(id=part.id, title=part.title, points=_points(part.id, checks), max_points=part.points)
        for part in definition.part
        if judged is None or part.id in judged
    ]


def _points(part: str, checks: Sequence[CheckAnswer]) -> float | None:
    ours = [check for check in checks if check.part == part]
    shown = [check.points for check in ours if check.points is not None]
    # A sum of what is shown would read as the part's points.
    return None if not shown or any(check.withheld for check in ours) else sum(shown)


def _stage(facts: StageFacts) -> StageAnswer:
    return StageAnswer(
        stage=facts.stage.value,
        queue=facts.queue.value,
        state=facts.state.value,
        worker=facts.worker,
        attempts=facts.attempts,
        problem=facts.problem,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
    )
