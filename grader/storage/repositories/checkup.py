"""What `grader doctor` asks the database."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from grader.storage.database import Work


class ServerFacts(NamedTuple):
    version: str
    now: datetime


def server(work: Work) -> ServerFacts:
    row = work.session.execute(text("SELECT current_setting('server_version'), clock_timestamp()")).one()
    return ServerFacts(row[0], row[1])


def queues_served(work: Work) -> dict[str, int]:
    """Queue to the workers heard of in the last minute that serve it."""
    rows = work.session.execute(
        text("""SELECT queue, count(*) FROM workers, unnest(queues) AS queue
                WHERE seen_at > clock_timestamp() - interval '1 minute' GROUP BY queue""")
    )
    return {row[0]: row[1] for row in rows}


def offers_gpu_work(work: Work) -> bool:
    """Whether an assignment of a course that is not archived wants its training on a GPU."""
    query = text("""
        SELECT EXISTS (SELECT FROM assignments a JOIN spec_versions v ON v.id = a.spec_version_id
                       JOIN courses c ON c.id = a.course_id
                       WHERE c.archived_at IS NULL AND v.definition ->> 'queue' = 'gpu')
    """)
    return bool(work.session.execute(query).scalar())


def failed_runs(work: Work, limit: int) -> list[str]:
    """Submissions whose newest run failed by our fault, newest first."""
    query = text("""
        SELECT r.submission_id FROM runs r WHERE r.state = 'failed' AND NOT r.is_trial AND NOT EXISTS (
            SELECT FROM runs later WHERE later.submission_id = r.submission_id AND later.created_at > r.created_at
            AND NOT later.is_trial)
        ORDER BY r.created_at DESC LIMIT :limit
    """)
    return [str(found) for found in work.session.execute(query, {"limit": limit}).scalars()]


def newest_blobs(work: Work, limit: int) -> list[str]:
    """Digests that rows name, of the newest submissions and of the specs that judge now."""
    query = text("""
        (SELECT sha256 FROM submissions WHERE removed_at IS NULL ORDER BY received_at DESC LIMIT :limit)
        UNION (SELECT v.blob_sha256 FROM assignments a JOIN spec_versions v ON v.id = a.spec_version_id
               ORDER BY a.id DESC LIMIT :limit)
    """)
    return list(work.session.execute(query, {"limit": limit}).scalars())


def last_backup_at(work: Work) -> datetime | None:
    query = text("SELECT max(at) FROM audit_events WHERE action = 'make backup'")
    found: datetime | None = work.session.execute(query).scalar()
    return found
