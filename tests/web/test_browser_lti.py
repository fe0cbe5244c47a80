"""The first launches of a course in a real Chromium, over TLS and between two sites, as browsers keep cookies apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from grader.domain.course import Role
from grader.http.identity import COOKIE
from grader.service.lti import keys, platforms
from tests import builders
from tests.api.serving import InThread, settings_for
from tests.web.axe import serious
from tests.web.desk import PATIENCE_MS, shows
from tests.web.lti_meeting import ADA, ADMIN, INES, LOOPBACK, Meeting
from tests.web.lti_platform import CLAIM, TEACHER, Campus
from tests.web.scene import PASSWORD, a_small_scene
from tests.web.tls_front import TlsFront

pytestmark = pytest.mark.browser


@pytest.fixture
def meeting(database, postgres_url, tmp_path):
    keys.rotate(tmp_path / "keys")
    settings = replace(settings_for(postgres_url, tmp_path / "blobs"), networks=LOOPBACK, lti_keys=tmp_path / "keys")
    with TlsFront(tmp_path) as front, InThread(replace(settings, public_url=front.url)) as running:
        front.port = int(running.url.rpartition(":")[2])
        services = running.server.config.app.state.services
        scene = a_small_scene(database, services.blobs)
        scene.person(ADA)
        scene.person(INES, Role.INSTRUCTOR)
        with database.begin() as work:
            scene.people[ADMIN] = builders.a_person(work, name=ADMIN, is_admin=True)
        scene.password(ADA)
        scene.password(INES)
        with Campus(tool=front.url) as campus:
            yield Meeting(front.url, services, database, campus, scene, tmp_path / "keys")


@pytest.fixture
def visit(chromium, meeting):
    """Somebody's browser on the platform's page. The platform is at another site than we are."""
    contexts = []

    def visit(user):
        context = chromium.new_context(locale="en-GB", ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{meeting.campus.url.replace('127.0.0.1', 'localhost')}/course?user={user}")
        return page

    yield visit
    for context in contexts:
        context.close()


def sign_in(page, email):
    page.get_by_role("link", name="Sign in to the account you have here").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Yes, both are me").click()


def test_an_instructor_sets_a_link_up_and_a_student_comes_by_it(meeting, visit):
    elsewhere = meeting.campus.url.replace("127.0.0.1", "localhost")
    with meeting.database.begin() as work:
        said = platforms.Registration(**meeting.campus.registration(auth_url=f"{elsewhere}/authorize"))
        platforms.register(work, meeting.reader(ADMIN), said, LOOPBACK)
    meeting.campus.users["u-ines"] = {f"{CLAIM}roles": TEACHER, "name": "Ines Instructor"}
    meeting.campus.framed = True
    outside = visit("u-ines")
    frame = outside.frame_locator("iframe")
    with outside.expect_popup() as opened:
        frame.get_by_role("link", name="Open it in a new window").click()
    ines = opened.value
    shows(ines, "You come from Campus as Ines Instructor.")
    sign_in(ines, "ines.instructor@example.org")
    ines.wait_for_url("**/lti/course")
    ines.get_by_role("button", name="Link the two").click()
    ines.wait_for_url("**/courses/deep/lti")
    ines.get_by_label("Assignment of Second homework").select_option("tiny")
    ines.get_by_role("button", name="Save Second homework").click()
    expect(ines.get_by_label("Assignment of Second homework")).to_have_value("tiny")
    assert serious(ines) == []
    ines.set_viewport_size({"width": 390, "height": 844})
    assert ines.evaluate("document.documentElement.scrollWidth") <= 390

    meeting.campus.framed = False
    ada = visit("u-ada")
    ada.get_by_role("link", name="Second homework").click()
    sign_in(ada, "ada.lovelace@example.org")
    ada.wait_for_url("**/assignments/tiny")
    # From then on one click is enough, also for a browser that knows nothing of us.
    again = visit("u-ada")
    again.get_by_role("link", name="Second homework").click()
    again.wait_for_url("**/assignments/tiny")
    shows(again, "A tiny assignment")


def test_an_administrator_registers_a_platform(meeting, visit):
    page = visit("nobody")
    page.context.add_cookies([{"name": COOKIE, "value": meeting.session(ADMIN), "url": meeting.url}])
    page.goto(f"{meeting.url}/")
    page.get_by_role("link", name="Learning platforms").click()
    for path in ("login", "launch", "jwks.json"):
        shows(page, f"{meeting.url}/lti/{path}")
    said = meeting.campus.registration()
    fields = {
        "Name": "name", "Issuer": "issuer", "Client id": "client_id", "Log-in address": "auth_url",
        "Token address": "token_url", "Keys address": "jwks_url",
    }  # fmt: skip
    new = page.get_by_role("region", name="Register a platform")
    for label, name in fields.items():
        new.get_by_label(label).fill("https://10.0.0.7/keys" if name == "jwks_url" else said[name])
    new.get_by_label("Deployment ids").fill("one\ntwo")
    new.get_by_role("button", name="Register it").click()
    shows(page, "The keys address: 10.0.0.7 is no public address.")
    new.get_by_label("Keys address").fill(said["jwks_url"])
    new.get_by_role("button", name="Register it").click()
    shows(page, "2 deployments; e-mail not trusted; may add student")
    assert serious(page) == []
    page.get_by_text("Change Campus").click()
    known = page.get_by_role("region", name="Campus")
    known.get_by_label("teaching assistants").check()
    known.get_by_role("button", name="Save the changes").click()
    shows(page, "may add student, ta")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
