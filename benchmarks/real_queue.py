"""An hour's uploads through the real queue: PostgreSQL, receipts, claims, leases, scores. Only the engine waits instead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from grader.domain.check import CheckDefinition, CheckResult, CheckStatus, Stage
from grader.domain.course import Reader
from grader.domain.grading import Queue
from grader.domain.ids import CheckId, PartId
from grader.domain.run import Event, RunReport, RunStatus, without_checks
from grader.domain.score import score_of
from grader.domain.submission import Upload
from grader.engine.pipeline import GradeOptions
from grader.local.postgres import PrivatePostgres
from grader.service import accounts, assignments, courses, submissions
from grader.service.courses import RosterLine
from grader.specs.load import Spec, load_spec
from grader.specs.pack import pack
from grader.storage import schema
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.models import StageRow, SubmissionRow
from grader.storage.repositories import stages
from worker.bell import Bell
from worker.loop import GradingLoop, Workplace
from worker.settings import worker_settings
from worker.specs import SpecShelf

TINY = Path(__file__).parents[1] / "tests" / "faults" / "specs"
PLAN = tuple(
    CheckDefinition(id=CheckId(name), part=PartId(name[0]), title=name, points=points, stage=stage)
    for name, points, stage in (
        ("A.loads", 0, Stage.GATE), ("A.answer", 1, Stage.UNIT), ("A.sleeps", 2, Stage.UNIT), ("B.trains", 2, Stage.TRAIN),
    )
)  # fmt: skip


class WaitingEngine:
    """Takes as long as it is told to, and gives full marks."""

    def __init__(self, unit_s: float, train_s: float) -> None:
        self._takes = {Stage.UNIT: unit_s, Stage.TRAIN: train_s}

    def grade(
        self, spec: Spec, name: str, content: bytes, options: GradeOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> RunReport:  # fmt: skip
        del content
        if options is None or on_event is None:
            raise TypeError("a worker gives both")
        on_event(Event(kind="plan", plan=PLAN))
        results = []
        for stage in options.stages:
            on_event(Event(kind="stage", stage=stage))
            time.sleep(self._takes.get(stage, 0))
            for check in (check for check in PLAN if check.stage is stage):
                result = _passed(check)
                results.append(result)
                on_event(Event(kind="check", check_id=check.id, result=result))
        blank = without_checks(
            spec.assignment, spec_version=spec.version, file=name, sha256="0" * 64, status=RunStatus.GRADED
        )
        return RunReport(**{**_fields(blank), "checks": tuple(results), "score": score_of(results)})


def _fields(report: RunReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in RunReport.__slots__}


def _passed(check: CheckDefinition) -> CheckResult:
    return CheckResult(
        id=check.id, part=check.part, title=check.title, stage=check.stage, status=CheckStatus.PASSED,
        points=check.points, max_points=check.points, visibility=check.visibility, message="", seconds=0.0,
    )  # fmt: skip


def through_the_real_queue(
    uploads: list[tuple[float, int]], folder: Path, *, slots: int, unit_s: float, train_s: float, handicap_s: int
) -> tuple[list[float], list[float]]:
    """Seconds from upload to unit results, and to the score, of each submission, by the database's own times.

    Args:
        uploads: (seconds from now, owner), in the order in which they come.
        folder: for the server's and the blobs' files.
        slots: how many stages are graded at once.
        unit_s: how long a slot takes for gate and unit.
        train_s: how long a slot takes for the training.
        handicap_s: what an owner's unfinished stage costs in the queue.

    """
    # The hour is shorter here, and so is everything that is measured in the hour's seconds.
    stages.HANDICAP_S = handicap_s
    postgres = PrivatePostgres(folder, durable=False)
    postgres.start()
    try:
        schema.upgrade(postgres.url)
        database = Database(postgres.url, pool=2 * slots + 4)
        place, slug, readers = _place(database, folder, {owner for _, owner in uploads}, unit_s, train_s, slots)
        threads = [
            threading.Thread(target=GradingLoop(place, tuple(Queue)).run, name=f"slot-{number}", daemon=True)
            for number in range(slots)
        ]
        for thread in threads:
            thread.start()
        _hand_in(place, slug, readers, uploads)
        while _unfinished(database, len(uploads)):
            time.sleep(0.5)
        place.stopping.set()
        place.bell.ring(slots)
        for thread in threads:
            thread.join(10)
        found = _times(database)
        database.close()
    finally:
        postgres.stop()
    return found


def _place(
    database: Database, folder: Path, owners: set[int], unit_s: float, train_s: float, slots: int
) -> tuple[Workplace, str, dict[int, Reader]]:
    blobs = Blobs(str(folder / "blobs"))
    spec = load_spec("tiny", TINY)
    stored = blobs.put(pack(spec))
    with database.begin() as work:
        course = courses.create_course(work, slug="course", title="Course")
        version = assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )
        assignments.offer(work, course, version, uploads_per_day=1000)
        people = {
            owner: courses.add_member(work, course.id, RosterLine(email=f"s{owner}@example.org", name=f"S {owner}"))
            for owner in owners
        }
        readers = {owner: accounts.reader_for(work, member.person.id) for owner, member in people.items()}
    environment = {
        "GRADER_DATABASE_URL": database.url, "GRADER_BROKER_URL": "redis://unused", "GRADER_BLOBS_URL": blobs.url,
    }  # fmt: skip
    settings = worker_settings(environment, queues=",".join(Queue), jobs=slots)
    place = Workplace(
        settings=settings, database=database, blobs=blobs, specs=SpecShelf(blobs, folder / "specs"),
        engines=WaitingEngine(unit_s, train_s), bell=Bell(slots), stopping=threading.Event(),
    )  # fmt: skip
    return place, spec.slug, readers


def _hand_in(place: Workplace, slug: str, readers: dict[int, Reader], uploads: list[tuple[float, int]]) -> None:
    began = time.monotonic()
    for number, (at, owner) in enumerate(uploads):
        time.sleep(max(0.0, began + at - time.monotonic()))
        stored = place.blobs.put(f"x = {number}\n".encode())
        with place.database.begin() as work:
            assignment = assignments.offered(work, readers[owner], slug)
            upload = Upload(name="model.py", sha256=stored.sha256, size_bytes=stored.size_bytes)
            submissions.receive(work, readers[owner], assignment, upload)
        place.bell.ring()


def _unfinished(database: Database, expected: int) -> bool:
    with database.begin() as work:
        return work.session.query(StageRow).filter_by(stage="train", state="done").count() < expected


def _times(database: Database) -> tuple[list[float], list[float]]:
    unit, score = [], []
    with database.begin() as work:
        received: dict[object, datetime] = {row.id: row.received_at for row in work.session.query(SubmissionRow)}
        query = "SELECT r.submission_id, s.stage, s.finished_at FROM run_stages s JOIN runs r ON r.id = s.run_id"
        for submission, stage, finished in work.session.connection().exec_driver_sql(query):
            if stage in {"unit", "train"}:
                (unit if stage == "unit" else score).append((finished - received[submission]).total_seconds())
    return unit, score
