"""A real headless Chromium on a running server, and people in front of it."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import text

from grader.domain.course import Role
from grader.http.identity import COOKIE
from grader.service import accounts
from grader.storage.database import Database
from tests.web.scene import Scene, a_small_scene

ADA, TINA = "Ada Lovelace", "Tina Assistant"
# Far longer than anything here takes, on a machine that does other things, too.
PATIENCE_MS = 20_000


# Of a module, not of the session: while it runs, no other test of this process could run an event loop.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("These tests drive Chromium; install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Desk:
    """A course on a running server, and browsers of people who are signed in."""

    def __init__(self, scene: Scene, chromium: Any, url: str) -> None:
        self.scene, self.url = scene, url
        self._chromium = chromium
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def page(self, name: str | None = None, **settings: Any) -> Any:
        context = self._chromium.new_context(base_url=self.url, locale="en-GB", **settings)
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if name is not None:
            context.add_cookies([{"name": COOKIE, "value": self._session(name), "url": self.url}])
        return page

    def _session(self, name: str) -> str:
        """As after OpenID Connect: a session of the service's own making, without the cost of a password."""
        email = self.scene.people[name].email
        with self.scene.database.begin() as work:
            return accounts.sign_in_with_subject(
                work, subject=f"tests {email}", email=email, email_is_verified=True, name=name
            ).key

    def close(self) -> None:
        """Everybody goes; then the server is let finish what it was asked, because the tables are emptied next."""
        for context in self._contexts:
            context.close()
        until = time.monotonic() + 30
        quiet = 0
        while quiet < 5 and time.monotonic() < until:
            with self.scene.database.begin() as work:
                quiet = quiet + 1 if work.session.execute(_AT_WORK).scalar_one() == 0 else 0
            time.sleep(0.1)


_AT_WORK = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND state <> 'idle' AND query NOT ILIKE 'LISTEN%'"
)


@pytest.fixture
def desk(chromium: Any, serving: Any, database: Database) -> Iterator[Desk]:
    scene = a_small_scene(database, serving.services.blobs)
    scene.person(ADA, section="morning")
    scene.person("Bob Noyce", section="evening")
    scene.person(TINA, Role.TA)
    scene.person("Ines Instructor", Role.INSTRUCTOR)
    made = Desk(scene, chromium, serving.url)
    yield made
    made.close()


def shows(page: Any, text: str | re.Pattern[str], within: str = "main") -> None:
    expect(page.locator(within)).to_contain_text(text, timeout=PATIENCE_MS)
