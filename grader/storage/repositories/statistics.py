"""Figures of an assignment. What counts is read from the gradebook's entries, so reruns and tries do not blur it."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Float, Numeric, Select, and_, case, cast, exists, func, select, text, union
from sqlalchemy.orm import aliased

from grader.domain.course import Role
from grader.domain.grading import RunReason, RunState
from grader.storage.database import Work
from grader.storage.models import (
    AssignmentRow,
    CheckResultRow,
    GradebookEntryRow,
    MembershipRow,
    RunRow,
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
    correlation: float | None


class FlakyCount(NamedTuple):
    id: str
    part: str
    title: str
    differing: int
    repeated: int
    runs: int
    passed: int
    examples: list[UUID]


class Reached(NamedTuple):
    """An owner's first upload with full marks: which upload it was, and seconds since their first."""

    upload: int
    seconds: float


class StageCount(NamedTuple):
    stage: str
    runs: int
    median_s: float | None
    p95_s: float | None
    total_s: float
    gpu_s: float


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
    """Over the runs that count, each once, however many people it counts for; a skipped check was not judged.

    The correlation is of passing with the share of points in the run's other checks; None where either does not vary.
    """
    scored = _entries(assignment, course).where(GradebookEntryRow.score.is_not(None))
    # What members of a team hand in alone is judged by runs of its own.
    runs = union(*(scored.with_only_columns(one) for one in (GradebookEntryRow.run_id, GradebookEntryRow.own_run_id)))
    result = CheckResultRow
    others = func.sum(result.points).over(partition_by=result.run_id) - result.points
    possible = func.sum(result.max_points).over(partition_by=result.run_id) - result.max_points
    judged = (
        select(
            result.check_id, result.part, result.title, result.status,
            case((result.status == "passed", 1.0), else_=0.0).label("is_passed"),
            # Rounded, so that sums that differ only by the order of their addition are the same.
            cast(func.round(cast(others / func.nullif(possible, 0), Numeric), 6), Float).label("elsewhere"),
        )
        .where(result.run_id.in_(runs))
        .subquery()
    )  # fmt: skip
    is_judged = judged.c.status != "skipped"
    query = (
        select(
            judged.c.check_id,
            func.max(judged.c.part),
            func.max(judged.c.title),
            func.count().filter(judged.c.status == "passed"),
            func.count().filter(is_judged),
            func.corr(judged.c.is_passed, judged.c.elsewhere).filter(is_judged),
        )
        .group_by(judged.c.check_id)
        .order_by(judged.c.check_id)
    )
    return [CheckCount(*row) for row in work.session.execute(query)]


# Only a submission that one spec version judged twice can differ from itself, so nothing else is read.
_FLAKY = text("""
    WITH repeated AS (
        SELECT * FROM (
            SELECT runs.id, runs.submission_id, runs.spec_version_id,
                   count(*) OVER (PARTITION BY runs.submission_id, runs.spec_version_id) AS times
            FROM runs JOIN submissions ON submissions.id = runs.submission_id
            WHERE submissions.assignment_id = :assignment AND runs.state = 'graded' AND NOT runs.is_trial
        ) AS graded WHERE times > 1
    ), judged AS (
        SELECT repeated.submission_id, repeated.spec_version_id, results.check_id,
               max(results.part) AS part, max(results.title) AS title, count(*) AS runs,
               count(*) FILTER (WHERE results.status = 'passed') AS passed,
               min(results.status) <> max(results.status) AS differs
        FROM repeated JOIN check_results AS results ON results.run_id = repeated.id
        WHERE results.status <> 'skipped' AND results.reused_from IS NULL
        GROUP BY repeated.submission_id, repeated.spec_version_id, results.check_id
        HAVING count(*) > 1
    )
    SELECT judged.check_id, max(judged.part), max(judged.title),
           count(DISTINCT judged.submission_id) FILTER (WHERE differs),
           count(DISTINCT judged.submission_id),
           sum(judged.runs) FILTER (WHERE differs), sum(judged.passed) FILTER (WHERE differs),
           (array_agg(DISTINCT judged.submission_id ORDER BY judged.submission_id DESC) FILTER (WHERE differs))[1:5]
    FROM judged
    GROUP BY judged.check_id
    HAVING bool_or(differs)
    ORDER BY 4 DESC, judged.check_id
""")


def flaky(work: Work, assignment: int) -> list[FlakyCount]:
    """Checks whose verdict differed between runs of one submission by one spec version; most often first."""
    found = work.session.execute(_FLAKY, {"assignment": assignment})
    return [FlakyCount(row[0], row[1], row[2], row[3], row[4], int(row[5]), int(row[6]), list(row[7])) for row in found]


# What a submission came to is what its newest graded run says: a rerun by a mended spec counts, for all of them alike.
_REACHED = text("""
    WITH tried AS (
        SELECT submissions.owner, submissions.received_at, newest.is_full,
               row_number() OVER (PARTITION BY owner ORDER BY received_at, submissions.id) AS upload,
               min(received_at) OVER (PARTITION BY owner) AS first_at
        FROM submissions LEFT JOIN LATERAL (
            SELECT score >= max_score - 1e-9 AS is_full FROM runs
            WHERE runs.submission_id = submissions.id AND state = 'graded' AND NOT is_trial
            ORDER BY created_at DESC LIMIT 1
        ) AS newest ON true
        WHERE assignment_id = :assignment AND owner = ANY(:owners)
    )
    SELECT DISTINCT ON (owner) upload, extract(epoch FROM received_at - first_at)
    FROM tried WHERE is_full ORDER BY owner, upload
""")


def owners(work: Work, assignment: int, course: int) -> list[str]:
    """Whose work counts for somebody who is a student of the course now."""
    query = _entries(assignment, course).join(SubmissionRow, SubmissionRow.id == GradebookEntryRow.submission_id)
    return list(work.session.scalars(query.with_only_columns(SubmissionRow.owner).distinct()))


def reached_full_marks(work: Work, assignment: int, owners: list[str]) -> list[Reached]:
    """Of each of these owners who has had full marks, the first time."""
    found = work.session.execute(_REACHED, {"assignment": assignment, "owners": owners})
    return [Reached(int(upload), float(seconds)) for upload, seconds in found]


_STAGES = text("""
    SELECT stage, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds), coalesce(sum(seconds), 0), coalesce(sum(gpu_s), 0)
    FROM (
        SELECT done.stage, extract(epoch FROM done.finished_at - done.started_at)::float AS seconds,
               (runs.facts -> done.stage ->> 'gpu_s')::float AS gpu_s
        FROM run_stages AS done JOIN runs ON runs.id = done.run_id
        WHERE done.assignment_id = :assignment AND done.state = 'done' AND NOT runs.is_trial
    ) AS finished
    GROUP BY stage
""")


def stages(work: Work, assignment: int) -> list[StageCount]:
    """Of every finished stage of the assignment, those of runs that count for nobody included."""
    return [StageCount(*row) for row in work.session.execute(_STAGES, {"assignment": assignment})]


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


def open_runs(work: Work, assignment: int) -> OpenRuns:
    """Runs that are not over, and those that failed and have not been tried again."""
    newer = aliased(RunRow)
    tried_again = exists().where(
        newer.submission_id == RunRow.submission_id, newer.created_at > RunRow.created_at, ~newer.is_trial
    )
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
            ~RunRow.is_trial,
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
