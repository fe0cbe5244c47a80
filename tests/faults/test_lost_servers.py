"""Redis and PostgreSQL come and go; the database is the truth, and what has a receipt is graded."""

from __future__ import annotations

import os
import threading
import time

import pytest
import redis as redis_client

from grader.domain.errors import DatabaseBusy
from grader.storage.database import Database
from tests.faults.conftest import source, until

pytestmark = pytest.mark.sandbox


class DiesBeforeSending:
    """A server process that ends between the commit and the wake-up."""

    def send(self, queue) -> None:
        raise SystemExit(9)


def test_a_flushed_redis_loses_nothing(service):
    for number in range(3):
        service.hand_in(source(), student=number)
    redis_client.Redis.from_url(service.servers.redis_url).flushall()
    service.worker()
    service.assert_everything_is_graded_once()


def test_a_redis_that_restarts_under_work_loses_nothing(service):
    service.worker()
    service.hand_in(source(unit=1.0), student=0)
    service.servers.redis.kill()
    service.hand_in(source(), student=1)
    service.servers.redis.start()
    service.hand_in(source(), student=2)
    service.assert_everything_is_graded_once()


def test_an_upload_needs_no_redis_and_a_worker_starts_without_it(service):
    service.servers.redis.stop()
    try:
        began = time.monotonic()
        service.hand_in(source())
        assert time.monotonic() - began < 15
        service.worker()
        service.assert_everything_is_graded_once()
    finally:
        service.servers.redis.start()


def test_a_server_that_dies_between_commit_and_wake_up_loses_nothing(service):
    dying = Database(service.database.url, DiesBeforeSending())
    pid = os.fork()
    if pid == 0:
        try:
            service.hand_in(source(), database=dying)
        finally:
            os._exit(9)
    os.waitpid(pid, 0)
    with service.database.begin() as work:
        found = service.all_submissions(work)
    assert len(found) == 1
    service.expected[found[0]] = 5.0
    service.worker()
    service.assert_everything_is_graded_once()


def test_a_postgresql_that_restarts_under_load_loses_nothing(service):
    service.sweeper()
    for _ in range(2):
        service.worker()
    refused = []
    stopping = threading.Event()

    def keep_handing_in() -> None:
        for number in range(40):
            if stopping.is_set() or len(service.expected) >= 5:
                return
            try:
                service.hand_in(source(), student=number % 4)
            except DatabaseBusy:
                # No receipt, so nothing was promised; the page says: try again.
                refused.append(number)
            time.sleep(0.3)

    uploading = threading.Thread(target=keep_handing_in)
    uploading.start()
    for _ in range(2):
        time.sleep(1.2)
        service.servers.postgres.kill()
        service.servers.postgres.start()
    uploading.join()
    stopping.set()
    until(service.database.is_ready, "the database is back")
    with service.database.begin() as work:
        found = service.all_submissions(work)
    # A commit whose answer was lost is a submission without a receipt: it is graded too.
    for submission in found:
        service.expected.setdefault(submission, 5.0)
    assert set(service.expected) == set(found)
    assert len(found) >= 4
    service.assert_everything_is_graded_once()


def test_a_full_disk_at_upload_promises_nothing_and_the_next_upload_works(service, small_disk):
    from grader.domain.errors import StorageFull
    from grader.storage.blobs import Blobs

    roomy, service.blobs = service.blobs, Blobs(str(small_disk))
    with pytest.raises(StorageFull):
        service.hand_in(source() + b"#" * 400_000)
    service.blobs = roomy
    with service.database.begin() as work:
        assert service.all_submissions(work) == []
    service.hand_in(source())
    service.worker()
    service.assert_everything_is_graded_once()
