"""A worker makes sheets when it has nothing to grade, and lets go of them when it has."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from grader.domain.errors import NoSandbox, SandboxLost
from grader.domain.sheets import Sheets, SheetsState
from grader.service import accounts, sheets, submissions
from grader.storage.repositories import sheets as repository
from tests.waiting import until
from tests.worker.conftest import EVERYTHING, STUDENT, require_sandbox
from tests.worker.test_worker_processes import NOBODY, start
from worker import sheets as making
from worker.loop import GradingLoop
from worker.sheets import SheetMaker

__all__ = ["start"]


@pytest.fixture
def maker(desk):
    return SheetMaker(desk.database, desk.place.blobs, None, worker="desk-1")


@pytest.fixture
def stand_in(monkeypatch):
    """In place of the engine: answers with what is in the list, which may be an error."""
    answers, asked = [], []

    def made(backend, name, content, *, limits, rules, goes_on):
        asked.append((name, content))
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(goes_on) if callable(answer) else answer

    monkeypatch.setattr(making, "make", made)
    monkeypatch.setattr(making, "require_maker", lambda backend: None)
    return answers, asked


def wanted(desk, content=b"x = 1\n"):
    submission = desk.hand_in(content)
    with desk.database.begin() as work:
        repository.want(work, [UUID(submission)])
    return submission


def seen(desk, submission):
    with desk.database.begin() as work:
        reader = accounts.reader_for(work, accounts.find_person(work, STUDENT).id)
        return sheets.of_submission(work, reader, submissions.find(work, reader, submission))


def one_round(desk, maker):
    return maker.make_next(EVERYTHING, desk.place.leaving)


class TestGoingFirst:
    def test_what_waits_to_be_graded_is_graded_before_any_sheet_is_made(self, desk, maker, stand_in, monkeypatch):
        answers, asked = stand_in
        answers.append(Sheets(problem="made"))
        first, second = wanted(desk), desk.hand_in(b"y = 2\n")
        states = []
        kept = sheets.keep

        def keep(*arguments):
            states.extend(desk.run(submission).state.value for submission in (first, second))
            return kept(*arguments)

        monkeypatch.setattr(sheets, "keep", keep)
        place = replace(desk.place, sheets=maker)
        thread = threading.Thread(target=GradingLoop(place, EVERYTHING).run, daemon=True)
        thread.start()
        until(lambda: seen(desk, first).state is SheetsState.FAILED, "the sheets are made")
        place.leaving.set()
        thread.join(10)
        assert states == ["graded", "graded"]
        assert asked == [("model.py", b"x = 1\n")]

    def test_it_is_let_go_of_when_somebody_has_to_wait_and_costs_no_try(self, desk, maker, stand_in, monkeypatch):
        monkeypatch.setattr(making, "_PATIENCE_S", 0.05)
        answers, _ = stand_in
        submission = wanted(desk)
        desk.grade_next()
        said = []

        def slow(goes_on):
            said.append(goes_on())
            desk.hand_in(b"y = 2\n")
            until(lambda: not goes_on(), "there is somebody who waits")
            return

        answers.extend([slow, Sheets(problem="made")])
        assert one_round(desk, maker)
        assert said == [True]
        assert seen(desk, submission).state is SheetsState.WANTED
        with desk.database.begin() as work:
            assert sheets.claim(work, worker="two").attempt == 1

    def test_a_worker_that_stops_gives_them_back(self, desk, maker, stand_in):
        answers, _ = stand_in
        submission = wanted(desk)
        desk.place.leaving.set()
        answers.append(lambda goes_on: None if not goes_on() else Sheets(problem="went on"))
        assert one_round(desk, maker)
        assert seen(desk, submission).state is SheetsState.WANTED

    def test_one_slot_at_a_time(self, desk, maker, stand_in):
        answers, _ = stand_in
        wanted(desk)
        wanted(desk, b"y = 2\n")
        others = []

        def while_it_is_made(goes_on):
            others.append(one_round(desk, maker))
            return Sheets(problem="made")

        answers.append(while_it_is_made)
        assert one_round(desk, maker)
        assert others == [False]


class TestFaults:
    def test_a_lost_sandbox_and_a_fault_of_ours_cost_a_try(self, desk, maker, stand_in):
        answers, _ = stand_in
        submission = wanted(desk)
        for number, fault in enumerate((SandboxLost("away"), ZeroDivisionError("ours"), SandboxLost("away")), 1):
            answers.append(fault)
            assert one_round(desk, maker)
            with desk.database.begin() as work:
                tried = work.session.execute(text("SELECT attempts FROM submission_sheets")).scalar()
                work.session.execute(text("UPDATE submission_sheets SET not_before = clock_timestamp()"))
            assert tried == number
        assert seen(desk, submission).state is SheetsState.FAILED
        assert not one_round(desk, maker)

    def test_sandboxes_that_cannot_make_any_cost_no_try_and_are_left_alone(self, desk, maker, stand_in, monkeypatch):
        def cannot(backend):
            raise NoSandbox("build the image again")

        monkeypatch.setattr(making, "require_maker", cannot)
        submission = wanted(desk)
        assert one_round(desk, maker)
        assert seen(desk, submission).state is SheetsState.WANTED
        assert not one_round(desk, maker)
        with desk.database.begin() as work:
            assert sheets.claim(work, worker="two").attempt == 1

    def test_bytes_that_are_missing_are_no_endless_loop(self, desk, maker, stand_in):
        wanted(desk)
        with desk.database.begin() as work:
            work.session.execute(text("UPDATE submissions SET sha256 = :sha"), {"sha": "ab" * 32})
        assert one_round(desk, maker)
        assert not one_round(desk, maker)


def test_a_worker_of_its_own_makes_them_in_a_real_sandbox(desk, start):
    require_sandbox("bwrap")
    submission = wanted(desk, b"# the answer\nx = 42\n")
    # It serves no queue in which something waits.
    process, said = start(
        "-m", "worker", "--queues", "rerun", "--jobs", "1", GRADER_DATABASE_URL=desk.database.url,
        GRADER_BROKER_URL=NOBODY, GRADER_BLOBS_URL=desk.place.blobs.url, GRADER_SANDBOX="bwrap",
    )  # fmt: skip
    until(lambda: seen(desk, submission).state is SheetsState.MADE, f"made; it said {said.read_text()}")
    assert [(sheet.path, sheet.text) for sheet in seen(desk, submission).sheets] == [
        ("model.py", "# the answer\nx = 42\n")
    ]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
