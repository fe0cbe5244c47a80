"""Pages of webhooks, deliveries, e-mail and the whole term."""

from __future__ import annotations

import re

import pytest

from grader.domain.course import Role
from grader.domain.notices import Outcome
from grader.service import notices
from tests.web.conftest import text_of
from tests.web.scene import a_small_scene

ADA = "Ada Lovelace"
URL = "https://example.org/theirs"
HERE = "/courses/deep/notices"


@pytest.fixture
def scene(database, site):
    scene = a_small_scene(database, site.services.blobs)
    scene.person(ADA, section="morning")
    scene.person("Tina Assistant", Role.TA)
    scene.person("Ines Instructor", Role.INSTRUCTOR)
    return scene


@pytest.fixture
def ines(site, scene):
    return site.browser("Ines Instructor", scene)


def deliver(scene, outcome):
    with scene.database.begin() as work:
        found = notices.look(work, with_mail=True).parcels
        notices.record(work, [(parcel, outcome) for parcel in found])
    return found


def test_a_webhook_is_added_its_secret_shown_once_and_removed(ines):
    made = ines.submit("/courses/deep/webhooks", url=URL)
    assert made.status_code == 200
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", made.text)[0]
    page = ines.get(HERE).text
    assert URL in page and secret not in page
    number = re.search(r"/webhooks/(\d+)/remove", page)[1]
    assert ines.submit(f"/courses/deep/webhooks/{number}/test").status_code == 303
    assert ines.submit(f"/courses/deep/webhooks/{number}/remove").headers["Location"] == HERE
    assert URL not in ines.get(HERE).text


def test_an_address_that_is_not_called_is_told_at_the_form(ines):
    answer = ines.submit("/courses/deep/webhooks", url="https://192.168.0.1/x")
    assert answer.status_code == 422
    assert "192.168.0.1 is no public address" in text_of(answer.text)


def test_what_could_not_be_delivered_is_shown_with_its_reason(scene, ines):
    ines.submit("/courses/deep/webhooks", url=URL)
    scene.hand_in(ADA)
    scene.grade()
    found = deliver(scene, Outcome(problem="It answered <b>500</b>.", is_final=True))
    assert len(found) == 2
    html = ines.get(HERE).text
    text = text_of(html)
    assert text.count("given up") >= 2
    assert "It answered &lt;b&gt;500" in html
    assert "failing since" in text
    assert scene.people[ADA].email in text
    assert "2 deliveries were given up in the last week" in text_of(ines.get("/courses/deep").text)
    assert "Nothing of that state" in text_of(ines.get(f"{HERE}?state=delivered").text)


def test_assistants_read_and_change_nothing(site, scene, ines):
    ines.submit("/courses/deep/webhooks", url=URL)
    tina = site.browser("Tina Assistant", scene)
    html = tina.get(HERE).text
    assert "https://example.org/…" in html and URL not in html
    assert "Add a webhook" not in html and "/remove" not in html
    assert tina.submit("/courses/deep/webhooks", url=URL).status_code == 403
    assert tina.submit("/courses/deep/webhooks/1/remove").status_code == 403


def test_students_reach_none_of_it_and_need_the_forms_token(site, scene, ines):
    ada = site.browser(ADA, scene)
    assert ada.get(HERE).status_code == 403
    for path in ("/courses/deep/webhooks", "/courses/deep/webhooks/1/test", "/courses/deep/webhooks/1/enable"):
        assert ada.submit(path, url=URL).status_code == 403
        assert ines.post(path, data={"csrf": "wrong", "url": URL}).status_code == 403
    assert ada.post("/mail", data={"csrf": "wrong"}).status_code == 403


def test_everybody_chooses_their_e_mail(site, scene):
    ada = site.browser(ADA, scene)
    assert ada.get("/mail").text.count(" checked") == 4
    saved = ada.submit("/mail", kind=["submission.graded"])
    assert saved.headers["Location"] == "/mail?done=1"
    html = ada.get("/mail?done=1").text
    assert "Your choice was saved" in html
    assert html.count(" checked") == 1


def test_the_terms_gradebook_has_each_student_and_its_downloads(scene, ines):
    scene.hand_in(ADA)
    scene.grade()
    html = ines.get("/courses/deep/gradebook").text
    assert "1 student, 1 assignment" in text_of(html)
    assert ADA in html
    for form in ("csv", "canvas", "moodle", "gradescope"):
        assert f"export?form={form}" in html
        answer = ines.get(f"/courses/deep/gradebook/export?form={form}")
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert scene.people[ADA].email in answer.text
