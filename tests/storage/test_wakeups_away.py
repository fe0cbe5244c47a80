"""A broker that hangs costs its timeout once in a while, not once for each wake-up."""

from __future__ import annotations

import socket
import time

import pytest

from grader.domain.grading import Queue
from grader.storage import wakeups


@pytest.fixture
def hanging():
    """The URL of a broker that takes connections and says nothing; and what it took."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        listening.setblocking(False)
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0", listening


def taken(listening) -> int:
    many = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return many
        many += 1


def test_twenty_wake_ups_wait_for_one_timeout(hanging):
    url, _ = hanging
    sender = wakeups.CeleryWakeUps(url)
    began = time.monotonic()
    for _ in range(20):
        sender.send(Queue.CPU)
    assert time.monotonic() - began < 8.0, "the one that is tried may take a few of its timeouts"


def test_a_broker_that_is_back_is_used_again(hanging, monkeypatch):
    url, listening = hanging
    monkeypatch.setattr(wakeups, "_AWAY_S", 0.2)
    sender = wakeups.CeleryWakeUps(url)
    sender.send(Queue.CPU)
    assert taken(listening) >= 1
    sender.send(Queue.CPU)
    assert taken(listening) == 0
    time.sleep(0.25)
    sender.send(Queue.CPU)
    assert taken(listening) >= 1
