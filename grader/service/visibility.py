"""What a reader may see of a run: the only place that decides it.

Nothing is visible unless the spec says so. A student sees of every check its id, title, part and points possible, as
the spec shows them; of a `staff` check only that "hidden checks" exist, summed up by part without id or title; of an
`after_due` check, before the due date that holds for them plus the term's late days, its title and no status, points,
message or output. `detail`, facts (with what looks deliberate), stages, workers and problems are for staff; a run's
notes are about the student's own files and are theirs. A failed run reads as one that is still being graded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from grader.domain.check import CheckDefinition, Visibility
from grader.domain.course import Reader
from grader.domain.grading import GradingRun, OfferedAssignment, RunState
from grader.domain.ids import CheckId, CourseId, PartId
from grader.domain.late import ends_at

HIDDEN_TITLE = "Hidden checks"


def shown_run(run: GradingRun, assignment: OfferedAssignment, reader: Reader, now: datetime) -> GradingRun:
    """The run with everything taken out that this reader may not see. Staff of the course get it whole.

    While checks are withheld, `score` and `mark` are None for a student (a sum would tell).
    """
    if reader.is_staff(CourseId(assignment.course_id)):
        return run
    visible = _visible(run, assignment, now)
    is_sum_shown = run.state is not RunState.FAILED and not _withheld_points(run, visible)
    shown = replace(
        run,
        score=run.score if is_sum_shown else None,
        mark=run.mark if is_sum_shown else None,
        plan=_shown_plan(run.plan),
        checks=tuple(replace(check, detail="", reused_from=None) for check in run.checks if check.id in visible),
        artifacts=tuple(artifact for artifact in run.artifacts if artifact.check in visible),
        stages=(),
        facts={},
        requested_by=None,
    )
    if run.state is RunState.FAILED:
        return replace(shown, state=RunState.GRADING, message="", finished_at=None)
    return shown


def may_see_check(run: GradingRun, check: str, assignment: OfferedAssignment, reader: Reader, now: datetime) -> bool:
    """Whether message, output and artifacts of a check may be shown."""
    return reader.is_staff(CourseId(assignment.course_id)) or check in _visible(run, assignment, now)


def shows_score(plan: Iterable[CheckDefinition], assignment: OfferedAssignment, reader: Reader, now: datetime) -> bool:
    """Whether a sum over the checks of this plan may be shown."""
    if reader.is_staff(CourseId(assignment.course_id)):
        return True
    hidden = _hidden_now(assignment, now)
    return not any(check.points > 0 and check.visibility in hidden for check in plan)


def _visible(run: GradingRun, assignment: OfferedAssignment, now: datetime) -> frozenset[str]:
    """Ids of the checks a student may see; one that its plan and its result speak of differently by the stricter."""
    hidden = _hidden_now(assignment, now)
    said = [(str(check.id), check.visibility) for check in run.plan]
    said += [(str(check.id), check.visibility) for check in run.checks]
    return frozenset(check for check, _ in said) - {check for check, seen in said if seen in hidden}


def _withheld_points(run: GradingRun, visible: frozenset[str]) -> bool:
    return any(check.points > 0 and check.id not in visible for check in run.plan) or any(
        check.max_points > 0 and check.id not in visible for check in run.checks
    )


def shown_from(assignment: OfferedAssignment) -> datetime | None:
    """When all is shown that a student ever sees: once nobody can hand in any more. None where nothing is due."""
    return ends_at(assignment.due_at, assignment.late)


def _hidden_now(assignment: OfferedAssignment, now: datetime) -> frozenset[Visibility]:
    until = shown_from(assignment)
    # Until nobody can hand in any more, what a check came to would help whoever has not.
    return (
        frozenset({Visibility.STAFF})
        if until is None or now > until
        else frozenset({Visibility.STAFF, Visibility.AFTER_DUE})
    )


def _shown_plan(plan: tuple[CheckDefinition, ...]) -> tuple[CheckDefinition, ...]:
    """The plan with one line for all hidden checks of a part, in the place of the first."""
    points: dict[PartId, float] = {}
    for check in plan:
        if check.visibility is Visibility.STAFF:
            points[check.part] = points.get(check.part, 0.0) + check.points
    shown: list[CheckDefinition] = []
    for check in plan:
        if check.visibility is not Visibility.STAFF:
            shown.append(check)
        elif check.part in points:
            shown.append(
                CheckDefinition(
                    # A colon is in no check's id, so that this one is nobody's.
                    id=CheckId(f"{check.part}:hidden"),
                    part=check.part,
                    title=HIDDEN_TITLE,
                    points=points.pop(check.part),
                    visibility=Visibility.STAFF,
                )
            )
    return tuple(shown)
