from __future__ import annotations

import json
import threading
import time

import pytest
import redis
from sqlalchemy import select, text

from grader.domain.errors import DatabaseBusy
from grader.domain.grading import Queue
from grader.local.redis import PrivateRedis
from grader.storage.announcements import CHANNEL, Announcements
from grader.storage.database import Database
from grader.storage.models import CourseRow
from grader.storage.wakeups import TASK, CeleryWakeUps
from tests.builders import a_course

# Generous: it bounds a wait for what has to happen, and is no measurement.
PATIENCE_S = 60


class Recorder:
    def __init__(self) -> None:
        self.sent: list[Queue] = []

    def send(self, queue: Queue) -> None:
        self.sent.append(queue)


def test_wake_ups_are_sent_after_the_commit_and_only_then(postgres_url, database):
    recorder = Recorder()
    waking = Database(postgres_url, recorder)
    with waking.begin() as work:
        work.wake(Queue.CPU)
        assert recorder.sent == []
    assert recorder.sent == [Queue.CPU]
    with pytest.raises(RuntimeError), waking.begin() as work:
        a_course(work)
        work.wake(Queue.GPU)
        raise RuntimeError
    assert recorder.sent == [Queue.CPU]
    with database.begin() as work:
        assert work.session.scalars(select(CourseRow)).all() == []
    waking.close()


def test_a_database_that_is_away_is_busy(tmp_path):
    away = Database(f"postgresql+psycopg://nobody@/none?host={tmp_path}")
    assert not away.is_ready()
    with pytest.raises(DatabaseBusy), away.begin() as work:
        work.session.execute(text("SELECT 1"))
    away.close()


def test_a_database_all_of_whose_connections_are_in_use_is_busy(database, monkeypatch):
    small = Database(database.url, pool=1)
    monkeypatch.setattr(small.engine.pool, "_timeout", 0.1)
    with small.begin() as one, small.begin() as two:
        for work in (one, two):
            work.session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseBusy), small.begin() as third:
            third.session.execute(text("SELECT 1"))
    assert small.is_ready()
    small.close()


def test_a_connection_that_died_is_replaced(database):
    with database.begin() as work:
        backend = work.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    killer = Database(database.url)
    with killer.begin() as work:
        work.session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})
    killer.close()
    assert database.is_ready()


def test_whoever_stands_still_in_a_transaction_loses_it_and_its_locks(database, monkeypatch):
    """What a frozen process holds: it answers keep-alives, so nothing else takes it away."""
    monkeypatch.setattr("grader.storage.database._IDLE_TIMEOUT_MS", 300)
    lock = text("SELECT pg_advisory_xact_lock(1)")
    still, got = Database(database.url), []
    with pytest.raises(DatabaseBusy), still.begin() as frozen:
        frozen.session.execute(lock)
        with database.begin() as work:
            work.session.execute(lock)
            got.append("the lock")
        frozen.session.execute(text("SELECT 1"))
    assert got == ["the lock"]
    assert still.is_ready()
    still.close()


def test_a_transaction_ends_before_those_who_wait_for_it_give_up(database):
    with database.begin() as work:
        idle, wait = (
            work.session.execute(text(f"SELECT setting::int FROM pg_settings WHERE name = '{name}'")).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout")
        )
    assert 0 < idle < wait


def test_a_broker_that_is_away_costs_a_line_in_the_log(tmp_path, caplog):
    wakeups = CeleryWakeUps(f"redis+socket://{tmp_path}/none.sock")
    wakeups.send(Queue.CPU)
    assert "the sweep makes up for it" in caplog.text


def test_a_broker_that_comes_back_is_used_again(tmp_path, caplog, monkeypatch):
    # How long it is let be is another test's.
    monkeypatch.setattr("grader.storage.wakeups._AWAY_S", 0.0)
    server = PrivateRedis(tmp_path / "redis", durable=False)
    server.start()
    try:
        wakeups = CeleryWakeUps(server.url)
        wakeups.send(Queue.GPU)
        assert _waiting_in(server, Queue.GPU) == [TASK]
        server.stop()
        wakeups.send(Queue.GPU)
        assert "the sweep makes up for it" in caplog.text
        server.start()
        wakeups.send(Queue.GPU)
        assert _waiting_in(server, Queue.GPU) == [TASK]
    finally:
        server.stop()
    wakeups.app.close()


def _waiting_in(server: PrivateRedis, queue: Queue) -> list[str]:
    with redis.Redis.from_url(server.redis_url) as client:
        return [json.loads(message)["headers"]["task"] for message in client.lrange(queue.value, 0, -1)]


def test_whoever_waits_is_woken_by_news_of_their_submission(database):
    announcements = Announcements(database.url)
    announcements.start()
    heard = []
    try:
        mark = _until_listening(announcements)
        threads = [
            threading.Thread(
                target=lambda name=name: heard.append((name, announcements.wait(name, PATIENCE_S, after=mark)))
            )
            for name in ("one", "other")
        ]
        for thread in threads:
            thread.start()
        _notify(database, "one")
        threads[0].join(PATIENCE_S)
        assert heard == [("one", True)]
        assert announcements.wait("one", 0, after=mark)
        assert not announcements.wait("other", 0, after=mark)
        announcements.stop()
        threads[1].join(PATIENCE_S)
    finally:
        announcements.stop()
    assert len(heard) == 2


def test_news_are_heard_again_after_the_connection_was_lost(database):
    announcements = Announcements(database.url)
    announcements.start()
    try:
        before = _until_listening(announcements)
        _end_the_listener(database)
        mark = _until_listening(announcements, after=before)
        _notify(database, "one")
        assert announcements.wait("one", PATIENCE_S, after=mark)
        assert not announcements.wait("other", 0, after=mark)
    finally:
        announcements.stop()


def test_whoever_waited_while_nobody_listened_looks_again(database):
    """What was announced meanwhile is lost: without this a page would stand still until its next sign of life."""
    announcements = Announcements(database.url)
    announcements.start()
    try:
        mark = _until_listening(announcements)
        _end_the_listener(database)
        assert announcements.wait("one", PATIENCE_S, after=mark)
    finally:
        announcements.stop()


def _notify(database, name: str) -> None:
    with database.begin() as work:
        work.session.execute(text("SELECT pg_notify(:channel, :name)"), {"channel": CHANNEL, "name": name})


def _end_the_listener(database) -> None:
    query = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :query")
    with database.begin() as work:
        # A server that other tests keep running may listen too: it connects again.
        assert True in work.session.execute(query, {"query": f"LISTEN {CHANNEL}"}).scalars().all()


def _until_listening(announcements: Announcements, after: int = 0) -> int:
    """Where the news stand once a connection listens: its beginning is the first of them.

    PostgreSQL's list of activities tells of the command before it holds.
    """
    until = time.monotonic() + PATIENCE_S
    while (mark := announcements.mark()) <= after:
        assert time.monotonic() < until, "nobody listens"
        time.sleep(0.02)
    return mark
