"""Figures of an assignment. What counts is read from the gradebook's entries, so reruns and tries do not blur it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Float, Select, and_, cast, exists, func, select
from sqlalchemy.orm import aliased

from grader.domain.check import Stage
from grader.domain.course import Role
from grader.domain.grading import RunReason, RunState
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CheckResultRow,
    GradebookEntryRow,
    MembershipRow,
    RunRow,
    StageRow,
    SubmissionRow,
)

# Enough for a median and a 95th percentile, few enough to tell how long it takes now.
_LAST_RUNS = 500


class Counted(NamedTuple):
    """One student who handed in: the state of what counts, and its score."""

    state: str
    score: float | None


class CheckCount(NamedTuple):
    id: str
    part: str
    title: str
    passed: int
    judged: int


class GradingTimes(NamedTuple):
    """Seconds; None when nothing was graded yet."""

    median_s: float | None
    p95_s: float | None


class OpenRuns(NamedTuple):
    waiting: int
    being_graded: int
    failed: int


class Overview(NamedTuple):
    """Students of one assignment by what has become of it."""

    slug: str
    students: int
    handed_in: int
    graded: int
    waiting: int
    failed: int


def students(work: Work, course: int) -> int:
    query = select(func.count()).select_from(MembershipRow).where(*_is_student(course))
    return work.session.execute(query).scalar_one()


def counted(work: Work, assignment: int, course: int) -> list[Counted]:
    query = _entries(assignment, course).with_only_columns(GradebookEntryRow.state, GradebookEntryRow.score)
    return [Counted(row.state, row.score) for row in work.session.execute(query)]


def checks(work: Work, assignment: int, course: int) -> list[CheckCount]:
    """Over the runs that count, each once, however many people it counts for; a skipped check was not judged."""
    runs = _entries(assignment, course).with_only_columns(GradebookEntryRow.run_id)
    runs = runs.where(GradebookEntryRow.score.is_not(None))
    passed = func.count().filter(CheckResultRow.status == "passed")
    judged = func.count().filter(CheckResultRow.status != "skipped")
    query = (
        select(CheckResultRow.check_id, func.max(CheckResultRow.part), func.max(CheckResultRow.title), passed, judged)
        .where(CheckResultRow.run_id.in_(runs))
        .group_by(CheckResultRow.check_id)
        .order_by(CheckResultRow.check_id)
    )
    return [CheckCount(*row) for row in work.session.execute(query)]


def grading_times(work: Work, assignment: int) -> GradingTimes:
    """From receipt to result, of the newest uploads that have one."""
    seconds = func.extract("epoch", RunRow.finished_at - SubmissionRow.received_at).label("seconds")
    newest = (
        select(seconds)
        .select_from(SubmissionRow)
        .join(RunRow, RunRow.submission_id == SubmissionRow.id)
        .where(
            SubmissionRow.assignment_id == assignment,
            RunRow.reason == RunReason.UPLOAD.value,
            RunRow.state.in_([RunState.GRADED.value, RunState.REJECTED.value]),
            RunRow.finished_at.is_not(None),
        )
        .order_by(SubmissionRow.received_at.desc(), SubmissionRow.id.desc())
        .limit(_LAST_RUNS)
        .subquery()
    )
    shares = (func.percentile_cont(share).within_group(newest.c.seconds) for share in (0.5, 0.95))
    return GradingTimes(
        *(None if value is None else float(value) for value in work.session.execute(select(*shares)).one())
    )


def gpu_seconds(work: Work, assignment: int) -> float:
    """Of every training of the assignment, those that count for nobody included."""
    spent = func.sum(cast(RunRow.facts["train"]["gpu_s"].astext, Float))
    query = (
        select(func.coalesce(spent, 0.0))
        .select_from(StageRow)
        .join(RunRow, RunRow.id == StageRow.run_id)
        .where(StageRow.assignment_id == assignment, StageRow.stage == Stage.TRAIN.value, StageRow.state == "done")
    )
    return float(work.session.execute(query).scalar_one())


def open_runs(work: Work, assignment: int) -> OpenRuns:
    """Runs that are not over, and those that failed and have not been tried again."""
    newer = aliased(RunRow)
    tried_again = exists().where(newer.submission_id == RunRow.submission_id, newer.created_at > RunRow.created_at)
    query = (
        select(
            func.count().filter(RunRow.state == RunState.WAITING.value),
            func.count().filter(RunRow.state == RunState.GRADING.value),
            func.count().filter(and_(RunRow.state == RunState.FAILED.value, ~tried_again)),
        )
        .select_from(RunRow)
        .join(SubmissionRow, SubmissionRow.id == RunRow.submission_id)
        .where(
            SubmissionRow.assignment_id == assignment,
            RunRow.state.in_([RunState.WAITING.value, RunState.GRADING.value, RunState.FAILED.value]),
        )
    )
    return OpenRuns(*work.session.execute(query).one())


def overview(work: Work, course: int) -> list[Overview]:
    """Every assignment of the course."""
    entry = GradebookEntryRow
    unfinished = [RunState.WAITING.value, RunState.GRADING.value]
    query = (
        select(
            AssignmentRow.slug,
            func.count(MembershipRow.person_id),
            func.count(entry.person_id),
            func.count(entry.score),
            func.count().filter(entry.state.in_(unfinished)),
            func.count().filter(entry.state == RunState.FAILED.value),
        )
        .select_from(AssignmentRow)
        .outerjoin(MembershipRow, and_(*_is_student(course)))
        .outerjoin(entry, and_(entry.assignment_id == AssignmentRow.id, entry.person_id == MembershipRow.person_id))
        .where(AssignmentRow.course_id == course)
        .group_by(AssignmentRow.id)
        .order_by(AssignmentRow.due_at.asc().nulls_last(), AssignmentRow.slug)
    )
    return [Overview(*row) for row in work.session.execute(query)]


def _is_student(course: int) -> tuple[Any, ...]:
    return (
        MembershipRow.course_id == course,
        MembershipRow.role == Role.STUDENT.value,
        MembershipRow.left_at.is_(None),
    )


def _entries(assignment: int, course: int) -> Select[Any]:
    return (
        select(GradebookEntryRow)
        .join(MembershipRow, MembershipRow.person_id == GradebookEntryRow.person_id)
        .where(GradebookEntryRow.assignment_id == assignment, *_is_student(course))
    )
