"""Redis and PostgreSQL come and go; the database is the truth, and what has a receipt is graded."""

from __future__ import annotations

import os
import threading
import time

import pytest
import redis as redis_client

from grader.domain.errors import DatabaseBusy, StorageFull
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.faults.conftest import source
from tests.waiting import until

pytestmark = pytest.mark.sandbox


class DiesBeforeSending:
    """A server process that ends between the commit and the wake-up."""

    def send(self, queue) -> None:
        os._exit(9)


def test_a_flushed_redis_loses_nothing(service):
    with redis_client.Redis.from_url(service.servers.redis_url) as client:
        for number in range(2):
            service.hand_in(source(), student=number)
            client.flushall()
    service.assert_everything_is_graded_once()


def test_a_redis_that_restarts_under_work_loses_nothing(service):
    submission = service.hand_in(source(unit=1.0), student=0)
    service.await_stage(submission, "unit", "leased")
    service.servers.redis.kill()
    try:
        service.hand_in(source(), student=1)
    finally:
        service.servers.redis.start()
    service.hand_in(source(), student=2)
    service.assert_everything_is_graded_once()


def test_an_upload_needs_no_redis_and_a_worker_starts_without_it(service):
    service.servers.redis.stop()
    try:
        for process in service.workers:
            process.stop()
        service.machine.replace_the_lost()
        service.hand_in(source())
        service.assert_everything_is_graded_once()
    finally:
        service.servers.redis.start()


def test_a_server_that_dies_between_commit_and_wake_up_loses_nothing(service):
    pid = os.fork()
    if pid == 0:
        try:
            service.hand_in(source(), database=Database(service.database.url, DiesBeforeSending()))
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 9, "it should die after the commit"
    (submission,) = service.everything_handed_in()
    service.expected[submission] = service.full
    service.assert_everything_is_graded_once()


def test_a_postgresql_that_restarts_under_load_loses_nothing(service):
    refused = []

    def keep_handing_in() -> None:
        for number in range(40):
            if len(service.expected) >= 5:
                return
            try:
                service.hand_in(source(unit=0.5), student=number % 4)
            except DatabaseBusy:
                # No receipt, so nothing was promised; the page says: try again.
                refused.append(number)
            time.sleep(0.3)

    uploading = threading.Thread(target=keep_handing_in)
    uploading.start()
    for _ in range(2):
        time.sleep(0.8)
        service.servers.postgres.kill()
        service.servers.postgres.start()
    uploading.join()
    until(service.database.is_ready, "the database is back")
    found = service.everything_handed_in()
    assert set(service.expected) <= set(found), "what has a receipt is there"
    assert len(service.expected) >= 3
    # A commit whose answer was lost is a submission without a receipt: it is graded too.
    for submission in found:
        service.expected.setdefault(submission, service.full)
    service.assert_everything_is_graded_once()


def test_a_full_disk_at_upload_promises_nothing_and_the_next_upload_works(service, small_disk):
    full = Blobs(str(small_disk))
    with pytest.raises(StorageFull):
        service.hand_in(source() + b"#" * 400_000, blobs=full)
    assert service.everything_handed_in() == []
    assert [path for path in small_disk.rglob("*") if path.is_file()] == [], "nothing is left behind"
    service.hand_in(source())
    service.assert_everything_is_graded_once()
