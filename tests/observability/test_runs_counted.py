"""Runs by state cost the same however many there are, and are right whichever statement ended or deleted one."""

from __future__ import annotations

from sqlalchemy import text

from grader.domain.grading import RunState
from grader.service import operations, runs
from grader.storage.models import EndedRunsRow
from tests import builders

MANY = 20_000


def by_state(database):
    with database.begin() as work:
        return {state.value: count for state, count in operations.figures(work).runs.items() if count}


def as_counted(database):
    with database.begin() as work:
        rows = work.session.execute(text("SELECT state, count(*) FROM runs GROUP BY state"))
        return {row.state: row.count for row in rows}


def do(database, statement, **values):
    with database.begin() as work:
        work.session.execute(text(statement), values)


def a_submission(database):
    with database.begin() as work:
        course = builders.a_course(work)
        assignment = builders.an_assignment(work, course)
        submission = builders.a_submission(work, assignment, builders.a_person(work, course))
        return builders.a_run(work, assignment, submission)


INSERT = """
INSERT INTO runs (id, submission_id, spec_version_id, reason, seed, max_score, state, facts)
SELECT gen_random_uuid(), :submission, :version, 'upload', 's', 5, :state, jsonb_build_object('torch', repeat('x', 200))
FROM generate_series(1, :many)
"""


def insert(database, like, state, many):
    do(database, INSERT, submission=like.submission_id, version=like.spec_version_id, state=state, many=many)


def test_whatever_ends_reopens_or_deletes_runs_the_count_is_right(database):
    run = a_submission(database)
    for state in RunState:
        insert(database, run, state.value, 3)
    assert by_state(database) == as_counted(database) == dict.fromkeys((s.value for s in RunState), 3) | {"waiting": 4}
    do(database, "UPDATE runs SET state = 'graded' WHERE state = 'grading'")
    do(database, "UPDATE runs SET state = state, message = 'again'")
    do(database, "UPDATE runs SET state = 'failed' WHERE state = 'rejected'")
    do(database, "DELETE FROM runs WHERE id = (SELECT id FROM runs WHERE state = 'graded' LIMIT 1)")
    assert by_state(database) == as_counted(database) == {"waiting": 4, "graded": 5, "failed": 6}


READ = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname IN ('runs', 'ended_runs')"


def rows_read(database, read):
    """How many rows of runs and of what is counted about them a transaction looks at."""
    with database.begin() as work:
        # What the connection has not reported yet is in the figure, too.
        before = sum(work.session.execute(text(READ)).scalars())
        read(work)
        return sum(work.session.execute(text(READ)).scalars()) - before


def test_of_20_000_ended_runs_none_is_looked_at(database):
    run = a_submission(database)
    insert(database, run, "graded", MANY - 1_000)
    insert(database, run, "rejected", 1_000)
    with database.begin() as work:
        runs.sweep(work)
        assert work.session.query(EndedRunsRow).count() == 2
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE runs, ended_runs"))
    assert by_state(database) == {"waiting": 1, "graded": MANY - 1_000, "rejected": 1_000}
    assert (
        rows_read(database, lambda work: work.session.execute(text("SELECT state, count(*) FROM runs GROUP BY state")))
        >= MANY
    )
    assert rows_read(database, operations.figures) < 100
