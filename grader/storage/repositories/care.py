"""What retention and erasure delete and keep, in SQL over many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from grader.domain.ids import AssignmentId, Owner
from grader.storage.database import Work
from grader.storage.repositories import submissions

# In the order in which nothing is left that a later one refers to.
_DELETIONS = (
    "DELETE FROM similar_pairs WHERE one_id = ANY(:submissions) OR other_id = ANY(:submissions)",
    "DELETE FROM fingerprints WHERE submission_id = ANY(:submissions)",
    "DELETE FROM sheet_pictures WHERE submission_id = ANY(:submissions)",
    "DELETE FROM submission_sheets WHERE submission_id = ANY(:submissions)",
    "DELETE FROM notices WHERE submission_id = ANY(:submissions)",
    """DELETE FROM lti_scores s USING gradebook_entries e, lti_links l WHERE e.submission_id = ANY(:submissions)
       AND l.id = s.link_id AND l.assignment_id = e.assignment_id AND s.person_id = e.person_id""",
    "DELETE FROM gradebook_entries WHERE submission_id = ANY(:submissions)",
    "DELETE FROM regrade_requests WHERE submission_id = ANY(:submissions)",
    """DELETE FROM adjustments a USING submissions s WHERE s.id = ANY(:submissions)
       AND a.assignment_id = s.assignment_id AND a.owner = s.owner""",
    "DELETE FROM gradings WHERE submission_id = ANY(:submissions)",
    "DELETE FROM grading_claims WHERE submission_id = ANY(:submissions)",
    """DELETE FROM given_marks m USING submissions s WHERE s.id = ANY(:submissions)
       AND m.assignment_id = s.assignment_id AND m.owner = s.owner""",
    "DELETE FROM progress_events WHERE submission_id = ANY(:submissions)",
    "DELETE FROM artifacts WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions))",
    "DELETE FROM check_results WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions))",
    "DELETE FROM run_stages WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions))",
    "DELETE FROM runs WHERE submission_id = ANY(:submissions)",
    "DELETE FROM choices WHERE submission_id = ANY(:submissions)",
    """DELETE FROM extensions e USING submissions s WHERE s.id = ANY(:submissions)
       AND e.assignment_id = s.assignment_id AND e.owner = s.owner""",
    """DELETE FROM contributions c USING submissions s WHERE s.id = ANY(:submissions)
       AND c.assignment_id = s.assignment_id AND c.owner = s.owner""",
    """DELETE FROM drafts d USING submissions s WHERE s.id = ANY(:submissions)
       AND d.assignment_id = s.assignment_id AND d.owner = s.owner""",
    "DELETE FROM submissions WHERE id = ANY(:submissions)",
)
_EMPTYINGS = (
    "DELETE FROM similar_pairs WHERE one_id = ANY(:submissions) OR other_id = ANY(:submissions)",
    "DELETE FROM fingerprints WHERE submission_id = ANY(:submissions)",
    "DELETE FROM sheet_pictures WHERE submission_id = ANY(:submissions)",
    "DELETE FROM submission_sheets WHERE submission_id = ANY(:submissions)",
    "DELETE FROM progress_events WHERE submission_id = ANY(:submissions)",
    "DELETE FROM artifacts WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions))",
    """UPDATE check_results SET output = '', detail = ''
       WHERE run_id IN (SELECT id FROM runs WHERE submission_id = ANY(:submissions))""",
    "UPDATE runs SET facts = '{}', notes = '[]' WHERE submission_id = ANY(:submissions)",
    """DELETE FROM contributions c USING submissions s WHERE s.id = ANY(:submissions)
       AND c.assignment_id = s.assignment_id AND c.owner = s.owner""",
    """UPDATE submissions SET removed_at = clock_timestamp(), answers_sha256 = NULL
       WHERE id = ANY(:submissions) AND removed_at IS NULL""",
)


class OldWork(NamedTuple):
    """What an owner handed in for an assignment, the newest of it before the limit; nothing of it is being graded."""

    assignment: int
    owner: str
    submissions: tuple[UUID, ...]


def now(work: Work) -> datetime:
    return _scalar(work, "SELECT clock_timestamp()")  # type: ignore[no-any-return]


def old_work(work: Work, *, age: timedelta, course: int | None, with_removed: bool) -> list[OldWork]:
    """All there is; `with_removed` also what has lost its bytes already."""
    rows = work.session.execute(
        text("""
            SELECT s.assignment_id, s.owner, array_agg(s.id) FROM submissions s
            JOIN assignments a ON a.id = s.assignment_id
            WHERE CAST(:course AS integer) IS NULL OR a.course_id = :course
            GROUP BY s.assignment_id, s.owner
            HAVING max(s.received_at) < clock_timestamp() - CAST(:age AS interval)
               AND (CAST(:with_removed AS boolean) OR bool_or(s.removed_at IS NULL))
               AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.submission_id = ANY(array_agg(s.id))
                               AND r.state IN ('waiting', 'grading'))
            ORDER BY 1, 2
        """),
        {"age": age, "course": course, "with_removed": with_removed},
    )
    return [OldWork(row[0], row[1], tuple(row[2])) for row in rows]


def is_still_old(work: Work, one: OldWork) -> bool:
    """Under the owner's lock, until the end of the transaction: nothing came, and nothing is graded again."""
    submissions.lock_owner(work, one.assignment, one.owner)
    found = work.session.execute(
        text("""
            SELECT count(*), (SELECT count(*) FROM runs WHERE submission_id = ANY(:submissions)
                              AND state IN ('waiting', 'grading'))
            FROM submissions WHERE assignment_id = :assignment AND owner = :owner
        """),
        {"submissions": list(one.submissions), "assignment": one.assignment, "owner": one.owner},
    ).one()
    return tuple(found) == (len(one.submissions), 0)


def digests_of(work: Work, chosen: Sequence[UUID]) -> set[str]:
    """The blobs that these submissions and their runs name."""
    rows = work.session.execute(
        text("""
            SELECT sha256 FROM submissions WHERE id = ANY(:submissions) AND removed_at IS NULL
            UNION SELECT answers_sha256 FROM submissions WHERE id = ANY(:submissions) AND answers_sha256 IS NOT NULL
            UNION SELECT blob_sha256 FROM artifacts JOIN runs ON runs.id = run_id
                  WHERE submission_id = ANY(:submissions)
            UNION SELECT blob_sha256 FROM sheet_pictures WHERE submission_id = ANY(:submissions)
        """),
        {"submissions": list(chosen)},
    )
    return set(rows.scalars())


def named_among(work: Work, digests: Sequence[str]) -> set[str]:
    """Those of these blobs that any row names."""
    rows = work.session.execute(
        text("""
            SELECT sha256 FROM submissions WHERE removed_at IS NULL AND sha256 = ANY(:digests)
            UNION SELECT answers_sha256 FROM submissions WHERE answers_sha256 = ANY(:digests)
            UNION SELECT blob_sha256 FROM artifacts WHERE blob_sha256 = ANY(:digests)
            UNION SELECT blob_sha256 FROM sheet_pictures WHERE blob_sha256 = ANY(:digests)
            UNION SELECT blob_sha256 FROM spec_versions WHERE blob_sha256 = ANY(:digests)
        """),
        {"digests": list(digests)},
    )
    return set(rows.scalars())


def empty(work: Work, chosen: Sequence[UUID]) -> None:
    """Let go what these submissions hold; that they were handed in, their points and scores stay."""
    _each(work, _EMPTYINGS, submissions=list(chosen))


def delete(work: Work, chosen: Sequence[UUID]) -> None:
    """Let these submissions go with all that came of them, gradebook entries too."""
    _each(work, _DELETIONS, submissions=list(chosen))


def beside(work: Work, chosen: Sequence[UUID]) -> list[tuple[AssignmentId, Owner]]:
    """Whose work counts together with one of these and stays: a team's where a member's own goes, or the other way."""
    rows = work.session.execute(
        text("""
            SELECT DISTINCT s.assignment_id, s.owner FROM gradebook_entries e
            JOIN submissions s ON s.id IN (e.submission_id, e.own_submission_id) AND s.id <> ALL(:submissions)
            WHERE e.submission_id = ANY(:submissions) OR e.own_submission_id = ANY(:submissions)
            ORDER BY s.assignment_id, s.owner
        """),
        {"submissions": list(chosen)},
    )
    return [(AssignmentId(assignment), Owner(owner)) for assignment, owner in rows]


def delete_overrides_of(work: Work, chosen: Sequence[UUID]) -> None:
    """Of the people for whom one of these submissions counts; call it before they go."""
    _each(
        work,
        ["""DELETE FROM overrides o USING gradebook_entries e
            WHERE e.submission_id = ANY(:submissions) AND o.assignment_id = e.assignment_id
              AND o.person_id = e.person_id"""],
        submissions=list(chosen),
    )  # fmt: skip


def delete_old_drafts(work: Work, *, age: timedelta, course: int | None) -> int:
    """Drafts that nobody has saved for so long, whatever became of the submissions; how many."""
    rows = work.session.execute(
        text("""
            DELETE FROM drafts d USING assignments a WHERE a.id = d.assignment_id
               AND (CAST(:course AS integer) IS NULL OR a.course_id = :course)
               AND d.saved_at < clock_timestamp() - CAST(:age AS interval) RETURNING 1
        """),
        {"age": age, "course": course},
    )
    return len(rows.all())


def forget_ended(work: Work) -> int:
    """Sessions, tokens and claims that no longer work, sign-in attempts that no limit looks at; how many."""
    gone = 0
    for statement in (
        "DELETE FROM web_sessions WHERE expires_at < clock_timestamp()",
        "DELETE FROM api_tokens WHERE least(expires_at, revoked_at) < clock_timestamp() - interval '30 days'",
        "DELETE FROM grading_claims WHERE until < clock_timestamp()",
        "DELETE FROM lti_nonces WHERE at < clock_timestamp() - interval '1 day'",
        "DELETE FROM sign_in_attempts WHERE at < clock_timestamp() - interval '1 day'",
    ):
        gone += len(work.session.execute(text(f"{statement} RETURNING 1")).all())
    return gone


def _each(work: Work, statements: Sequence[str], **values: Any) -> None:
    for statement in statements:
        work.session.execute(text(statement), values)


def _scalar(work: Work, statement: str, **values: Any) -> Any:
    return work.session.execute(text(statement), values).scalar()
