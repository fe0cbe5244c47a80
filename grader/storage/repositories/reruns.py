"""Many runs in one statement: mass reruns, and the runs of a trial."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from sqlalchemy import text

from grader.domain.assignment import Assignment
from grader.storage.database import Work
from grader.storage.models import TrialRow
from grader.storage.repositories import stages

# What a mass rerun and a trial take: what counts for somebody, and what has no result yet.
CHOSEN = """
    s.assignment_id = :assignment AND s.removed_at IS NULL AND (
        s.id IN (SELECT e.submission_id FROM gradebook_entries e WHERE e.assignment_id = :assignment
                 UNION SELECT e.own_submission_id FROM gradebook_entries e WHERE e.assignment_id = :assignment)
        OR NOT EXISTS (SELECT FROM runs r WHERE r.submission_id = s.id AND NOT r.is_trial
                       AND r.state IN ('graded', 'rejected')))
"""
# Where one by this very spec version is under way nothing is added; by another it says nothing of what this one will.
_NOT_UNDER_WAY = """
    NOT EXISTS (SELECT FROM runs r WHERE r.submission_id = s.id AND NOT r.is_trial
                AND r.state IN ('waiting', 'grading') AND r.spec_version_id = :version)
"""
_LAST_GRADED = """
    SELECT last.id FROM runs last WHERE last.submission_id = s.id AND NOT last.is_trial AND last.state = 'graded'
    AND last.created_at = (SELECT max(r.created_at) FROM runs r
                           WHERE r.submission_id = s.id AND NOT r.is_trial AND r.state = 'graded')
"""


def add_all(
    work: Work,
    *,
    assignment_id: int,
    spec_version_id: int,
    definition: Assignment,
    requested_by: int,
    is_fresh: bool = False,
) -> list[UUID]:
    """A mass rerun in one statement: a run and a gate stage for every owner's counting or scoreless submission.

    Unless `is_fresh`, each may reuse results of its submission's last graded run, if that was by another spec version.
    """
    return add_chosen(
        work, f"{CHOSEN} AND {_NOT_UNDER_WAY}", assignment_id=assignment_id, spec_version_id=spec_version_id,
        definition=definition, requested_by=requested_by, is_fresh=is_fresh,
    )  # fmt: skip


def add_chosen(
    work: Work, those: str, *, assignment_id: int, spec_version_id: int, definition: Assignment, requested_by: int,
    is_fresh: bool,
) -> list[UUID]:  # fmt: skip
    """A mass rerun of every submission that the condition `those` on `s` holds for."""
    return _add(
        work, those, f"{_LAST_GRADED} AND last.spec_version_id <> :version LIMIT 1",
        definition, assignment=assignment_id, version=spec_version_id, person=requested_by, fresh=is_fresh,
        priority=1, trial=None,
    )  # fmt: skip


def add_of_trial(work: Work, trial: TrialRow, those: str, *, definition: Assignment, requested_by: int) -> list[UUID]:
    """Runs of a trial for every submission that the condition `those` on `s` holds for, behind all else that waits."""
    return _add(
        work, those, f"{_LAST_GRADED} LIMIT 1", definition, assignment=trial.assignment_id,
        version=trial.spec_version_id, person=requested_by, fresh=trial.is_fresh, priority=2, trial=trial.id,
    )  # fmt: skip


def _add(work: Work, those: str, reuse: str, definition: Assignment, **values: object) -> list[UUID]:
    statement = text(f"""
        WITH fresh AS (
            INSERT INTO runs (id, submission_id, spec_version_id, reason, requested_by, seed, max_score, parts,
                              trial_id, is_trial, reuse_from)
            SELECT gen_random_uuid(), s.id, :version, 'mass-rerun', :person, md5(random()::text || s.id),
                   (k.kind ->> 'points')::double precision, nullif(k.kind -> 'parts', 'null'::jsonb),
                   CAST(:trial AS integer), CAST(:trial AS integer) IS NOT NULL,
                   CASE WHEN CAST(:fresh AS boolean) THEN NULL ELSE ({reuse}) END
            FROM submissions s CROSS JOIN LATERAL (SELECT CAST(:kinds AS jsonb) -> CASE WHEN s.is_own THEN 'own'
                 WHEN s.owner LIKE 't%' THEN 'team' ELSE 'alone' END AS kind) k
            WHERE {those}
            RETURNING id, submission_id
        )
        INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue, priority, turn)
        SELECT fresh.id, 'gate', :assignment, s.owner, 'rerun', :priority,
               extract(epoch FROM clock_timestamp())::bigint
               + :handicap * row_number() OVER (PARTITION BY s.owner ORDER BY s.received_at)
        FROM fresh JOIN submissions s ON s.id = fresh.submission_id
        RETURNING run_id
    """)  # noqa: S608  # of this module's own words alone
    kinds = json.dumps({name: _judged(definition, name) for name in ("own", "team", "alone")})
    return list(work.session.scalars(statement, {**values, "kinds": kinds, "handicap": stages.HANDICAP_S}))


def _judged(definition: Assignment, whose: str) -> dict[str, Any]:
    parts = definition.parts_judged(is_team=whose == "team", is_own=whose == "own")
    return {"parts": parts, "points": definition.points_of(parts)}


def count_all(work: Work, assignment_id: int, spec_version_id: int) -> int:
    """How many runs `add_all` would make."""
    query = text(f"SELECT count(*) FROM submissions s WHERE {CHOSEN} AND {_NOT_UNDER_WAY}")  # noqa: S608  # as above
    return int(work.session.execute(query, {"assignment": assignment_id, "version": spec_version_id}).scalar_one())
