from __future__ import annotations

import io
import json
import logging
import re
import threading

import pytest

from grader.kit import logs

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ \S+: ")
TOKEN = "grd_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abc"
HOSTILE = "harmless\n2026-01-01T00:00:00Z INFO worker: forged\r\x1b[2J\x85\u2028\u202eflip\x00\x7f end"


@pytest.fixture
def said(monkeypatch):
    """Lets the root logger speak in a form; what it said by then."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    streams = []

    def speak(form):
        streams.append(io.StringIO())
        logs.log_to_stderr({logs.FORMAT_VARIABLE: form}, stream=streams[-1])
        return streams[-1].getvalue

    yield speak
    root.handlers = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    logs.name_process("")


def say_that_it_ended(why):
    def end():
        raise ValueError(why)

    try:
        end()
    except ValueError:
        logging.getLogger("grader").exception("it ended")


def test_json_has_an_object_a_line_with_all_its_fields(said):
    lines = said("json")
    logs.name_process("host-1")
    with logs.about(run="r1", submission="s1", stage="gate"), logs.about(request="q1"):
        logging.getLogger("worker.loop").info("claimed, try %d", 1)
    say_that_it_ended("of ours")
    first, second = map(json.loads, lines().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "INFO", "logger": "worker.loop", "message": "claimed, try 1",
        "run": "r1", "submission": "s1", "stage": "gate", "request": "q1", "worker": "host-1",
    }  # fmt: skip
    assert "run" not in second
    assert second["exception"].splitlines()[0].startswith("Traceback")
    assert second["exception"].endswith("ValueError: of ours")


def test_text_stays_a_line_for_people_and_ends_with_the_ids(said):
    lines = said("text")
    with logs.about(run="r1", submission="s1", stage="gate"):
        logging.getLogger("worker.loop").info("claimed, try %d", 1)
    logging.getLogger("worker").warning("the database is away")
    first, second = lines().splitlines()
    assert re.fullmatch(LINE.pattern + "claimed, try 1 run=r1 submission=s1 stage=gate", first)
    assert re.fullmatch(LINE.pattern + "the database is away", second)


def test_a_thread_knows_what_it_is_about_only_when_it_was_carried(said):
    lines = said("json")
    log = logging.getLogger("grader")
    with logs.about(run="r1"):
        threads = [
            threading.Thread(target=logs.carried(log.info, "carried")),
            threading.Thread(target=log.info, args=("not",)),
        ]
        for thread in threads:
            thread.start()
            thread.join()
    first, second = map(json.loads, lines().splitlines())
    assert (first["message"], first["run"]) == ("carried", "r1")
    assert "run" not in second


def test_what_is_said_of_one_record_wins_over_what_its_block_is_about(said):
    lines = said("json")
    with logs.about(run="r1", stage="gate"):
        logging.getLogger("grader").info("x", extra={"stage": "unit"})
    assert json.loads(lines())["stage"] == "unit"


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_can_forge_a_line(said, form):
    lines = said(form)
    with logs.about(request=HOSTILE):
        logging.getLogger("grader").info("from outside: %s", HOSTILE)
        say_that_it_ended(HOSTILE)
    text = lines()
    assert "\x1b" not in text
    assert "\r" not in text
    # As `str.splitlines` and every terminal see lines, not as we meant them.
    begun = [line for line in text.splitlines() if not line.startswith("  ")]
    assert len(begun) == 2
    if form == "text":
        assert all(LINE.match(line) for line in begun)
        assert not any("\x7f" in line or "\u202e" in line for line in text.splitlines())
    else:
        assert all(json.loads(line)["logger"] == "grader" for line in begun)
        assert text.isascii()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        (TOKEN, f"bad token {TOKEN} given"),
        ("hunter2hunter2", "connection to postgresql+psycopg://grader:hunter2hunter2@db:5432/grader failed"),
        ("hunter2hunter2", "redis://:hunter2hunter2@cache:6379/0 is away"),
        ("p@ss/w0rd", "postgresql://grader:p@ss/w0rd@db/x"),
        ("eyJhbGciOiJIUzI1NiJ9", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.payload.sig"),
        ("hunter2hunter2", "{'password': 'hunter2hunter2', 'course': 'x'}"),
        ("hunter2hunter2", "client_secret=hunter2hunter2&grant_type=code"),
        ("ada@example.org", "no person ada@example.org"),
        ("ada.lovelace+x@mail.example.org", "<ada.lovelace+x@mail.example.org>"),
    ],
)
def test_secrets_and_addresses_are_blacked_out(said, form, secret, sentence):
    lines = said(form)
    logging.getLogger("grader").warning("it said: %s", sentence)
    say_that_it_ended(sentence)
    assert "***" in lines()
    assert secret not in lines()


def test_a_very_long_line_is_cut_in_its_middle(said):
    lines = said("json")
    logging.getLogger("grader").info("begin %s end", "x" * 1_000_000)
    message = json.loads(lines())["message"]
    assert len(message) < 9_000
    assert message.startswith("begin")
    assert message.endswith("end")


def test_a_form_that_there_is_not_is_a_sentence():
    with pytest.raises(logs.BadLogFormat, match="GRADER_LOG_FORMAT is text or json, but is 'xml'"):
        logs.log_to_stderr({logs.FORMAT_VARIABLE: "xml"})
