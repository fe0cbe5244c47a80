from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text

from grader.domain.grading import ProgressEvent, ProgressKind
from grader.domain.ids import CheckId, RunId, SubmissionId
from grader.storage.announcements import CHANNEL
from grader.storage.database import Work
from grader.storage.models import ProgressEventRow, RunRow, SubmissionRow


def tell(
    work: Work, submission: UUID, run: UUID, events: list[tuple[ProgressKind, str | None, dict[str, Any]]]
) -> None:
    """Append (kind, check, body) events and announce them with the commit.

    The submission's row is locked first: two writers cannot commit ids in another order than they were given. Of the
    run of a trial nothing is told: whoever watches a submission may be its student.
    """
    if not events or work.session.scalar(select(RunRow.is_trial).where(RunRow.id == run)):
        return
    work.session.execute(select(SubmissionRow.id).where(SubmissionRow.id == submission).with_for_update())
    rows = [
        {"submission_id": submission, "run_id": run, "kind": kind.value, "check_id": check, "body": body}
        for kind, check, body in events
    ]
    work.session.execute(insert(ProgressEventRow), rows)
    work.session.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": str(submission)})


def tell_of_runs(work: Work, made: list[UUID]) -> None:
    """One event for each of many new runs, each of a submission of its own."""
    if not made:
        return
    told = text("""
        WITH told AS (
            INSERT INTO progress_events (submission_id, run_id, kind, body)
            SELECT r.submission_id, r.id, 'run', '{"state": "waiting"}'::jsonb
            FROM (SELECT s.id FROM submissions s JOIN runs r ON r.submission_id = s.id WHERE r.id = ANY(:made)
                  ORDER BY s.id FOR UPDATE OF s) locked
            JOIN runs r ON r.submission_id = locked.id AND r.id = ANY(:made)
            RETURNING submission_id
        )
        SELECT count(pg_notify(:channel, submission_id::text)) FROM told
    """)
    work.session.execute(told, {"made": made, "channel": CHANNEL})


def after(work: Work, submission: UUID, identity: int, limit: int) -> list[ProgressEvent]:
    query = (
        select(ProgressEventRow)
        .where(ProgressEventRow.submission_id == submission, ProgressEventRow.id > identity)
        .order_by(ProgressEventRow.id)
        .limit(limit)
    )
    return [
        ProgressEvent(
            id=row.id,
            kind=ProgressKind(row.kind),
            run=RunId(str(row.run_id)),
            check=None if row.check_id is None else CheckId(row.check_id),
            body=row.body,
            at=row.at,
        )
        for row in work.session.scalars(query)
    ]


def newest(work: Work, submission: SubmissionId) -> int:
    query = select(func.max(ProgressEventRow.id)).where(ProgressEventRow.submission_id == UUID(submission))
    return work.session.execute(query).scalar_one() or 0
