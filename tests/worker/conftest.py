"""A worker in this process, on the real database: a stand-in for the engine, everything else as in production."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.answers.given import packed
from grader.domain.course import Role
from grader.domain.gradebook import GradebookQuery
from grader.domain.grading import GradingRun, Queue
from grader.domain.submission import Upload
from grader.engine.sandbox.select import make
from grader.service import accounts, assignments, courses, gradebook, runs, submissions
from grader.service.courses import RosterLine
from grader.specs.load import Spec, load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.worker.stand_in_engine import StandInEngine
from worker.bell import Bell
from worker.loop import GradingLoop, Workplace
from worker.settings import WorkerSettings
from worker.specs import SpecShelf

TINY = Path(__file__).parents[1] / "faults" / "specs"
EVERYTHING = (Queue.CPU, Queue.GPU, Queue.RERUN)
STUDENT, TEACHER = "student@example.org", "teacher@example.org"


def require_sandbox(name: str) -> None:
    """Skip where there is none, unless REQUIRE_SANDBOX=1 says that there should be."""
    readiness = make(name).check()
    if not readiness.usable:
        if os.environ.get("REQUIRE_SANDBOX") == "1":
            pytest.fail(f"{name}: {readiness.problems}")
        pytest.skip(f"{name} cannot be used here; REQUIRE_SANDBOX=1 makes this a failure")


@dataclass
class Desk:
    """A course with one assignment, one student, and a worker's slot that is asked to grade by hand."""

    place: Workplace
    engine: StandInEngine
    spec: Spec
    slug: str

    @property
    def database(self) -> Database:
        return self.place.database

    def hand_in(
        self, content: bytes = b"x = 1\n", name: str = "model.py", answers: dict[str, Any] | None = None
    ) -> str:
        stored = self.place.blobs.put(content)
        written = None if answers is None else self.place.blobs.put(packed(answers)).sha256
        with self.database.begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, STUDENT).id)
            assignment = assignments.offered(work, reader, self.slug)
            upload = Upload(name=name, sha256=stored.sha256, size_bytes=stored.size_bytes, answers_sha256=written)
            return submissions.receive(work, reader, assignment, upload).id

    def grade_next(self) -> bool:
        return GradingLoop(self.place, EVERYTHING).grade_next()

    def grade_all(self) -> None:
        while self.grade_next():
            pass

    def run(self, submission: str) -> GradingRun:
        with self.database.begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, TEACHER).id)
            (run,) = submissions.runs_of(work, reader, submissions.find(work, reader, submission))
        return run

    def stages(self, submission: str) -> dict[str, tuple[str, int]]:
        return {facts.stage.value: (facts.state.value, facts.attempts) for facts in self.run(submission).stages}

    def results(self, submission: str) -> dict[str, str]:
        return {str(check.id): check.status.value for check in self.run(submission).checks}

    def score_in_gradebook(self) -> float | None:
        with self.database.begin() as work:
            reader = accounts.reader_for(work, accounts.find_person(work, TEACHER).id)
            assignment = assignments.offered(work, reader, self.slug)
            page = gradebook.page(work, reader, assignment, GradebookQuery(limit=200))
        (row,) = [row for row in page.rows if row.person.email == STUDENT]
        return row.score

    def rob(self) -> None:
        """Take every lease away, as a sweep does after a silence, and let somebody else claim at once."""
        with self.database.begin() as work:
            work.session.connection().exec_driver_sql(
                "UPDATE run_stages SET lease_until = clock_timestamp() WHERE state = 'leased'"
            )
        with self.database.begin() as work:
            runs.sweep(work)


def a_desk(database: Database, folder: Path, spec: Spec, engine, *, lease_s: float = 30.0) -> Desk:
    blobs = Blobs(str(folder / "blobs"))
    stored = blobs.put(pack(spec))
    with database.begin() as work:
        course = courses.create_course(work, slug="course", title="Course")
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=100)
        courses.add_member(work, course.id, RosterLine(email=TEACHER, name="T", role=Role.INSTRUCTOR))
        courses.add_member(work, course.id, RosterLine(email=STUDENT, name="S"))
    settings = WorkerSettings(
        database_url=database.url, broker_url="", blobs_url=blobs.url, queues=EVERYTHING, jobs=1, lease_s=lease_s,
        sandbox=None, name="desk-1",
    )  # fmt: skip
    place = Workplace(
        settings=settings, database=database, blobs=blobs, specs=SpecShelf(blobs, folder / "specs"), engines=engine,
        bell=Bell(1), stopping=threading.Event(),
    )  # fmt: skip
    return Desk(place=place, engine=engine, spec=spec, slug=spec.slug)


@pytest.fixture
def desk(database, tmp_path) -> Desk:
    return a_desk(database, tmp_path, load_spec("tiny", TINY), StandInEngine())
