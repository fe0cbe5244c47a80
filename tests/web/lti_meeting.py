"""A running server, a learning platform beside it, and people of both."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from grader.domain.course import Role
from grader.domain.ids import PersonId
from grader.http.identity import COOKIE
from grader.http.services import Services
from grader.kit.destinations import networks_of
from grader.service import accounts, courses
from grader.service.lti import keys, launches, links, platforms
from grader.service.lti.platforms import Registration
from grader.storage.database import Database
from tests import builders
from tests.api.serving import InThread, settings_for
from tests.web.lti_platform import Campus
from tests.web.scene import Scene, a_small_scene

LOOPBACK = networks_of("127.0.0.0/8")
ADMIN, ADA, BOB, TINA, INES = "Adam Admin", "Ada Lovelace", "Bob Noyce", "Tina Assistant", "Ines Instructor"


@dataclass
class Meeting:
    """`browser()` is somebody's at the platform's page; `launch` clicks a link there and gives our last answer."""

    url: str
    services: Services
    database: Database
    campus: Campus
    scene: Scene
    keys: Path
    _browsers: list[httpx.Client] = field(default_factory=list)

    def browser(self, name: str | None = None) -> httpx.Client:
        client = httpx.Client(base_url=self.url, headers={"Accept": "text/html"})
        self._browsers.append(client)
        if name is not None:
            client.cookies.set(COOKIE, self.session(name), domain="127.0.0.1")
        return client

    def session(self, name: str) -> str:
        with self.database.begin() as work:
            return accounts.open_session(work, self.reader(name).person).key

    def reader(self, name: str) -> Any:
        with self.database.begin() as work:
            return accounts.reader_for(work, PersonId(self.scene.people[name].id))

    def asked(self, browser: httpx.Client, user: str = "u-ada", **changes: str) -> dict[str, str]:
        """Begin a launch; what we ask the platform."""
        answer = browser.get("/lti/login", params=self.campus.login(user, **changes))
        assert answer.status_code == 302, answer.text
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def post(self, browser: httpx.Client, asked: dict[str, str], token: str) -> httpx.Response:
        return browser.post("/lti/launch", data={"state": asked["state"], "id_token": token})

    def launch(
        self, browser: httpx.Client | None = None, user: str = "u-ada", *, sign: dict[str, Any] | None = None,
        **claims: Any,
    ) -> tuple[httpx.Client, httpx.Response]:  # fmt: skip
        browser = browser or self.browser()
        asked = self.asked(browser, user)
        token = self.campus.signed(self.campus.claims(user, asked["nonce"], **claims), **(sign or {}))
        return browser, self.post(browser, asked, token)

    def register(self, **changes: Any) -> int:
        with self.database.begin() as work:
            said = Registration(**self.campus.registration(**changes))
            return platforms.register(work, self.reader(ADMIN), said, LOOPBACK).id

    def change(self, platform: int, **changes: Any) -> None:
        with self.database.begin() as work:
            said = Registration(**self.campus.registration(**changes))
            platforms.change(work, self.reader(ADMIN), platform, said, LOOPBACK)

    def link(self) -> int:
        """As after the course's instructor has come once: the context is linked, its link bound; the link's number."""
        self.launch(user="u-somebody")
        with self.database.begin() as work:
            admin, slug = self.reader(ADMIN), self.scene.course.slug
            course = courses.course_of(work, admin, slug)
            context = next(one for one in links.all_contexts(work, admin) if one.course is None)
            launches.link_by_admin(work, admin, context.id, slug)
            found = links.listed(work, admin, course)[0].id
            links.bind(work, admin, course, found, str(self.scene.assignment.slug))
        return found

    def course(self, name: str = ADMIN) -> Any:
        with self.database.begin() as work:
            return courses.course_of(work, self.reader(name), self.scene.course.slug)

    def who(self, browser: httpx.Client) -> str:
        """Whose page the browser shows; empty for nobody's."""
        found = re.search(r'class="who-name" title="([^"]*)"', browser.get("/").text)
        return found[1] if found else ""

    def csrf(self, browser: httpx.Client, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', browser.get(path).text)
        assert found is not None, browser.get(path).text
        return found[1]

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()


@pytest.fixture(scope="module")
def lti_server(postgres_url: str, tmp_path_factory: pytest.TempPathFactory):
    """A server that knows its own address, with keys for platforms; and those keys' file."""
    folder = tmp_path_factory.mktemp("lti")
    keys.rotate(folder / "keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = replace(
        settings_for(postgres_url, folder / "blobs"), public_url=url, networks=LOOPBACK, lti_keys=folder / "keys"
    )
    with InThread(settings, port) as running:
        yield url, running.server.config.app.state.services, folder / "keys"


@pytest.fixture
def meeting(lti_server, database: Database):
    url, services, key_file = lti_server
    scene = a_small_scene(database, services.blobs)
    scene.person(ADA)
    scene.person(BOB)
    scene.person(TINA, Role.TA)
    scene.person(INES, Role.INSTRUCTOR)
    with database.begin() as work:
        scene.people[ADMIN] = builders.a_person(work, name=ADMIN, email="adam@example.org", is_admin=True)
    with Campus(tool=url) as campus:
        made = Meeting(url, services, database, campus, scene, key_file)
        yield made
        made.close()
