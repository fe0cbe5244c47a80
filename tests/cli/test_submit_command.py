"""`grader submit` and `grader status` against a stand-in."""

from __future__ import annotations

import json
import re

import pytest

from grader.cli.client import follow as follow_module
from grader.cli.client import service as service_module
from tests.cli.stand_in import (
    ID,
    Answer,
    a_check,
    a_line,
    a_receipt,
    a_run,
    a_submission,
    problem,
    stream,
)

UPLOAD, PATH = "/assignments/hw1/submissions", f"/submissions/{ID}"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
    monkeypatch.setattr(service_module, "_FIRST_WAIT_S", 0.01)


@pytest.fixture
def graded(service):
    service.on("POST", UPLOAD, Answer(a_receipt(), 202))
    service.on("GET", PATH, a_submission("waiting"), a_submission("graded"))
    return service


class TestSubmit:
    def test_the_receipt_comes_first_and_then_the_card(self, grader, graded, hand_in):
        status, out, _ = grader("submit", hand_in("ada_hw1.zip"), "-a", "hw1")
        assert status == 0
        receipt, _, card = out.partition("╭")
        assert ID in receipt and "ab" * 32 in receipt and f"{graded.url}/submissions/{ID}" in receipt
        assert "1 / 2 points" in card and "mark 2.5 (good)" in card and "It is 3, not 4." in card

    def test_what_is_sent_is_the_file_under_its_name(self, grader, graded, hand_in):
        grader("submit", hand_in("ada ödev.zip", b"PK\x03\x04\x00\xff"), "-a", "hw1", "--no-wait")
        (asked,) = graded.asked
        assert b'name="file"; filename="ada \xc3\xb6dev.zip"' in asked.body
        assert b"\r\n\r\nPK\x03\x04\x00\xff\r\n" in asked.body

    def test_however_often_it_is_sent_it_is_one_upload(self, grader, graded, hand_in):
        graded.on("POST", UPLOAD, Answer(drop=True), problem(503, "database-busy", "Busy."), Answer(a_receipt(), 202))
        status, _, err = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait")
        assert status == 0
        assert "Trying again" in err
        keys = [one.headers["idempotency-key"] for one in graded.asked]
        assert len(keys) == 3
        assert len(set(keys)) == 1
        assert re.fullmatch("[0-9a-f]{32}", keys[0])

    def test_two_commands_are_two_uploads(self, grader, graded, hand_in):
        for _ in range(2):
            grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait")
        assert len({one.headers["idempotency-key"] for one in graded.asked}) == 2

    def test_no_wait_stops_after_the_receipt(self, grader, graded, hand_in):
        status, out, _ = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait", "--json")
        assert (status, json.loads(out)) == (0, a_receipt())
        assert len(graded.asked) == 1

    def test_json_is_the_submission_on_stdout_and_the_receipt_on_stderr(self, grader, graded, hand_in):
        status, out, err = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--json")
        assert (status, json.loads(out)) == (0, a_submission("graded"))
        assert out.count("\n") == 1
        assert "ab" * 32 in err

    @pytest.mark.parametrize(("state", "status"), [("graded", 0), ("rejected", 2), ("failed", 3)])
    def test_the_exit_status_is_that_of_grade(self, grader, graded, hand_in, state, status):
        graded.on("GET", PATH, a_submission(state, a_run(state, message="It holds no notebook.")))
        found, out, _ = grader("submit", hand_in("ada.zip"), "-a", "hw1")
        assert found == status
        assert "It holds no notebook." in out

    def test_a_refusal_is_the_services_sentence(self, grader, service, hand_in):
        service.on("POST", UPLOAD, problem(429, "quota-used", "The next upload is possible at 00:00 in Istanbul."))
        status, out, err = grader("submit", hand_in("ada.zip"), "-a", "hw1")
        assert (status, out) == (2, "")
        assert err == "grader: The next upload is possible at 00:00 in Istanbul.\n"

    def test_the_same_bytes_again_say_that_they_are_known(self, grader, graded, hand_in):
        graded.on("POST", UPLOAD, Answer(a_receipt(is_new=False, late_days=2), 202))
        _, out, _ = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait")
        assert "handed in before" in out
        assert "2 days late" in out

    @pytest.mark.parametrize("name", ["missing.zip", "folder"])
    def test_what_is_no_file_is_said_before_anything_is_sent(self, grader, service, tmp_path, name):
        (tmp_path / "folder").mkdir()
        status, _, err = grader("submit", tmp_path / name, "-a", "hw1")
        assert status == 2
        assert name in err
        assert service.asked == []

    def test_an_assignments_name_cannot_reach_another_address(self, grader, service, hand_in):
        status, _, _ = grader("submit", hand_in("a.zip"), "-a", "../../people?x=#", "--no-wait")
        assert status == 2
        assert [one.path for one in service.asked] == ["/assignments/..%2F..%2Fpeople%3Fx%3D%23/submissions"]

    def test_ctrl_c_ends_the_waiting_and_says_that_nothing_is_lost(self, grader, graded, hand_in, monkeypatch):
        def interrupted(*_, **__):
            yield a_submission("waiting")
            raise KeyboardInterrupt

        monkeypatch.setattr(follow_module, "follow", interrupted)
        status, _, err = grader("submit", hand_in("ada.zip"), "-a", "hw1")
        assert status == 130
        assert f"grader status {ID}" in err


class TestCard:
    def card(self, grader, service, submission):
        service.on("GET", PATH, submission)
        return grader("status", ID)[1]

    def test_what_students_or_the_service_write_is_neither_markup_nor_control(self, grader, service):
        evil = "[red]x[/red] \x1b[2J\x9b[link=http://x]y\u202e"
        check = a_check("A.one", "failed", 0.0, title=evil, message=evil, output=f"{evil}\n" * 20)
        run = a_run("graded", check, message=evil, notes=[evil], scale={"value": 1, "label": evil})
        out = self.card(grader, service, a_submission("graded", run, file=evil))
        assert out.count("[red]x[/red] [2J[link=http://x]y") >= 5
        assert not {"\x1b", "\x9b", "\u202e"} & set(out)

    def test_a_long_output_is_cut(self, grader, service):
        check = a_check("A.one", "error", 0.0, output="\n".join(f"line {number}" for number in range(50)))
        out = self.card(grader, service, a_submission("graded", a_run("graded", check)))
        assert "line 7" in out
        assert "line 8" not in out

    def test_checks_that_wait_or_are_withheld_have_no_points(self, grader, service):
        checks = (a_check("A.one", None, None), a_check("A.two", None, None, withheld=True, visibility="after_due"))
        out = self.card(grader, service, a_submission("graded", a_run("graded", *checks, score=None, scale=None)))
        assert "·  Check A.one" in out
        assert "shown after the due date" in out
        assert out.count("– / 1") == 2
        assert "some results are not shown yet" in out

    def test_a_place_in_the_queue_is_told(self, grader, service):
        out = self.card(grader, service, a_submission("waiting", queue={"ahead": 4, "eta_s": 35.2}))
        assert "4 before it in the queue, about 35 s." in out

    def test_an_object_of_a_newer_service_is_shown_as_far_as_it_is_known(self, grader, service):
        checks = (a_check("A.one", "exploded", 0.0, visibility="friends"), {"id": "bare"})
        out = self.card(grader, service, {"state": "archived", "run": {"state": "archived", "checks": checks}})
        assert "archived" in out
        assert "Check A.one" in out

    def test_it_ticks_in_on_a_terminal(self, grader, service, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setattr(follow_module, "_SHORTEST_S", 0.3)
        checks = (a_check("A.one"), a_check("A.two", None, None))
        half = a_submission("grading", a_run("grading", *checks))
        service.on("GET", PATH, half, a_submission("graded"))
        status, _, err = grader("status", ID, "--wait")
        assert status == 0
        assert "Being graded." in err
        assert "✓" in err


class TestStatus:
    def test_without_an_id_it_lists_my_assignments_and_newest_submissions(self, grader, service):
        standing = {"is_open": True, "days_left": 3, "late_days_now": 0, "uploads_left": 7, "next_upload_at": None,
                    "submissions": 2, "state": "graded", "score": 1.5}  # fmt: skip
        offered = {"slug": "hw1", "course": "cmp784", "due_at": "2026-03-02T20:59:59Z", "max_score": 2.0}
        staff = {"slug": "hw2", "course": "cmp784", "due_at": None, "max_score": 2.0, "standing": None}
        service.on("GET", "/assignments", {"items": [offered | {"standing": standing}, staff], "next_cursor": None})
        service.on("GET", "/submissions", {"items": [a_line()], "next_cursor": None})
        status, out, _ = grader("status")
        assert status == 0
        assert "hw1" in out and "1.5 / 2" in out and "hw2" in out and "ada_hw1.zip" in out
        told = json.loads(grader("status", "--json")[1])
        assert [one["slug"] for one in told["assignments"]] == ["hw1", "hw2"]
        assert told["submissions"] == [a_line()]

    def test_with_an_id_it_shows_that_submission(self, grader, service):
        service.on("GET", PATH, a_submission())
        assert json.loads(grader("status", ID, "--json")[1]) == a_submission()
        assert "1 / 2 points" in grader("status", ID)[1]
        assert grader("status", "0198c0de-0000-0000-0000-000000000000")[0] == 2

    def test_it_waits_when_asked_to(self, grader, service):
        service.on("GET", PATH, a_submission("waiting"), a_submission("graded"))
        service.on("GET", f"{PATH}/events", stream(("progress", "1", "{}")))
        assert json.loads(grader("status", ID, "--wait", "--json")[1])["state"] == "graded"
