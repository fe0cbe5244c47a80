"""How a stage ends, and with it perhaps the run: what the plan still asks for decides what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckResult, CheckStatus, Stage
from grader.domain.grading import ProgressKind, Queue, RunReason, RunState
from grader.domain.ids import AssignmentId, CourseId, Owner
from grader.domain.notices import NoticeKind
from grader.domain.run import RunReport, RunStatus
from grader.domain.score import mark_of, score_of
from grader.service import gradebook, notices
from grader.storage.database import Work
from grader.storage.models import StageRow
from grader.storage.repositories import events, runs, stages

_Told = list[tuple[ProgressKind, str | None, dict[str, Any]]]


def close_stage(work: Work, row: StageRow, report: RunReport) -> None:
    """Close the locked stage; then the run has another stage waiting, or is over."""
    origin = runs.origin_of(work, row.run_id)
    facts = origin.run.facts | {row.stage: asdict(report.facts) | {"timing": asdict(report.timing)}}
    carried, earlier_notes = _carried(work, origin, report)
    facts |= carried
    notes = list(dict.fromkeys([*origin.run.notes, *earlier_notes, *report.notes]))
    runs.change(work, row.run_id, facts=facts, notes=notes)
    stages.close(work, row, state="done")
    told: _Told = [(ProgressKind.STAGE, None, {"stage": row.stage, "state": "done"})]
    if report.status is RunStatus.REJECTED:
        runs.end(work, row.run_id, state=RunState.REJECTED.value, message=report.message)
        told.append((ProgressKind.RUN, None, {"state": RunState.REJECTED.value}))
    else:
        told += _after(work, row, report, origin)
    if origin.run.is_trial:
        # Nobody's but the trial's, until it is published.
        return
    events.tell(work, origin.submission.id, row.run_id, told)
    gradebook.refresh(work, AssignmentId(row.assignment_id), Owner(row.owner))
    tell_if_published(work, origin, next((body["state"] for kind, _, body in told if kind is ProgressKind.RUN), ""))


def _carried(work: Work, origin: runs.RunWithItsOrigin, report: RunReport) -> tuple[dict[str, Any], list[Any]]:
    """What goes with results that were reused: what looked deliberate then, and what loading told the student."""
    earlier = None if origin.run.reuse_from is None else runs.of_ids(work, [origin.run.reuse_from])
    reused = [str(result.id) for result in report.checks if result.reused_from is not None]
    if not earlier or not reused:
        return {}, []
    flags = [flag for said in earlier[0].facts.values() if isinstance(said, dict) for flag in said.get("flags", ())]
    known = origin.run.facts.get("reused", {}).get("checks", [])
    checks = list(dict.fromkeys([*known, *reused]))
    return {"reused": {"from": str(earlier[0].id), "checks": checks, "flags": flags}}, list(earlier[0].notes)


def tell_if_published(work: Work, origin: runs.RunWithItsOrigin, state: str) -> None:
    """By e-mail only the first time that this submission comes to something: a rerun may be one of hundreds."""
    if state in (RunState.GRADED.value, RunState.REJECTED.value):
        notices.tell(
            work,
            NoticeKind.GRADED,
            course=CourseId(origin.assignment.course_id),
            assignment=AssignmentId(origin.assignment.id),
            submission=str(origin.submission.id),
            mails=not runs.was_published_before(work, origin.submission.id, origin.run.id),
            about={"run": str(origin.run.id), "state": state},
        )


def _after(work: Work, row: StageRow, report: RunReport, origin: runs.RunWithItsOrigin) -> _Told:
    reported = [str(result.id) for result in report.checks]
    covered = {row.stage, *(result.stage.value for result in report.checks if result.stage is not Stage.TRAIN)}
    runs.drop_results(work, row.run_id, but=reported, stages=sorted(covered))
    results = runs.results_of(work, [row.run_id])[row.run_id]
    plan = runs.plan_of(origin.run, origin.version)
    known = covered | {stage.stage for stage in stages.of_runs(work, [row.run_id])}
    following = _next_stage(plan, results, known)
    if following is not None:
        return [_queued(work, row, following, origin)]
    problem = _does_not_add_up(plan, results)
    if problem:
        runs.end(work, row.run_id, state=RunState.FAILED.value, message=problem)
        return [(ProgressKind.RUN, None, {"state": RunState.GRADING.value})]
    definition = Assignment.model_validate(origin.version.definition)
    score = score_of(results)
    mark = mark_of(definition.scale, score, origin.run.max_score)
    runs.end(
        work, row.run_id, state=RunState.GRADED.value, score=score, mark_value=mark.value, mark_label=mark.label,
        message="",
    )  # fmt: skip
    return [(ProgressKind.RUN, None, {"state": RunState.GRADED.value})]


def _next_stage(plan: Sequence[CheckDefinition], results: Sequence[CheckResult], known: set[str]) -> Stage | None:
    """The first stage after those the run has had that the plan has checks of without a result."""
    judged = {result.id for result in results}
    missing = {check.stage for check in plan if check.id not in judged}
    if Stage.TRAIN.value in known:
        return None
    if Stage.UNIT in missing and Stage.UNIT.value not in known:
        return Stage.UNIT
    return Stage.TRAIN if Stage.TRAIN in missing and _gate_passed(results) else None


def _gate_passed(results: Sequence[CheckResult]) -> bool:
    fine = (CheckStatus.PASSED, CheckStatus.SKIPPED)
    return all(result.status in fine for result in results if result.stage is Stage.GATE)


def _queued(
    work: Work, row: StageRow, stage: Stage, origin: runs.RunWithItsOrigin
) -> tuple[ProgressKind, str | None, dict[str, Any]]:
    definition = Assignment.model_validate(origin.version.definition)
    queue = Queue(row.queue)
    if stage is Stage.TRAIN and definition.queue == "gpu":
        queue = Queue.GPU
    elif origin.run.reason == RunReason.MASS_RERUN.value:
        queue = Queue.RERUN
    stages.add(
        work, run_id=row.run_id, stage=stage.value, assignment_id=row.assignment_id, owner=row.owner,
        queue=queue.value, priority=row.priority, cost=1 if stage is Stage.TRAIN else 0, turn=row.turn,
    )  # fmt: skip
    work.wake(queue)
    return ProgressKind.STAGE, None, {"stage": stage.value, "state": "waiting"}


def _does_not_add_up(plan: Sequence[CheckDefinition], results: Sequence[CheckResult]) -> str:
    """A sentence for staff when results and plan differ. A plan that nobody has told is not held against the run."""
    if not plan:
        return ""
    planned, judged = {check.id for check in plan}, {result.id for result in results}
    if planned == judged:
        return ""
    return (
        f"The run came to {len(judged)} results, but the spec version has {len(planned)} checks (the first that "
        f"differs: {min(planned ^ judged)}); run it again, and report it if that does not help."
    )


def fail_run(work: Work, run_id: UUID, problem: str) -> None:
    """End a run by our fault: it has no score, staff read why, the student reads that it is still being graded."""
    origin = runs.origin_of(work, run_id)
    runs.end(work, run_id, state=RunState.FAILED.value, message=problem)
    if origin.run.is_trial:
        return
    # What a student may watch does not say that it failed.
    events.tell(work, origin.submission.id, run_id, [(ProgressKind.RUN, None, {"state": RunState.GRADING.value})])
    gradebook.refresh(work, AssignmentId(origin.assignment.id), Owner(origin.submission.owner))
