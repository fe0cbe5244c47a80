"""What is old goes, what is named stays, and nobody who stores the same bytes at that moment loses them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from grader.answers.asked import AskedQuestion
from grader.domain.adjustment import WHOLE
from grader.domain.course import Role
from grader.domain.errors import BadArguments
from grader.domain.submission import Upload
from grader.service import clearing, drafts, overrides, regrades, retention, submissions
from grader.storage import dump
from grader.storage.blobs import BlobMissing, Blobs, StoredBlob
from tests.builders import a_course, a_person, a_reader, an_assignment
from tests.service.test_member_parts import Pair
from tests.service.test_queue_stages import grade_all


def older(blobs: Blobs, digest: str, hours: float) -> None:
    for folder in (digest[:2], "aside"):
        path = Path(blobs.url, folder, digest)
        if path.exists():
            os.utime(path, (time.time() - hours * 3600,) * 2)


class Years:
    """Two students: one handed in long ago, the other long ago and now."""

    def __init__(self, database, blobs) -> None:
        self.database, self.blobs = database, blobs
        with database.begin() as work:
            self.course = a_course(work, slug="dl")
            self.assignment = an_assignment(work, self.course, blob=blobs.put(b"spec").sha256, uploads_per_day=100_000)
            self.gone, self.here = (a_reader(a_person(work, self.course), self.course) for _ in range(2))
        self.old = self.hand_in(self.gone, b"old work")
        self.mixed = self.hand_in(self.here, b"old work too")
        grade_all(database)
        with database.begin() as work:
            work.session.execute(text("UPDATE submissions SET received_at = received_at - interval '800 days'"))
            work.session.execute(text("UPDATE check_results SET output = 'printed', detail = 'for staff'"))
        self.new = self.hand_in(self.here, b"new work")
        grade_all(database)
        for path in ("old work", "old work too", "new work"):
            older(blobs, blobs.put(path.encode()).sha256, 900)

    def hand_in(self, reader, content: bytes) -> str:
        stored = self.blobs.put(content)
        upload = Upload(name="work.py", sha256=stored.sha256, size_bytes=stored.size_bytes)
        with self.database.begin() as work:
            return submissions.receive(work, reader, self.assignment, upload).id

    def decide(self) -> None:
        """What is old is asked about, adjusted and overridden."""
        with self.database.begin() as work:
            work.session.execute(text("UPDATE assignments SET due_at = NULL, regrade_days = 366"))
            ta = a_reader(a_person(work, self.course, role=Role.TA), self.course, role=Role.TA)
            found = submissions.find(work, self.gone, self.old)
            request = regrades.ask(work, self.gone, found, target=WHOLE, reason="Once more.")
            regrades.answer(work, ta, request.id, granted=True, words="Right.", points=1.0)
            overrides.override(work, ta, self.assignment, self.gone.id, score=2, reason="x")
            asked = [AskedQuestion(id="why", title="", kind="text")]
            drafts.save(work, self.gone, self.assignment, asked, {"why": "so"}, version=0)

    def scores(self) -> dict[int, float]:
        with self.database.begin() as work:
            return dict(work.session.execute(text("SELECT person_id, score FROM gradebook_entries")).all())


@pytest.fixture
def years(place, database):
    return Years(database, Blobs(str(place.blobs)))


def test_files_and_outputs_go_and_scores_stay(years, grader, database):
    scores = years.scores()
    assert scores == {years.gone.id: 5.0, years.here.id: 5.0}
    status, out, _ = grader("retention", "apply", "--older-than", "2y", "--dry-run")
    assert (status, "Would let go 1 sub" in out) == (0, True)
    assert years.blobs.has(years.blobs.put(b"old work").sha256)
    older(years.blobs, years.blobs.put(b"old work").sha256, 900)
    status, out, err = grader("retention", "apply", "--older-than", "2y")
    assert (status, "Let go 1 sub" in out, "Deleted 1 blobs" in out) == (0, True, True), out + err
    assert years.scores() == scores
    with database.begin() as work:
        rows = work.session.execute(text(
            "SELECT DISTINCT s.id::text, c.output, c.detail FROM submissions s JOIN runs r ON r.submission_id = s.id "
            "JOIN check_results c ON c.run_id = r.id WHERE s.received_at < now() - interval '1 day'"
        )).all()  # fmt: skip
    assert {tuple(row) for row in rows} == {(years.old, "", ""), (years.mixed, "printed", "for staff")}
    assert years.blobs.get(years.blobs.put(b"old work too").sha256)
    assert grader("retention", "apply", "--older-than", "2y")[1].startswith("Let go 0")


def test_whoever_asks_for_what_was_removed_is_told_so(world, grader, database):
    identity = world.hand_in("student").json()["id"]
    world.grade()
    with database.begin() as work:
        work.session.execute(text("UPDATE submissions SET received_at = received_at - interval '800 days'"))
    assert grader("retention", "apply", "--older-than", "2y")[0] == 0
    student, teacher = world.client("student"), world.client("instructor")
    gone = student.get(f"/submissions/{identity}/file")
    assert (gone.status_code, gone.json()["code"]) == (410, "no-longer-kept")
    shown = student.get(f"/submissions/{identity}").json()
    assert shown["score"] == 5.0
    assert teacher.post(f"/submissions/{identity}/rerun").status_code == 410
    everybody = teacher.post(f"/assignments/{world.assignment.slug}/rerun")
    assert everybody.json()["submissions"] == 0


def test_a_draft_goes_when_nobody_has_saved_it_for_so_long(years, grader, database):
    asked = [AskedQuestion(id="why", title="", kind="text")]
    with database.begin() as work:
        for reader in (years.gone, years.here):
            drafts.save(work, reader, years.assignment, asked, {"why": "so"}, version=0)
        old = "UPDATE drafts SET saved_at = saved_at - interval '800 days' WHERE owner = :owner"
        work.session.execute(text(old), {"owner": f"p{years.here.id}"})
    assert grader("retention", "apply", "--older-than", "2y")[0] == 0
    with database.begin() as work:
        kept = work.session.execute(text("SELECT owner FROM drafts")).scalars().all()
    assert kept == [f"p{years.gone.id}"]


@pytest.mark.parametrize(("goes", "left"), [("own", (7.0, 10.0)), ("team's", (3.0, 10.0))])
def test_what_counts_together_with_what_goes_is_worked_out_anew(goes, left, grader, place, database):
    pair = Pair(database)
    pair.hand_in(pair.ada)
    own = pair.hand_in(pair.bob, own=True)
    pair.grade()
    assert pair.score(pair.bob) == (10.0, 10.0)
    with database.begin() as work:
        aged = "UPDATE submissions SET received_at = received_at - interval '800 days' WHERE (id = :own) = :goes"
        work.session.execute(text(aged), {"own": own, "goes": goes == "own"})
    status, _, err = grader("retention", "apply", "--older-than", "2y", "--everything")
    assert status == 0, err
    assert pair.score(pair.bob) == left
    assert pair.row(pair.ada).score == (7.0 if goes == "own" else None)


def test_everything_of_a_course_goes_with_its_scores(years, grader):
    assert grader("retention", "apply", "--older-than", "2y", "--course", "none")[0] == 2
    years.decide()
    status, _, err = grader("retention", "apply", "--older-than", "2y", "--course", "dl", "--everything")
    assert status == 0, err
    left = dump.rows(years.database.url)
    assert [left[table] for table in ("overrides", "adjustments", "regrade_requests", "drafts")] == [0, 0, 0, 0]
    assert years.scores() == {years.here.id: 5.0}
    assert dump.rows(years.database.url)["submissions"] == 2


def test_what_is_graded_again_is_not_old(years, grader, database):
    with database.begin() as work:
        work.session.execute(text("UPDATE runs SET state = 'waiting'"))
    assert grader("retention", "apply", "--older-than", "2y")[1].startswith("Let go 0")


@pytest.mark.parametrize("given", ["2 years", "-1y", "5d", "", "99999999d"])
def test_an_age_that_is_none_or_a_slip_is_refused(given):
    with pytest.raises(BadArguments):
        retention.age_of(given)


def test_ages_are_read():
    assert retention.age_of("18mo") == timedelta(days=540)


class TestOrphans:
    def test_only_those_of_a_day_ago_that_nobody_names(self, years, database):
        blobs = years.blobs
        young, old = blobs.put(b"young orphan").sha256, blobs.put(b"old orphan").sha256
        older(blobs, old, 25)
        assert clearing.clear_orphans(database, blobs, dry_run=True).blobs == 1
        assert blobs.has(old)
        assert clearing.clear_orphans(database, blobs).blobs == 1
        assert not blobs.has(old)
        assert blobs.get(young) == b"young orphan"
        for content in (b"old work", b"new work", b"spec"):
            blobs.get(blobs.put(content).sha256)

    def test_one_that_is_stored_again_meanwhile_stays(self, years, database, monkeypatch):
        """The upload's bytes come between the look at their age and the putting aside; its row comes after all of it."""
        blobs = years.blobs
        digest = blobs.put(b"again").sha256
        older(blobs, digest, 25)
        put_aside = blobs.put_aside

        def interrupted(one):
            if one == digest:
                blobs.put(b"again")
            put_aside(one)

        monkeypatch.setattr(blobs, "put_aside", interrupted)
        assert clearing.clear_orphans(database, blobs).later == 1
        monkeypatch.undo()
        assert blobs.get(digest) == b"again"
        handed = years.hand_in
        years.blobs = HadThem()
        handed(years.gone, b"again")
        older(blobs, digest, 48)
        assert clearing.clear_orphans(database, blobs).blobs == 0
        assert blobs.aside(digest) is None
        assert blobs.get(digest) == b"again"

    def test_one_whose_row_comes_after_it_was_put_aside_is_taken_back(self, years, database, monkeypatch):
        blobs = years.blobs
        digest = blobs.put(b"slow").sha256
        older(blobs, digest, 25)
        put_aside = blobs.put_aside

        def interrupted(one):
            put_aside(one)
            if one == digest:
                years.blobs = HadThem()
                years.hand_in(years.gone, b"slow")

        monkeypatch.setattr(blobs, "put_aside", interrupted)
        assert clearing.clear_orphans(database, blobs).blobs == 0
        assert blobs.aside(digest) is None
        assert blobs.get(digest) == b"slow"

    def test_uploads_go_on_while_it_clears(self, years, database, monkeypatch):
        """Several owners store, drop and store the same few bytes; no row ever names what is not there."""
        monkeypatch.setattr(clearing, "ORPHAN_AGE", timedelta(0))
        monkeypatch.setattr(clearing, "_ROW_COMES_WITHIN", timedelta(seconds=0.5))
        blobs, ends_at = years.blobs, time.monotonic() + 3
        readers = [years.gone, years.here]

        def upload(number: int) -> None:
            while time.monotonic() < ends_at:
                years.hand_in(readers[number], f"{number} {time.monotonic() // 0.05 % 5}".encode())

        others = [threading.Thread(target=upload, args=(number,)) for number in (0, 1)]
        for thread in others:
            thread.start()
        while time.monotonic() < ends_at:
            clearing.clear_orphans(database, blobs)
        for thread in others:
            thread.join()
        for digest in dump.named_blobs(database.url):
            blobs.check(digest)

    def test_an_object_store_waits_an_hour_after_putting_aside(self, database, tmp_path):
        blobs = Blobs(f"memory://{tmp_path.name}")
        digest = blobs.put(b"object").sha256
        assert clearing.let_go(database, blobs, [digest]).later == 1
        assert blobs.get(digest) == b"object"
        assert clearing.clear_orphans(database, blobs).later == 1

    def test_what_goes_is_gone(self, database, tmp_path):
        blobs = Blobs(str(tmp_path / "own"))
        digest = blobs.put(b"gone").sha256
        older(blobs, digest, 2)
        assert clearing.let_go(database, blobs, [digest]).blobs == 1
        with pytest.raises(BlobMissing):
            blobs.get(digest)


class HadThem:
    """What an upload sees that has stored its bytes before."""

    def put(self, content: bytes) -> StoredBlob:
        return StoredBlob(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
