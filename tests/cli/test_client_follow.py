"""Following a submission: by its events, by polling where there are none, and across everything that can break."""

from __future__ import annotations

import pytest

from grader.cli.client import events as events_module
from grader.cli.client import follow as follow_module
from grader.cli.client.address import Address
from grader.cli.client.events import ServerEvent, parse_events
from grader.cli.client.follow import follow
from grader.cli.client.service import Service
from tests.cli.stand_in import ID, OLD_RUN, RUN, Answer, a_run, a_submission, problem, stream

PATH, EVENTS = f"/submissions/{ID}", f"/submissions/{ID}/events"
WAITING, GRADED = a_submission("waiting"), a_submission("graded")


def test_events_are_read_as_the_standard_says():
    lines = [
        ": hello",
        "",
        "id: 7",
        "event: progress",
        "data: {",
        "data:}",
        "",
        "data: x",
        "",
        "event: end",
        "",
        "id: 9",
    ]
    assert list(parse_events(lines)) == [
        ServerEvent("progress", "7", "{\n}"), ServerEvent("message", "7", "x"), ServerEvent("end", "7", ""),
    ]  # fmt: skip


@pytest.fixture
def opened(service, monkeypatch):
    monkeypatch.setattr(events_module, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(follow_module, "_SHORTEST_S", 0.0)
    with Service(Address(url=service.url, token="grd_good"), patience_s=10, say=lambda _: None) as made:
        yield made


def states(opened, **options):
    return [found["state"] for found in follow(opened, ID, **options)]


def never_poll(monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 60.0)
    monkeypatch.setattr(follow_module, "_LIVE_POLL_S", 60.0)


def test_an_event_is_a_reason_to_look(opened, service, monkeypatch):
    never_poll(monkeypatch)
    service.on("GET", PATH, WAITING, a_submission("grading"), GRADED)
    told = stream(("progress", "1", "{}"), hold=True)
    # First when it was looked at before the stream was open and once more because it is.
    told.once = lambda: len(service.asked_for("GET", PATH)) == 2
    service.on("GET", EVENTS, told)
    assert states(opened) == ["waiting", "grading", "graded"]


def test_a_broken_stream_goes_on_after_the_last_event_seen(opened, service, monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.05)
    gone = Answer(drop=True)
    service.on("GET", PATH, lambda: GRADED if len(service.asked_for("GET", EVENTS)) > 2 else WAITING)
    service.on("GET", EVENTS, stream(("progress", "41", "{}")), gone, stream(("progress", "42", "{}")), stream())
    assert states(opened)[-1] == "graded"
    seen = [one.headers.get("last-event-id") for one in service.asked_for("GET", EVENTS)]
    assert seen[:3] == [None, "41", "41"]
    assert set(seen[3:]) <= {"42"}


def test_without_events_it_is_looked_at_again_and_again(opened, service, monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
    service.on("GET", PATH, WAITING, WAITING, GRADED)
    assert states(opened) == ["waiting", "waiting", "graded"]
    assert len(service.asked_for("GET", EVENTS)) == 1


def test_what_has_not_changed_is_not_sent_again(opened, service, monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
    tagged = Answer(WAITING, 200, {"ETag": '"v1"'})
    service.on("GET", PATH, tagged, Answer(None, 304), Answer(None, 304), GRADED)
    assert states(opened) == ["waiting", "graded"]
    assert [one.headers.get("if-none-match") for one in service.asked_for("GET", PATH)] == [None, *['"v1"'] * 3]


def test_a_service_that_restarts_meanwhile_costs_nothing(opened, service, monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
    busy = problem(503, "database-busy", "Try again.")
    service.on("GET", PATH, WAITING, Answer(drop=True), busy, GRADED)
    service.on("GET", EVENTS, busy, stream(("progress", "1", "{}")))
    assert states(opened) == ["waiting", "graded"]


def test_a_rerun_is_followed_past_the_final_run_before_it(opened, service, monkeypatch):
    monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
    service.on("GET", PATH, a_submission(run=a_run(id=OLD_RUN)), GRADED)
    assert states(opened, run=RUN) == ["graded", "graded"]


def test_the_end_does_not_wait_for_a_stream_that_stays_open(opened, service):
    service.on("GET", PATH, WAITING, GRADED)
    service.on("GET", EVENTS, stream(("progress", "1", "{}"), hold=True))
    assert states(opened)[-1] == "graded"
    import threading

    assert [thread.name for thread in threading.enumerate() if thread.name == "events"] == []
