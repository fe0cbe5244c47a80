"""Rows by the hundred thousand, made by PostgreSQL itself: what a term leaves behind, and what a rush puts in the queue."""

from __future__ import annotations

from sqlalchemy import text

from grader.storage.database import Database

_PEOPLE = """
INSERT INTO people (email, name, student_number)
SELECT 'bulk' || n || '@example.org', 'Student ' || n, 'S' || n FROM generate_series(1, :students) n
ON CONFLICT DO NOTHING;
"""
_MEMBERS = """
INSERT INTO memberships (course_id, person_id, role)
SELECT (SELECT id FROM courses WHERE slug = 'bench'), id, 'student' FROM people WHERE email LIKE 'bulk%'
ON CONFLICT DO NOTHING;
"""
_ASSIGNMENTS = """
INSERT INTO assignments (course_id, slug, title, spec_version_id)
SELECT course_id, 'bench-' || n, 'Assignment ' || n, spec_version_id
FROM assignments, generate_series(2, :assignments) n WHERE slug = :slug
ON CONFLICT DO NOTHING;
"""
_SUBMISSIONS = """
INSERT INTO submissions (id, assignment_id, person_id, owner, number, file_name, sha256, size_bytes, received_at)
SELECT gen_random_uuid(), a.id, p.id, 'p' || p.id, n, 'bulk.zip', md5(p.id || '/' || a.id || '/' || n), 30000,
       now() - interval '90 days' + n * interval '1 day'
FROM people p, assignments a, generate_series(:first + 1, :submissions) n WHERE p.email LIKE 'bulk%';
"""
_RUNS = """
INSERT INTO runs (id, submission_id, spec_version_id, reason, state, seed, score, max_score, mark_value, mark_label,
                  created_at, started_at, finished_at)
SELECT gen_random_uuid(), s.id, a.spec_version_id, 'upload', 'graded', 'seed', (s.number * 7 + s.person_id) % 41, 40, 3,
       'a mostly correct solution', s.received_at, s.received_at, s.received_at + interval '3 seconds'
FROM submissions s JOIN assignments a ON a.id = s.assignment_id WHERE s.number > :first AND s.file_name = 'bulk.zip';
"""
_ENTRIES = """
INSERT INTO gradebook_entries (assignment_id, person_id, submission_id, run_id, state, score, max_score, mark_value,
                               mark_label, submissions, received_at)
SELECT s.assignment_id, s.person_id, s.id, r.id, 'graded', r.score, 40, 3, 'a mostly correct solution', :submissions,
       s.received_at
FROM submissions s JOIN runs r ON r.submission_id = s.id WHERE s.number = :submissions AND s.file_name = 'bulk.zip'
ON CONFLICT (assignment_id, person_id) DO UPDATE
SET submission_id = excluded.submission_id, run_id = excluded.run_id, score = excluded.score,
    submissions = excluded.submissions, received_at = excluded.received_at;
"""
_WAITING = """
WITH submission AS (
    INSERT INTO submissions (id, assignment_id, person_id, owner, number, file_name, sha256, size_bytes)
    SELECT gen_random_uuid(), a.id, m.person_id, 'w' || n, 1, 'waiting.zip', md5('w' || n), 30000
    FROM generate_series((SELECT count(*) FROM submissions) + 1, (SELECT count(*) FROM submissions) + :waiting) n,
         (SELECT id FROM assignments WHERE slug = :slug) a, (SELECT person_id FROM memberships LIMIT 1) m
    RETURNING id, assignment_id, owner
), run AS (
    INSERT INTO runs (id, submission_id, spec_version_id, reason, seed, max_score)
    SELECT gen_random_uuid(), s.id, a.spec_version_id, 'upload', 'seed', 40
    FROM submission s JOIN assignments a ON a.id = s.assignment_id
    RETURNING id, submission_id
)
INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue, turn)
SELECT run.id, 'gate', s.assignment_id, s.owner, 'cpu', (random() * 20)::int
FROM run JOIN submission s ON s.id = run.submission_id;
"""


def fill_gradebook(
    database: Database, slug: str, *, students: int, assignments: int, first: int, submissions: int
) -> None:
    """Students, assignments, and for each pair the submissions after the `first` up to `submissions`, all graded."""
    values = {
        "students": students, "assignments": assignments, "first": first, "submissions": submissions, "slug": slug,
    }  # fmt: skip
    _run(database, values, _PEOPLE, _MEMBERS, _ASSIGNMENTS, _SUBMISSIONS, _RUNS, _ENTRIES)


def fill_waiting(database: Database, slug: str, waiting: int) -> None:
    """As many gate stages waiting in the cpu queue, each of another owner."""
    _run(database, {"waiting": waiting, "slug": slug}, _WAITING)


def unfinished(database: Database) -> int:
    """How many runs are not final."""
    with database.engine.connect() as connection:
        return int(
            connection.execute(text("SELECT count(*) FROM runs WHERE state IN ('waiting', 'grading')")).scalar_one()
        )


def _run(database: Database, values: dict[str, object], *statements: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in statements:
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), names)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))
