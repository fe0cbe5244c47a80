"""Server-sent events over a real socket, while something like a worker grades."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from grader.storage.database import Database
from tests.waiting import until


def parse(lines):
    """(event, id, data) of each message; a comment is ("comment", None, text)."""
    event, number, data = "message", None, ""
    for line in lines:
        if line.startswith(":"):
            yield "comment", None, line[1:].strip()
        elif line.startswith("event: "):
            event = line[7:]
        elif line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("data: "):
            data = line[6:]
        elif not line and data:
            yield event, number, json.loads(data)
            event, number, data = "message", None, ""


def follow(client, submission, **arguments):
    with client.stream("GET", f"/submissions/{submission}/events", **arguments) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield from parse(answer.iter_lines())


def test_checks_come_in_live_and_the_stream_ends_with_the_run(world):
    submission = world.hand_in().json()["id"]
    stream = follow(world.client("student"), submission)
    assert next(stream)[0] == "comment"
    first = next(stream)
    assert (first[0], first[2]["kind"]) == ("progress", "run")
    # What follows happens only now, while the stream is open.
    worker = threading.Thread(target=world.grade)
    worker.start()
    rest = list(stream)
    worker.join()
    assert rest[-1][0] == "end"
    progress = [first, *(message for message in rest if message[0] == "progress")]
    numbers = [number for _, number, _ in progress]
    assert numbers == sorted(set(numbers))
    checks = {data["check"] for _, _, data in progress if data["kind"] == "check"}
    assert checks == {"A.loads", "A.one", "A.two", "B.learns"}
    for _, _, data in progress:
        assert {"kind", "run", "check"} <= set(data)


@pytest.mark.parametrize("by", ["header", "query"])
def test_who_comes_back_gets_what_was_missed_and_nothing_twice(world, by):
    submission = world.hand_in().json()["id"]
    world.grade()
    client = world.client("student")
    every = [number for event, number, _ in follow(client, submission) if event == "progress"]
    for seen in (0, every[2], every[-1]):
        arguments = {"headers": {"Last-Event-ID": str(seen)}} if by == "header" else {"params": {"after": seen}}
        missed = list(follow(client, submission, **arguments))
        assert [number for event, number, _ in missed if event == "progress"] == [n for n in every if n > seen]
        assert missed[-1][0] == "end"


def test_an_id_that_is_none_of_ours_means_from_the_start(world):
    submission = world.hand_in().json()["id"]
    world.grade()
    client = world.client("student")
    for made_up in ("x", "-1", "9" * 40, "1.5"):
        numbers = [m for m in follow(client, submission, headers={"Last-Event-ID": made_up}) if m[0] == "progress"]
        assert numbers
    assert client.get(f"/submissions/{submission}/events", params={"after": "x"}).status_code == 422


def test_a_failed_run_ends_the_stream_for_staff_alone(world):
    submission = world.hand_in().json()["id"]
    world.fail("our fault")
    assert list(follow(world.client("ta"), submission))[-1][0] == "end"
    with world.client("student").stream("GET", f"/submissions/{submission}/events", timeout=5) as answer:
        received = []
        with pytest.raises(httpx.ReadTimeout):
            received.extend(parse(answer.iter_lines()))
    assert "end" not in [event for event, _, _ in received]


def test_open_streams_hold_no_connection_of_the_database(world):
    submission = world.hand_in().json()["id"]
    clients = [world.client("student") for _ in range(30)]
    streams = [follow(client, submission) for client in clients]
    try:
        for stream in streams:
            assert next(stream)[0] == "comment"
            assert next(stream)[0] == "progress"
        pool = world.serving.services.database.engine.pool
        until(lambda: pool.checkedout() == 0, "no connection in use")
        # And the threads that answer requests are free too.
        assert world.client("student").get("/me").status_code == 200
    finally:
        for stream in streams:
            stream.close()


def test_a_stream_survives_that_the_database_is_away(world, monkeypatch):
    submission = world.hand_in().json()["id"]
    stream = follow(world.client("student"), submission)
    next(stream), next(stream)
    real, broken = Database.begin, threading.Event()

    def begin(self):
        if self is world.serving.services.database and not broken.is_set():
            broken.set()
            from grader.domain.errors import DatabaseBusy

            raise DatabaseBusy
        return real(self)

    monkeypatch.setattr(Database, "begin", begin)
    world.grade()
    assert list(stream)[-1][0] == "end"
    assert broken.is_set()
