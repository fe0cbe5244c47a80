"""How long the statistics of a large assignment take: `python -m benchmarks.assignment_statistics`.

Fills a PostgreSQL of its own with an assignment of 300 students, 20 submissions each, every tenth of them run twice, 30
checks a run, and asks for its statistics as the page does. Prints one line.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from grader.domain.check import CheckDefinition, Stage
from grader.domain.course import Role
from grader.domain.ids import CheckId, PartId
from grader.local.postgres import PrivatePostgres
from grader.service import gradebook
from grader.storage import schema
from grader.storage.database import Database, Work
from tests import builders

_TIMES = 9
_FILL = (
    """INSERT INTO people (email, name) SELECT 'many' || n || '@example.org', 'Many ' || n
       FROM generate_series(1, :students) AS n""",
    """INSERT INTO memberships (course_id, person_id, role)
       SELECT :course, id, 'student' FROM people WHERE email LIKE 'many%'""",
    """INSERT INTO submissions (id, assignment_id, person_id, owner, number, file_name, sha256, size_bytes, received_at)
       SELECT gen_random_uuid(), :assignment, people.id, 'p' || people.id, n, 'cnn.py', md5(people.id || '.' || n), 10,
              now() - (:uploads - n) * interval '1 hour'
       FROM people, generate_series(1, :uploads) AS n WHERE email LIKE 'many%'""",
    """INSERT INTO runs (id, submission_id, spec_version_id, reason, state, seed, score, max_score, finished_at, facts)
       SELECT gen_random_uuid(), id, :version, 'upload', 'graded', 's', random() * 30, 30,
              received_at + interval '30 s', '{"train": {"gpu_s": 12.5}}'
       FROM submissions, generate_series(1, 2) AS n WHERE assignment_id = :assignment AND (n = 1 OR number % 10 = 0)""",
    """INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue, state, started_at, finished_at)
       SELECT runs.id, stage, :assignment, owner, 'cpu', 'done', received_at, received_at + interval '9 s'
       FROM runs JOIN submissions ON submissions.id = submission_id, unnest(ARRAY['gate', 'unit', 'train']) AS stage""",
    """INSERT INTO check_results (run_id, check_id, position, part, title, stage, status, points, max_points, visibility)
       SELECT id, 'A.c' || n, n, 'A', 'Check ' || n, 'unit', verdict,
              CASE verdict WHEN 'passed' THEN 1 ELSE 0 END, 1, 'always'
       FROM runs, generate_series(1, :checks) AS n,
            LATERAL (SELECT CASE WHEN random() < score / 30 THEN 'passed' ELSE 'failed' END AS verdict
                     WHERE n > 0) AS judged""",
    """INSERT INTO gradebook_entries (assignment_id, person_id, submission_id, run_id, state, score, max_score,
                                      submissions, received_at)
       SELECT DISTINCT ON (submissions.person_id) :assignment, submissions.person_id, submissions.id, runs.id, 'graded',
              runs.score, 30, :uploads, received_at
       FROM submissions JOIN runs ON runs.submission_id = submissions.id
       WHERE submissions.assignment_id = :assignment ORDER BY submissions.person_id, number DESC""",
    "ANALYZE",
)


def measure(database: Database, *, students: int, uploads: int, checks: int) -> list[float]:
    """Seconds of each of some calls."""
    plan = tuple(
        CheckDefinition(id=CheckId(f"A.c{n}"), part=PartId("A"), title=f"Check {n}", points=1, stage=Stage.UNIT)
        for n in range(1, checks + 1)
    )
    with database.begin() as work:
        course = builders.a_course(work)
        offered = builders.an_assignment(work, course, plan=plan)
        reader = builders.a_reader(builders.a_person(work, course, Role.TA), course, role=Role.TA)
        _fill(work, course=course.id, assignment=offered.id, students=students, uploads=uploads, checks=checks)
    took = []
    for _ in range(_TIMES):
        with database.begin() as work:
            began = time.perf_counter()
            found = gradebook.statistics(work, reader, offered)
            took.append(time.perf_counter() - began)
        assert found.handed_in == students
        assert len(found.flaky) == checks
    return took


def _fill(work: Work, **values: int) -> None:
    version = work.session.execute(text("SELECT max(id) FROM spec_versions")).scalar_one()
    for statement in _FILL:
        work.session.execute(text(statement), values | {"version": version})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--checks", type=int, default=30)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="statistics-"))
    postgres = PrivatePostgres(folder, durable=False)
    postgres.start()
    try:
        schema.upgrade(postgres.url)
        database = Database(postgres.url)
        took = measure(database, students=given.students, uploads=given.uploads, checks=given.checks)
        database.close()
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{given.students} students, {given.uploads} submissions each, {given.checks} checks: "
        f"median {statistics.median(took):.2f} s, slowest {max(took):.2f} s of {_TIMES}"
    )


if __name__ == "__main__":
    main()
