from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from grader import web
from grader.http.identity import COOKIE
from grader.http.security import security_headers
from grader.http.services import Services
from grader.http.settings import ServerSettings
from grader.service import accounts
from grader.storage.announcements import Announcements
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests.api.serving import serving
from tests.web.desk import chromium, desk
from tests.web.scene import Scene, a_small_scene

with warnings.catch_warnings():
    # It would like a successor of httpx that nothing else here uses.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["chromium", "desk", "serving"]

SECRET = "a secret of the tests alone"
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Site:
    """The pages over the test's database; `browser(name)` is signed in as that person."""

    app: FastAPI
    services: Services

    def browser(self, name: str | None = None, scene: Scene | None = None) -> Browser:
        client = Browser(self.app, base_url="http://testserver", headers=PAGE, follow_redirects=False)
        if name is not None:
            assert scene is not None
            email = scene.people[name].email
            with self.services.database.begin() as work:
                # As after OpenID Connect: a session of the service's own making, without the cost of a password.
                signed_in = accounts.sign_in_with_subject(
                    work, subject=f"tests {email}", email=email, email_is_verified=True, name=name
                )
            client.cookies.set(COOKIE, signed_in.key)
            client.csrf = signed_in.csrf
        return client


class Browser(TestClient):
    """A client that remembers its session's token, and sends forms as pages do."""

    csrf = ""

    def submit(self, path: str, **fields: Any) -> Any:
        return self.post(path, data={"csrf": self.csrf} | fields)

    def hand_in(self, path: str, content: bytes, file: str = "cnn.py", **fields: str) -> Any:
        values = {"csrf": self.csrf, "idempotency_key": "key-of-this-form"} | fields
        return self.post(path, data=values, files={"file": (file, content)})


def text_of(html: str) -> str:
    """What a reader sees, folded to one line."""
    without = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split())


@pytest.fixture
def site(database: Database, postgres_url: str, tmp_path: Path) -> Iterator[Site]:
    settings = ServerSettings(
        database_url=postgres_url,
        broker_url="memory://",
        blobs_url=str(tmp_path / "blobs"),
        public_url="http://testserver",
        secret=SECRET,
    )
    yield from made_site(database, settings)


def made_site(database: Database, settings: ServerSettings) -> Iterator[Site]:
    services = Services(
        database=database,
        blobs=Blobs(settings.blobs_url),
        announcements=Announcements(settings.database_url),
        settings=settings,
    )
    app = FastAPI(openapi_url=None)
    app.state.services = services

    @app.middleware("http")
    async def with_headers(request: Any, call_next: Callable[[Any], Any]) -> Any:
        response = await call_next(request)
        for name, value in security_headers(has_tls=settings.has_tls).items():
            response.headers.setdefault(name, value)
        return response

    web.install(app)
    yield Site(app, services)


@pytest.fixture
def scene(site: Site) -> Scene:
    """A student, a classmate, a TA, an instructor; somebody of another course."""
    from grader.domain.course import Role
    from tests import builders

    made = a_small_scene(site.services.database, site.services.blobs)
    with site.services.database.begin() as work:
        other = builders.a_course(work, slug="other", title="Another Course")
        builders.an_assignment(work, other, slug="theirs")
    made.person("Ada Lovelace", section="morning", student_number="1815")
    made.person("Bob Noyce", section="evening")
    made.person("Tina Assistant", Role.TA)
    made.person("Ines Instructor", Role.INSTRUCTOR)
    made.person("Stan Stranger", course=other)
    made.person("Otto Other", Role.INSTRUCTOR, course=other)
    return made
