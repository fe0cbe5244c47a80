"""How an assignment went, for the course's staff: from what counts, not from every try."""

from __future__ import annotations

import math
import statistics as numbers
from collections.abc import Iterable, Sequence

from grader.domain.course import Course, Reader, Scope
from grader.domain.gradebook import AssignmentStatistics, CheckRate
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId
from grader.storage.database import Work
from grader.storage.repositories import statistics as figures
from grader.storage.repositories.statistics import CheckCount

_BARS = 10


def statistics(work: Work, reader: Reader, assignment: OfferedAssignment) -> AssignmentStatistics:
    """Staff only. Scores are of what counts, before anybody's override. Raises NeedsRole, NeedsScope."""
    reader.require_staff(CourseId(assignment.course_id))
    reader.require_scope(Scope.READ)
    counted = figures.counted(work, assignment.id, assignment.course_id)
    scores = [one.score for one in counted if one.score is not None]
    times = figures.grading_times(work, assignment.id)
    runs = figures.open_runs(work, assignment.id)
    return AssignmentStatistics(
        students=figures.students(work, assignment.course_id),
        handed_in=len(counted),
        graded=len(scores),
        mean_score=round(numbers.fmean(scores), 2) if scores else None,
        median_score=round(numbers.median(scores), 2) if scores else None,
        histogram=_histogram(scores, assignment.spec.definition.max_points),
        checks=_rates(assignment, figures.checks(work, assignment.id, assignment.course_id)),
        median_grading_s=_tenths(times.median_s),
        p95_grading_s=_tenths(times.p95_s),
        waiting=runs.waiting,
        being_graded=runs.being_graded,
        failed_runs=runs.failed,
        gpu_s=round(figures.gpu_seconds(work, assignment.id), 1),
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
    rates = []
    for check in assignment.spec.plan:
        count = left.pop(check.id, None)
        passed, judged = (0, 0) if count is None else (count.passed, count.judged)
        rates.append(CheckRate(id=check.id, title=check.title, part=check.part, passed=passed, judged=judged))
    rates += [
        CheckRate(id=count.id, title=count.title, part=count.part, passed=count.passed, judged=count.judged)
        for count in left.values()
    ]
    return tuple(rates)


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
