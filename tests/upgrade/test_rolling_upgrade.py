"""Old and new processes over one database, while a service is upgraded: nothing is lost, nothing is judged wrongly."""

from __future__ import annotations

import signal
import socket

import httpx
import pytest
from sqlalchemy import text

from grader.answers.given import packed
from grader.domain.course import Scope
from grader.domain.submission import Upload
from grader.service import accounts, assignments, submissions, tokens
from grader.storage import schema
from tests.faults.conftest import source
from tests.waiting import until

pytestmark = pytest.mark.sandbox
SERVE = "import sys; from grader.cli.main import main; sys.argv[1:] = {words}; main()"


def a_token(service, student: int) -> str:
    with service.database.begin() as work:
        person = accounts.find_person(work, service.students[student])
        scopes = frozenset(Scope)
        return tokens.issue(work, person.id, name="test", scopes=scopes, expires_at=None).secret


def hand_in_with_answers(service, student: int) -> str:
    """As the new server takes it; the old one knows nothing of answers."""
    blobs = service.machine.blobs
    stored, answers = blobs.put(source()), blobs.put(packed({"A.count": 3}))
    with service.database.begin() as work:
        reader = accounts.reader_for(work, accounts.find_person(work, service.students[student]).id)
        upload = Upload(
            name="model.py", sha256=stored.sha256, size_bytes=stored.size_bytes, answers_sha256=answers.sha256
        )
        receipt = submissions.receive(work, reader, assignments.offered(work, reader, "tiny"), upload)
    service.expected[receipt.id] = 5.0
    return receipt.id


def pids_of_workers(service, submission: str) -> set[int]:
    with service.database.begin() as work:
        query = text("SELECT worker FROM run_stages JOIN runs ON runs.id = run_id WHERE submission_id = :id")
        return {int(name.rpartition("-")[2]) for name in work.session.execute(query, {"id": submission}).scalars()}


def test_old_and_new_processes_grade_together_and_old_ones_refuse_what_they_cannot_do(mixed):
    assert (
        mixed.run_old(
            "import os; from grader.storage import schema; print(schema.upgrade(os.environ['GRADER_DATABASE_URL']))"
        )
        == "0001"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    old_server = mixed.start("-c", SERVE.format(words=["serve", "--port", str(port)]), old=True)
    old_worker = mixed.start_worker(old=True)
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, timeout=60) as client:
        until(lambda: answers(client), "the old server serves")
        until(lambda: heard_of(mixed, old_worker), "the old worker is at work")

        # The new version upgrades the database under them.
        assert schema.upgrade(mixed.servers.database_url) == schema.newest_version() > "0002"
        mixed.offer()
        service = mixed.service("rolling")

        # Taken by the old server, graded by the old worker, read by the new code.
        client.headers["Authorization"] = f"Bearer {a_token(service, 0)}"
        taken = client.post("/api/v1/assignments/tiny/submissions", files={"file": ("model.py", source())})
        assert taken.status_code == 202, taken.text
        by_the_old = taken.json()["id"]
        service.expected[by_the_old] = 5.0
        service.assert_everything_is_graded_once()
        assert pids_of_workers(service, by_the_old) == {old_worker.popen.pid}

        # What the old worker would judge wrongly it is refused, in words, and a new one grades it.
        with_answers = hand_in_with_answers(service, 1)
        until(lambda: old_worker.said("too old for a submission with written answers"), "refused")
        assert service.stages(with_answers) == {"gate": ("waiting", 0)}
        new_worker = mixed.start_worker(old=False)
        service.assert_everything_is_graded_once()
        assert pids_of_workers(service, with_answers) == {new_worker.popen.pid}

        # Side by side.
        for number in range(2):
            service.hand_in(source(unit=2.0), student=number)
        service.assert_everything_is_graded_once()
        assert set().union(*(pids_of_workers(service, found) for found in service.expected)) == {
            old_worker.popen.pid, new_worker.popen.pid,
        }  # fmt: skip

        # What the new worker graded is shown by the old server.
        mine = client.get("/api/v1/submissions", params={"assignment": "tiny"})
        assert mine.status_code == 200, mine.text
        assert {line["state"] for line in mine.json()["items"]} == {"graded"}
    assert old_server.is_alive

    # One that starts again says what is to be done, and one that is told to stop stops as ever.
    again = mixed.start("-m", "worker", old=True)
    assert again.popen.wait(120) == 3
    assert again.said("The database's schema is not the one this version needs")
    old_worker.popen.send_signal(signal.SIGTERM)
    assert old_worker.await_end() == 0


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/healthz").status_code == 200
    except httpx.TransportError:
        return False


def heard_of(mixed, process) -> bool:
    with mixed.database.begin() as work:
        query = text("SELECT count(*) FROM workers WHERE name LIKE :name")
        return work.session.execute(query, {"name": f"%-{process.popen.pid}"}).scalar_one() == 1
