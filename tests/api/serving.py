"""A real server on a loopback socket over the tests' PostgreSQL, and a small world of people to ask it with."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from grader.domain.check import CheckResult, Stage
from grader.domain.course import Role, Scope
from grader.domain.grading import Claim, OfferedAssignment, Queue
from grader.domain.ids import PersonId
from grader.domain.run import RunReport, RunStatus
from grader.http.services import Services
from grader.http.settings import ServerSettings
from grader.server.serve import Server, server_for
from grader.service import runs, tokens
from grader.storage.database import Database
from grader.storage.models import CourseRow, PersonRow
from tests import builders

# Every client would read all the world's certificates, 30 ms of it, and none of ours speaks TLS.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
A_FILE = b"def answer():\n    return 42\n"


@dataclass(frozen=True)
class Serving:
    """A running server: its address, and what it works with."""

    url: str
    services: Services
    blobs: Path

    def stored(self) -> set[str]:
        """Every file below the blob store's folder, finished or not."""
        return {str(path.relative_to(self.blobs)) for path in self.blobs.rglob("*") if path.is_file()}


def settings_for(postgres_url: str, blobs: Path) -> ServerSettings:
    return ServerSettings(
        database_url=postgres_url,
        broker_url="memory://",
        blobs_url=str(blobs),
        public_url="http://127.0.0.1",
        secret="a secret of the tests alone",
    )


class InThread:
    """A server of this process, in a thread of its own."""

    def __init__(self, settings: ServerSettings, port: int = 0) -> None:
        self.server: Server = server_for(settings, "127.0.0.1", port)
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive(), "the server did not start"
            self._thread.join(0.02)
        return self

    @property
    def url(self) -> str:
        host, port = self.server.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def serving(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    blobs = tmp_path_factory.mktemp("blobs")
    with InThread(settings_for(postgres_url, blobs)) as running:
        yield Serving(url=running.url, services=running.server.config.app.state.services, blobs=blobs)


@dataclass
class World:
    """One course with two students, a TA and an instructor; another with its own; an administrator; one assignment."""

    serving: Serving
    database: Database
    course: CourseRow
    other_course: CourseRow
    assignment: OfferedAssignment
    people: dict[str, PersonRow]
    _clients: list[httpx.Client] = field(default_factory=list)

    def token(self, name: str, *scopes: Scope) -> str:
        with self.database.begin() as work:
            made = tokens.issue(
                work,
                PersonId(self.people[name].id),
                name="test",
                scopes=frozenset(scopes or Scope),
                expires_at=None,
            )
        return made.secret

    def client(self, name: str | None = None, *scopes: Scope, **headers: str) -> httpx.Client:
        """Somebody with a token of these scopes (all of them unless told), or nobody; with these headers."""
        if name is not None:
            headers["Authorization"] = f"Bearer {self.token(name, *scopes)}"
        url = f"{self.serving.url}/api/v1"
        client = httpx.Client(base_url=url, headers=headers, timeout=20, verify=_NO_TLS)
        self._clients.append(client)
        return client

    def hand_in(self, name: str = "student", content: bytes = A_FILE, file: str = "work.py", **headers: str) -> Any:
        """A student's upload; the answer."""
        return self.client(name).post(
            f"/assignments/{self.assignment.slug}/submissions", files={"file": (file, content)}, headers=headers
        )

    def claim(self, *, expect: bool = True) -> Claim | None:
        """The next stage that waits in any queue, as a worker claims it."""
        with self.database.begin() as work:
            found = runs.claim(work, queues=tuple(Queue), worker="a worker")
        assert (found is not None) or not expect, "nothing waits"
        return found

    def grade(self, *, results: tuple[CheckResult, ...] | None = None, pictures: bool = False, **report: Any) -> None:
        """Do what a worker does: claim, record, finish, stage after stage, until nothing waits."""
        claim = self.claim()
        assert claim is not None
        while claim is not None:
            stages = (Stage.TRAIN,) if claim.lease.stage is Stage.TRAIN else (Stage.GATE, Stage.UNIT)
            found = results or tuple(builders.a_result(check) for check in builders.a_plan())
            ours = tuple(result for result in found if result.stage in stages)
            lease = claim.lease
            with self.database.begin() as work:
                if lease.stage is Stage.GATE:
                    lease = runs.pass_gate(work, lease)
            with self.database.begin() as work:
                runs.record_checks(
                    work, lease, ours, self._pictures() if pictures and lease.stage is Stage.UNIT else ()
                )
                runs.finish_stage(work, lease, self._report(claim, ours, **report))
            claim = self.claim(expect=False)

    def fail(self, problem: str) -> None:
        """End the next stage by our fault, with no try left."""
        claim = self.claim()
        assert claim is not None
        with self.database.begin() as work:
            runs.give_up_stage(work, claim.lease, problem, again=False)

    def _report(self, claim: Claim, results: tuple[CheckResult, ...], **values: Any) -> RunReport:
        filled = {
            "assignment": self.assignment.slug,
            "spec_version": claim.spec_version,
            "file": claim.file,
            "sha256": claim.sha256,
            "files": (claim.file,),
            "status": RunStatus.GRADED,
            "score": None,
            "max_score": 5.0,
            "mark": None,
            "checks": results,
        }
        return RunReport(**(filled | values))

    def _pictures(self) -> tuple[runs.ArtifactToKeep, ...]:
        blobs = self.serving.services.blobs
        kept = (("picture", blobs.put(b"\x89PNG made up")), ("curve", blobs.put(b'{"x": [1], "y": [2]}')))
        return tuple(
            runs.ArtifactToKeep(
                check="A.one", name=kind, kind=kind, title=kind, sha256=blob.sha256, size_bytes=blob.size_bytes
            )
            for kind, blob in kept
        )

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def world(serving: Serving, database: Database) -> Iterator[World]:
    with database.begin() as work:
        course, other = builders.a_course(work, title="Deep Learning"), builders.a_course(work)
        people = {
            "student": builders.a_person(work, course, name="Ada", section="morning"),
            "classmate": builders.a_person(work, course, name="Bob"),
            "ta": builders.a_person(work, course, Role.TA),
            "instructor": builders.a_person(work, course, Role.INSTRUCTOR),
            "stranger": builders.a_person(work, other),
            "other instructor": builders.a_person(work, other, Role.INSTRUCTOR),
            "admin": builders.a_person(work, is_admin=True),
        }
        assignment = builders.an_assignment(work, course)
    made = World(serving, database, course, other, assignment, people)
    yield made
    made.close()
