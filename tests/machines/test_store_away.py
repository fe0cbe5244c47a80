"""The blob store goes away and comes back: an upload keeps nothing, and no submission loses a try."""

from __future__ import annotations

import dataclasses
import threading
import time

import httpx
import pytest

from grader.domain.check import Artifact, ArtifactKind
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from tests.api.serving import InThread, serving, settings_for, world
from tests.object_server import BUCKET, ObjectServer
from tests.waiting import until
from tests.worker.conftest import EVERYTHING, TINY, a_desk
from tests.worker.stand_in_engine import StandInEngine
from worker.lifecycle import await_blobs
from worker.loop import GradingLoop
from worker.specs import SpecShelf

__all__ = ["serving", "world"]
URL = f"s3://{BUCKET}/grader"
CURVE = Artifact(name="loss", kind=ArtifactKind.CURVE, title="Loss", content=b'{"x": [1], "y": [2]}')


@pytest.fixture
def objects(tmp_path, monkeypatch):
    server = ObjectServer(tmp_path / "objects")
    server.start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


@pytest.fixture
def desk(database, tmp_path, objects):
    """A worker's slot whose bytes are in the object store."""
    made = a_desk(database, tmp_path, load_spec("tiny", TINY), StandInEngine())
    blobs = Blobs(URL)
    blobs.put(pack(made.spec))
    place = dataclasses.replace(made.place, blobs=blobs, specs=SpecShelf(blobs, tmp_path / "fetched"))
    return dataclasses.replace(made, place=place)


def test_an_upload_with_the_store_away_is_refused_in_a_sentence_and_keeps_nothing(world, postgres_url, objects):
    settings = dataclasses.replace(settings_for(postgres_url, objects.folder), blobs_url=URL)
    with InThread(settings) as running, httpx.Client(
        base_url=f"{running.url}/api/v1", headers={"Authorization": f"Bearer {world.token('student')}"}, timeout=60
    ) as client:  # fmt: skip
        address = f"/assignments/{world.assignment.slug}/submissions"
        with objects.away():
            refused = client.post(address, files={"file": ("work.py", b"x = 1\n")})
            assert (refused.status_code, refused.json()["code"]) == (503, "blobs-away")
            assert refused.json()["detail"] == "The store that keeps uploads did not answer; try again in a moment."
            assert refused.headers["Retry-After"]
        assert client.get("/submissions").json()["items"] == []
        assert objects.objects() == []
        taken = client.post(address, files={"file": ("work.py", b"x = 1\n")})
        assert (taken.status_code, taken.json()["number"]) == (202, 1)
        assert client.get("/submissions").json()["items"][0]["id"] == taken.json()["id"]


def test_a_worker_waits_for_the_store_and_no_submission_loses_a_try(desk, objects, caplog):
    caplog.set_level("INFO", "worker.loop")
    submission = desk.hand_in()
    working = threading.Thread(target=GradingLoop(desk.place, EVERYTHING).run, daemon=True)
    with objects.away():
        working.start()
        until(lambda: "put back (The store that keeps uploads did not answer" in caplog.text, "put back")
        claims = caplog.text.count("claimed, try")
        time.sleep(3)
        assert caplog.text.count("claimed, try") == claims == 1, "it claims nothing that it could not fetch"
        assert desk.stages(submission) == {"gate": ("waiting", 0)}
    until(lambda: desk.run(submission).state == "graded", "graded")
    assert desk.run(submission).score == 5.0
    assert set(desk.stages(submission).values()) == {("done", 1)}
    desk.place.leaving.set()
    desk.place.bell.ring()
    working.join(30)
    assert not working.is_alive()


def test_a_training_is_not_in_vain_when_the_store_is_away_at_its_end(desk, objects):
    submission = desk.hand_in()
    desk.grade_next()
    desk.engine.artifacts["B.trains"] = (CURVE,)
    back = threading.Timer(2.0, objects.start)

    def go_away() -> None:
        objects.stop()
        back.start()

    desk.engine.during["B.trains"] = go_away
    assert desk.grade_next()
    back.join()
    assert (desk.run(submission).score, desk.stages(submission)["train"]) == (5.0, ("done", 1))
    (kept,) = desk.run(submission).artifacts
    assert desk.place.blobs.get(kept.sha256) == CURVE.content


def test_a_worker_that_starts_before_the_store_waits_for_it(objects, database):
    asked = []

    def stopped_within(seconds: float) -> bool:
        asked.append(seconds)
        if len(asked) == 2:
            objects.start()
        return False

    objects.stop()
    assert await_blobs(Blobs(URL), database, stopped_within)
    assert len(asked) == 2
    objects.stop()
    assert not await_blobs(Blobs(URL), database, lambda seconds: True)
