from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckResult, CheckStatus, Stage, Visibility
from grader.domain.grading import (
    EarlierRun,
    GradingRun,
    Queue,
    RunReason,
    RunState,
    StageFacts,
    StageState,
    StoredArtifact,
)
from grader.domain.ids import ArtifactId, CheckId, PartId, RunId, Sha256, SubmissionId
from grader.domain.run import Mark
from grader.storage.database import Work
from grader.storage.models import (
    ArtifactRow,
    AssignmentRow,
    CheckResultRow,
    PersonRow,
    RunRow,
    SpecVersionRow,
    StageRow,
    SubmissionRow,
)
from grader.storage.plain_text import keepable

_RESULT_FIELDS = (
    "part", "title", "stage", "status", "points", "max_points", "visibility", "message", "detail", "output", "seconds",
    "reused_from",
)  # fmt: skip


class RunWithItsOrigin(NamedTuple):
    run: RunRow
    submission: SubmissionRow
    version: SpecVersionRow
    assignment: AssignmentRow


def add(
    work: Work,
    *,
    submission_id: UUID,
    spec_version_id: int,
    reason: RunReason,
    seed: str,
    max_score: float,
    requested_by: int | None = None,
    parts: Sequence[str] | None = None,
) -> RunRow:
    """`parts` are those that it judges, None for all."""
    row = RunRow(
        id=uuid4(),
        submission_id=submission_id,
        spec_version_id=spec_version_id,
        reason=reason.value,
        seed=seed,
        max_score=max_score,
        requested_by=requested_by,
        parts=None if parts is None else list(parts),
    )
    work.session.add(row)
    work.session.flush()
    return row  # fmt: skip


def add_by_current_spec(
    work: Work, *, submission_id: UUID, assignment_id: int, reason: RunReason, seed: str, requested_by: int
) -> RunRow:
    """A run by the spec version that judges the assignment now."""
    query = (
        select(SpecVersionRow)
        .join(AssignmentRow, AssignmentRow.spec_version_id == SpecVersionRow.id)
        .where(AssignmentRow.id == assignment_id)
    )
    version = work.session.scalars(query).one()
    submission = work.session.get_one(SubmissionRow, submission_id)
    definition = Assignment.model_validate(version.definition)
    parts = definition.parts_judged(is_team=submission.owner.startswith("t"), is_own=submission.is_own)
    row = add(
        work, submission_id=submission_id, spec_version_id=version.id, reason=reason, seed=seed,
        max_score=definition.points_of(parts), requested_by=requested_by, parts=parts,
    )  # fmt: skip
    work.session.refresh(row)
    return row


def reuse_last(work: Work, run: RunRow) -> None:
    """Let a new run reuse results of its submission's last graded run, if that was by another spec version."""
    graded = select(RunRow).where(RunRow.submission_id == run.submission_id, RunRow.state == "graded", ~RunRow.is_trial)
    last = work.session.scalars(graded.order_by(RunRow.created_at.desc()).limit(1)).first()
    if last is not None and last.spec_version_id != run.spec_version_id:
        run.reuse_from = last.id
        work.session.flush()


def origin_of(work: Work, run_id: UUID) -> RunWithItsOrigin:
    query = (
        select(RunRow, SubmissionRow, SpecVersionRow, AssignmentRow)
        .join(SubmissionRow, SubmissionRow.id == RunRow.submission_id)
        .join(SpecVersionRow, SpecVersionRow.id == RunRow.spec_version_id)
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .where(RunRow.id == run_id)
    )
    return RunWithItsOrigin(*work.session.execute(query).one())


def earlier(work: Work, identity: UUID) -> EarlierRun | None:
    """A graded run as one whose results may be taken over; None where it is gone or has been emptied."""
    row = work.session.get(RunRow, identity)
    if row is None or row.state != "graded":
        return None
    version = work.session.get_one(SpecVersionRow, row.spec_version_id)
    judged_with = {said.get("torch") for said in row.facts.values() if isinstance(said, dict) and "torch" in said}
    return EarlierRun(
        spec_slug=version.spec_slug,
        spec_version=version.version,
        spec_blob=Sha256(version.blob_sha256),
        torch=str(judged_with.pop()) if len(judged_with) == 1 else "",
        checks=tuple(
            result if result.reused_from else replace(result, reused_from=RunId(str(identity)))
            for result in results_of(work, [identity])[identity]
        ),
        artifacts=tuple(_artifacts(work, [identity]).get(identity, ())),
    )


def begin(work: Work, run_id: UUID) -> bool:
    """Say that grading has begun; True the first time."""
    changed = work.session.execute(
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.state == "waiting")
        .values(state="grading", started_at=func.coalesce(RunRow.started_at, func.clock_timestamp()))
        .returning(RunRow.id),
        execution_options={"synchronize_session": False},
    )
    return changed.first() is not None


def change(work: Work, run_id: UUID, **values: Any) -> None:
    changed = update(RunRow).where(RunRow.id == run_id).values(**keepable(values))
    work.session.execute(changed, execution_options={"synchronize_session": False})


def was_published_before(work: Work, submission: UUID, run: UUID) -> bool:
    """Whether another run of the submission has come to a result that its student reads."""
    query = select(RunRow.id).where(
        RunRow.submission_id == submission,
        RunRow.id != run,
        ~RunRow.is_trial,
        RunRow.state.in_(("graded", "rejected")),
    )
    return work.session.scalar(query.limit(1)) is not None


def end(work: Work, run_id: UUID, **values: Any) -> None:
    change(work, run_id, finished_at=func.clock_timestamp(), **values)


def open_again(work: Work, run_id: UUID) -> None:
    """A run that failed by our fault is under way once more."""
    change(work, run_id, state="grading", message="", finished_at=None)


def keep_results(work: Work, run_id: UUID, results: Iterable[CheckResult]) -> None:
    """Add results, or replace those of the same check."""
    rows = [_result_row(run_id, position, result) for position, result in enumerate(results)]
    if not rows:
        return
    offset = work.session.execute(
        select(func.coalesce(func.max(CheckResultRow.position) + 1, 0)).where(CheckResultRow.run_id == run_id)
    ).scalar_one()
    for row in rows:
        row["position"] += offset
    statement = insert(CheckResultRow).values(rows)
    work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "check_id"],
            set_={name: statement.excluded[name] for name in _RESULT_FIELDS},
        )
    )


def _result_row(run_id: UUID, position: int, result: CheckResult) -> dict[str, Any]:
    row = {name: getattr(result, name) for name in _RESULT_FIELDS}
    row |= {"stage": result.stage.value, "status": result.status.value, "visibility": result.visibility.value}
    row["reused_from"] = None if result.reused_from is None else UUID(result.reused_from)
    kept: dict[str, Any] = keepable(row)
    return kept | {"run_id": run_id, "check_id": str(result.id), "position": position}


def drop_results(work: Work, run_id: UUID, *, but: Sequence[str], stages: Sequence[str]) -> None:
    """Forget what an earlier try of these stages left and this one did not come to, with its artifacts."""
    query = delete(CheckResultRow).where(
        CheckResultRow.run_id == run_id, CheckResultRow.stage.in_(stages), CheckResultRow.check_id.not_in(list(but))
    )
    gone = work.session.scalars(
        query.returning(CheckResultRow.check_id), execution_options={"synchronize_session": False}
    )
    drop_artifacts(work, run_id, checks=gone.all())


def drop_artifacts(work: Work, run_id: UUID, *, checks: Sequence[str]) -> None:
    """Forget what an earlier try of these checks drew; the bytes stay, others may have the same."""
    if not checks:
        return
    query = delete(ArtifactRow).where(ArtifactRow.run_id == run_id, ArtifactRow.check_id.in_(list(checks)))
    work.session.execute(query, execution_options={"synchronize_session": False})


def keep_artifact(work: Work, run_id: UUID, **values: Any) -> None:
    statement = insert(ArtifactRow).values(id=uuid4(), run_id=run_id, **keepable(values))
    work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "check_id", "name"],
            set_={name: statement.excluded[name] for name in ("kind", "title", "blob_sha256", "size_bytes")},
        )
    )


def results_of(work: Work, runs: Sequence[UUID]) -> dict[UUID, list[CheckResult]]:
    query = select(CheckResultRow).where(CheckResultRow.run_id.in_(runs)).order_by(CheckResultRow.position)
    found: dict[UUID, list[CheckResult]] = {run: [] for run in runs}
    for row in work.session.scalars(query):
        found[row.run_id].append(
            CheckResult(
                id=CheckId(row.check_id), part=PartId(row.part), title=row.title, status=CheckStatus(row.status),
                points=row.points, max_points=row.max_points, visibility=Visibility(row.visibility),
                stage=Stage(row.stage), message=row.message, detail=row.detail, output=row.output, seconds=row.seconds,
                reused_from=None if row.reused_from is None else RunId(str(row.reused_from)),
            )
        )  # fmt: skip
    return found


def of_submission(work: Work, submission: UUID) -> list[RunRow]:
    """Newest first; no trial's."""
    query = (
        select(RunRow)
        .where(RunRow.submission_id == submission, ~RunRow.is_trial)
        .order_by(RunRow.created_at.desc(), RunRow.id)
    )
    return list(work.session.scalars(query))


def of_submissions(work: Work, submissions: Sequence[UUID]) -> dict[UUID, list[RunRow]]:
    """Newest first, for each; no trial's."""
    found: dict[UUID, list[RunRow]] = {submission: [] for submission in submissions}
    query = select(RunRow).where(RunRow.submission_id.in_(submissions), ~RunRow.is_trial)
    query = query.order_by(RunRow.created_at.desc(), RunRow.id)
    for row in work.session.scalars(query):
        found[row.submission_id].append(row)
    return found


def of_ids(work: Work, identities: Sequence[UUID]) -> list[RunRow]:
    """These runs, whosever they are."""
    return list(work.session.scalars(select(RunRow).where(RunRow.id.in_(identities))))


def without_results(rows: Sequence[RunRow], plans: dict[int, SpecVersionRow]) -> list[GradingRun]:
    """The outlines of some runs: no results, artifacts or stages."""
    return [_outline(row, plans[row.spec_version_id]) for row in rows]


def _outline(row: RunRow, version: SpecVersionRow) -> GradingRun:
    return GradingRun(
        id=RunId(str(row.id)),
        submission=SubmissionId(str(row.submission_id)),
        spec_version=version.version,
        reason=RunReason(row.reason),
        state=RunState(row.state),
        score=row.score,
        max_score=row.max_score,
        mark=None if row.mark_value is None else Mark(value=row.mark_value, label=row.mark_label or ""),
        message=row.message,
        notes=tuple(row.notes),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        plan=plan_of(row, version),
        facts=row.facts,
        parts=None if row.parts is None else tuple(row.parts),
    )


def plan_of(row: RunRow, version: SpecVersionRow) -> tuple[CheckDefinition, ...]:
    """The checks that this run is to come to results of."""
    plan = plan_from_plain(version.plan)
    return plan if row.parts is None else tuple(check for check in plan if check.part in row.parts)


def with_results(work: Work, rows: Sequence[RunRow], plans: dict[int, SpecVersionRow]) -> list[GradingRun]:
    """The whole of some runs; results in the order of the plan."""
    identities = [row.id for row in rows]
    results = results_of(work, identities)
    artifacts = _artifacts(work, identities)
    stages = _stages(work, identities)
    names = _names(work, [row.requested_by for row in rows if row.requested_by is not None])
    runs = []
    for row in rows:
        outline = _outline(row, plans[row.spec_version_id])
        place = {definition.id: number for number, definition in enumerate(outline.plan)}
        ordered = sorted(results[row.id], key=lambda result: place.get(result.id, len(place)))
        runs.append(
            replace(
                outline,
                checks=tuple(ordered),
                artifacts=tuple(artifacts.get(row.id, ())),
                stages=tuple(stages.get(row.id, ())),
                requested_by=names.get(row.requested_by or 0),
            )
        )
    return runs


def versions(work: Work, rows: Sequence[RunRow]) -> dict[int, SpecVersionRow]:
    query = select(SpecVersionRow).where(SpecVersionRow.id.in_({row.spec_version_id for row in rows}))
    return {row.id: row for row in work.session.scalars(query)}


def plan_from_plain(plain: Sequence[dict[str, Any]]) -> tuple[CheckDefinition, ...]:
    """The inverse of `plan_to_plain`."""
    return tuple(
        CheckDefinition(
            **{
                **entry,
                "id": CheckId(entry["id"]),
                "part": PartId(entry["part"]),
                "stage": Stage(entry["stage"]),
                "visibility": Visibility(entry["visibility"]),
            }
        )
        for entry in plain
    )


def plan_to_plain(plan: Iterable[CheckDefinition]) -> list[dict[str, Any]]:
    return [
        asdict(definition) | {"stage": definition.stage.value, "visibility": definition.visibility.value}
        for definition in plan
    ]


def _artifacts(work: Work, runs: Sequence[UUID]) -> dict[UUID, list[StoredArtifact]]:
    found: dict[UUID, list[StoredArtifact]] = {}
    query = select(ArtifactRow).where(ArtifactRow.run_id.in_(runs)).order_by(ArtifactRow.check_id, ArtifactRow.name)
    for row in work.session.scalars(query):
        found.setdefault(row.run_id, []).append(
            StoredArtifact(
                id=ArtifactId(str(row.id)), check=CheckId(row.check_id), name=row.name, kind=row.kind, title=row.title,
                sha256=Sha256(row.blob_sha256), size_bytes=row.size_bytes,
            )
        )  # fmt: skip
    return found


def _stages(work: Work, runs: Sequence[UUID]) -> dict[UUID, list[StageFacts]]:
    found: dict[UUID, list[StageFacts]] = {}
    order = {Stage.GATE: 0, Stage.UNIT: 1, Stage.TRAIN: 2}
    for row in work.session.scalars(select(StageRow).where(StageRow.run_id.in_(runs))):
        found.setdefault(row.run_id, []).append(
            StageFacts(
                stage=Stage(row.stage), queue=Queue(row.queue), state=StageState(row.state), worker=row.worker,
                attempts=row.attempts, problem=row.problem, started_at=row.started_at, finished_at=row.finished_at,
            )
        )  # fmt: skip
    return {run: sorted(stages, key=lambda stage: order[stage.stage]) for run, stages in found.items()}


def _names(work: Work, people: Sequence[int]) -> dict[int, str]:
    if not people:
        return {}
    rows = work.session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(people)))
    return {row.id: row.name for row in rows}


def artifact(work: Work, identity: UUID) -> ArtifactRow | None:
    return work.session.get(ArtifactRow, identity)
