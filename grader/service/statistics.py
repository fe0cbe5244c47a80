"""How an assignment went, for the course's staff: from what counts, not from every try."""

from __future__ import annotations

import math
import statistics as numbers
from collections.abc import Iterable, Sequence

from grader.domain.check import Stage
from grader.domain.course import Course, Reader, Scope
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId, SubmissionId
from grader.domain.statistics import (
    FEWEST_RUNS,
    AssignmentStatistics,
    CheckRate,
    FlakyCheck,
    FullMarks,
    StageTimes,
    note_on,
)
from grader.storage.database import Work
from grader.storage.repositories import statistics as figures
from grader.storage.repositories.statistics import CheckCount

_BARS = 10
# Who needed more uploads than these is counted with the last.
_MOST_UPLOADS = 10


def statistics(work: Work, reader: Reader, assignment: OfferedAssignment) -> AssignmentStatistics:
    """Staff only. Scores are of what counts, before anybody's override. Raises NeedsRole, NeedsScope."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    counted = figures.counted(work, assignment.id, assignment.course_id)
    scores = [one.score for one in counted if one.score is not None]
    times = figures.grading_times(work, assignment.id)
    runs = figures.open_runs(work, assignment.id)
    stages = _stages(work, assignment)
    return AssignmentStatistics(
        students=figures.students(work, assignment.course_id),
        handed_in=len(counted),
        graded=len(scores),
        mean_score=round(numbers.fmean(scores), 2) if scores else None,
        median_score=round(numbers.median(scores), 2) if scores else None,
        histogram=_histogram(scores, assignment.spec.definition.full_points),
        checks=_rates(assignment, figures.checks(work, assignment.id, assignment.course_id)),
        median_grading_s=_tenths(times.median_s),
        p95_grading_s=_tenths(times.p95_s),
        waiting=runs.waiting,
        being_graded=runs.being_graded,
        failed_runs=runs.failed,
        gpu_s=round(sum(stage.gpu_s for stage in stages), 1),
        flaky=_flaky(work, assignment),
        full_marks=_full_marks(work, assignment),
        stages=stages,
    )


def course_overview(work: Work, reader: Reader, course: Course) -> dict[str, dict[str, object]]:
    """For the staff's first page: per assignment slug {"students", "handed_in", "graded", "waiting", "failed"}.

    Counts are of students, by what counts for them: `waiting` is still being graded, `failed` is our fault. By due
    date. Raises NeedsRole, NeedsScope.
    """
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    return {
        row.slug: {
            "students": row.students,
            "handed_in": row.handed_in,
            "graded": row.graded,
            "waiting": row.waiting,
            "failed": row.failed,
        }
        for row in figures.overview(work, course.id)
    }


def _histogram(scores: Sequence[float], max_score: float) -> tuple[tuple[float, float, int], ...]:
    """Ten bars of equal width from 0 to full marks; the last one holds full marks and whatever lies above."""
    width = max_score / _BARS
    if width <= 0:
        return ()
    bars = [0] * _BARS
    for score in scores:
        # A hair is added because 0.7 / 0.1 falls short of 7.
        bars[min(_BARS - 1, max(0, math.floor(score / width + 1e-9)))] += 1
    return tuple((round(width * bar, 4), round(width * (bar + 1), 4), students) for bar, students in enumerate(bars))


def _rates(assignment: OfferedAssignment, counts: Iterable[CheckCount]) -> tuple[CheckRate, ...]:
    """In the plan's order and its words; then what only older spec versions had."""
    left = {count.id: count for count in counts}
    planned = [
        CheckCount(check.id, check.part, check.title, 0, 0, None)
        if (count := left.pop(check.id, None)) is None
        else count._replace(part=check.part, title=check.title)
        for check in assignment.spec.plan
    ]
    return tuple(_rate(count) for count in [*planned, *left.values()])


def _rate(count: CheckCount) -> CheckRate:
    is_enough = count.judged >= FEWEST_RUNS and count.correlation is not None
    return CheckRate(
        id=count.id,
        title=count.title,
        part=count.part,
        passed=count.passed,
        judged=count.judged,
        discrimination=round(count.correlation, 2) if is_enough and count.correlation is not None else None,
        note=note_on(count.passed, count.judged, count.correlation),
    )


def _flaky(work: Work, assignment: OfferedAssignment) -> tuple[FlakyCheck, ...]:
    return tuple(
        FlakyCheck(
            id=count.id,
            title=count.title,
            part=count.part,
            differing=count.differing,
            repeated=count.repeated,
            runs=count.runs,
            passed=count.passed,
            examples=tuple(SubmissionId(str(one)) for one in count.examples),
        )
        for count in figures.flaky(work, assignment.id)
    )


def _full_marks(work: Work, assignment: OfferedAssignment) -> FullMarks:
    owners = figures.owners(work, assignment.id, assignment.course_id)
    reached = figures.reached_full_marks(work, assignment.id, owners)
    if not reached:
        return FullMarks(owners=len(owners))
    seconds, uploads = [one.seconds for one in reached], [one.upload for one in reached]
    bars = [0] * _MOST_UPLOADS
    for count in uploads:
        bars[min(count, _MOST_UPLOADS) - 1] += 1
    return FullMarks(
        owners=len(owners),
        reached=len(reached),
        median_s=round(numbers.median(seconds), 1),
        p90_s=round(_ninth_tenth(seconds), 1),
        median_uploads=float(numbers.median(uploads)),
        p90_uploads=round(_ninth_tenth(uploads), 1),
        uploads=tuple(enumerate(bars, 1)),
    )


def _ninth_tenth(values: Sequence[float]) -> float:
    """Nine tenths of the values are at most this, by straight lines between them."""
    return float(values[0]) if len(values) == 1 else numbers.quantiles(values, n=10, method="inclusive")[8]


def _stages(work: Work, assignment: OfferedAssignment) -> tuple[StageTimes, ...]:
    """In the order in which they are run; those that never ran are left out."""
    found = {count.stage: count for count in figures.stages(work, assignment.id)}
    return tuple(
        StageTimes(
            stage=stage,
            runs=found[stage].runs,
            median_s=_tenths(found[stage].median_s),
            p95_s=_tenths(found[stage].p95_s),
            total_s=round(found[stage].total_s, 1),
            gpu_s=round(found[stage].gpu_s, 1),
        )
        for stage in Stage
        if stage in found
    )


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
