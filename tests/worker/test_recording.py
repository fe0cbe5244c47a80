"""One claim under way: its heartbeat, and what happens to results while database or blobs are away."""

from __future__ import annotations

import errno
import threading
import time
from contextlib import contextmanager

import pytest

from grader.domain.check import Artifact, ArtifactKind
from grader.domain.errors import DatabaseBusy, StorageFull
from grader.service import runs
from grader.specs.load import load_spec
from grader.storage.database import Database
from tests.waiting import until
from tests.worker.conftest import TINY, a_desk
from tests.worker.stand_in_engine import StandInEngine

LEASE_S = 1.0
CURVE = Artifact(name="loss", kind=ArtifactKind.CURVE, title="Loss", content=b'{"x": [1], "y": [2]}')


class GoesAway(Database):
    """The real database, which cannot be reached while `is_away`."""

    is_away = False

    @contextmanager
    def begin(self):
        if self.is_away:
            raise DatabaseBusy
        with super().begin() as work:
            yield work


@pytest.fixture
def engine():
    return StandInEngine()


@pytest.fixture
def shaky(database, tmp_path, engine):
    """A desk whose worker's database may go away, with leases of a second."""
    worker_database = GoesAway(database.url)
    desk = a_desk(worker_database, tmp_path, load_spec("tiny", TINY), engine, lease_s=LEASE_S)
    yield desk
    worker_database.close()


def put_back_by_a_sweep(database) -> int:
    with database.begin() as work:
        return runs.sweep(work)["expired"]


def test_a_long_check_keeps_its_lease_by_heartbeat(shaky, database, engine):
    submission = shaky.hand_in()
    swept = []

    def slowly():
        ends_at = time.monotonic() + 3 * LEASE_S
        while time.monotonic() < ends_at:
            swept.append(put_back_by_a_sweep(database))
            time.sleep(0.1)

    engine.during["A.sleeps"] = slowly
    shaky.grade_all()
    assert sum(swept) == 0
    assert shaky.stages(submission)["unit"] == ("done", 1)
    assert shaky.run(submission).score == 5.0


def test_results_wait_while_the_database_is_away_and_are_written_when_it_is_back(shaky, engine):
    submission = shaky.hand_in()

    def leave():
        shaky.database.is_away = True

    def come_back():
        shaky.database.is_away = False
        until(lambda: "A.answer" in shaky.results(submission), "the result that waited")

    engine.during["A.answer"] = leave
    engine.during["A.sleeps"] = come_back
    shaky.grade_all()
    assert shaky.stages(submission)["unit"] == ("done", 1)
    assert shaky.run(submission).score == 5.0


def test_a_database_that_is_away_for_longer_than_the_lease_costs_the_stage(shaky, database, engine):
    submission = shaky.hand_in()

    def leave_for_long():
        shaky.database.is_away = True
        until(lambda: put_back_by_a_sweep(database) == 1, "the sweep puts it back")

    engine.during["A.answer"] = leave_for_long
    shaky.grade_next()
    shaky.database.is_away = False
    assert shaky.stages(submission)["unit"] == ("waiting", 1)
    assert "A.answer" not in shaky.results(submission)
    engine.during.clear()
    shaky.grade_all()
    assert shaky.run(submission).score == 5.0


def test_pictures_and_curves_are_kept_as_blobs_beside_their_check(desk):
    submission = desk.hand_in()
    desk.engine.artifacts["B.trains"] = (CURVE,)
    desk.grade_all()
    (kept,) = desk.run(submission).artifacts
    assert (kept.check, kept.name, kept.kind, kept.title) == ("B.trains", "loss", "curve", "Loss")
    assert desk.place.blobs.get(kept.sha256) == CURVE.content


def test_a_picture_waits_for_room_on_a_full_disk_and_the_heartbeat_goes_on(shaky, database, engine, monkeypatch):
    submission = shaky.hand_in()
    engine.artifacts["A.answer"] = (CURVE,)
    put = shaky.place.blobs.put

    def full(content):
        raise StorageFull from OSError(errno.ENOSPC, "full")

    def fill_the_disk():
        monkeypatch.setattr(shaky.place.blobs, "put", full)

    def for_longer_than_the_lease():
        time.sleep(1.5 * LEASE_S)
        assert put_back_by_a_sweep(database) == 0

    engine.during["A.answer"] = fill_the_disk
    engine.during["A.sleeps"] = for_longer_than_the_lease
    # Somebody makes room while the stage waits to be ended.
    room = threading.Timer(4 * LEASE_S, lambda: monkeypatch.setattr(shaky.place.blobs, "put", put))
    room.start()
    shaky.grade_next()
    room.join()
    assert shaky.stages(submission)["unit"] == ("done", 1)
    assert [artifact.name for artifact in shaky.run(submission).artifacts] == ["loss"]


def test_the_plan_is_kept_once_a_harness_has_told_it(desk):
    submission = desk.hand_in()
    assert desk.run(submission).plan == ()
    desk.grade_next()
    assert [check.id for check in desk.run(submission).plan] == ["A.loads", "A.answer", "A.sleeps", "B.trains"]
