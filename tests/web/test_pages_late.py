"""Pages of late work: what each role sees and may send, and the whole of it in a real Chromium."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grader.storage.models import AssignmentRow, MembershipRow, SpecVersionRow
from tests import builders
from tests.web.conftest import text_of
from tests.web.desk import shows

ADA, BOB = "Ada Lovelace", "Bob Noyce"


def change(database, *, late=None, team=(1, 1), **values):
    """The tiny assignment as it is offered, straight in the tables."""
    with database.begin() as work:
        row = work.session.query(AssignmentRow).filter_by(slug="tiny").one()
        for name, value in values.items():
            setattr(row, name, value)
        definition = builders.a_definition(late=late or {}, team_size=team)
        work.session.get(SpecVersionRow, row.spec_version_id).definition = definition.model_dump(mode="json")


def ago(**distance):
    return datetime.now(UTC) - timedelta(**distance)


@pytest.fixture
def tina(site, scene):
    return site.browser("Tina Assistant", scene)


@pytest.fixture
def ines(site, scene):
    return site.browser("Ines Instructor", scene)


@pytest.fixture
def ada(site, scene):
    return site.browser(ADA, scene)


def test_more_time_opens_the_page_and_both_sides_read_until_when(site, scene, ada, tina):
    change(site.services.database, due_at=ago(days=2))
    person = f"/assignments/tiny/people/{scene.people[ADA].id}"
    assert "takes no more submissions" in text_of(ada.get("/assignments/tiny").text)
    assert tina.submit(f"{person}/extension", extra_days="4", reason="In hospital").status_code == 303
    seen = text_of(ada.get("/assignments/tiny").text)
    assert "You have more time; everybody else:" in seen
    assert "takes no more submissions" not in seen
    assert "hospital" not in seen
    assert "In hospital" in text_of(tina.get(person).text)
    late = text_of(tina.get("/assignments/tiny/late").text)
    assert "4 days more" in late
    assert "Instructors set the policy" in late
    for fields in ({"reason": "x"}, {"extra_days": "four", "reason": "x"}, {"due_at": "soon", "reason": "x"},
                   {"extra_days": "1"}, {"extra_days": "1", "due_at": "2099-01-01T10:00", "reason": "x"}):  # fmt: skip
        assert tina.submit(f"{person}/extension", **fields).status_code == 422, fields
    assert tina.submit(f"{person}/extension/withdraw", reason="A slip").status_code == 303
    assert "takes no more submissions" in text_of(ada.get("/assignments/tiny").text)


def test_an_instructor_sets_the_policy_and_points_follow(site, scene, ada, ines):
    change(site.services.database, due_at=ago(hours=36), late={"refuse_after_extension": False})
    receipt = scene.hand_in(ADA)
    scene.grade()
    fields = {"days": "1", "grace": "0", "beyond": "penalise", "per_day": "20%", "most": "", "reason": "Agreed"}
    assert ines.submit("/assignments/tiny/late", **fields).status_code == 303
    assert "4 / 5" in text_of(ines.get(f"/assignments/tiny/people/{scene.people[ADA].id}").text)
    assert "Your score now: 4 of 5 points." in text_of(ada.get("/assignments/tiny").text)
    page = text_of(ines.get("/assignments/tiny/late").text)
    assert "1 late day for the term. Later uploads lose 20% of their points" in page
    receipt_page = text_of(ada.get(f"/submissions/{receipt.id}/receipt").text)
    assert "2 days; used 1 late day, 0 left after it; 1 beyond the term" in receipt_page
    assert "late days; 20% of the points less" in receipt_page
    for bad in ({"per_day": ""}, {"days": "-1"}, {"beyond": "x"}, {"reason": " "}):
        assert ines.submit("/assignments/tiny/late", **(fields | bad)).status_code == 422, bad
    assert ines.submit("/assignments/tiny/late", reset="1", reason="No").status_code == 303
    assert "As the spec says" in text_of(ines.get("/assignments/tiny/late").text)


def test_a_member_with_too_few_days_is_named_before_the_upload(site, scene, ada):
    database = site.services.database
    with database.begin() as work:
        team = builders.a_team(work, scene.course, name="Team 1")
        for name in (ADA, BOB):
            member = work.session.get(MembershipRow, (scene.course.id, scene.people[name].id))
            member.team_id = team.id
        other = builders.an_assignment(
            work,
            scene.course,
            due_at=ago(days=9),
            definition=builders.a_definition(late={"extension_days_per_term": 2}),
        )
        late = ago(days=8, hours=1)
        builders.a_submission(work, other, scene.people[BOB], received_at=late, late_days=1)
    change(database, due_at=ago(hours=36), late={"extension_days_per_term": 2}, team=(2, 3))
    assert f"and {BOB} has 1 late day left" in text_of(ada.get("/assignments/tiny").text)
    refused = ada.hand_in("/assignments/tiny/submissions", b"x = 1\n")
    assert refused.status_code == 403
    assert f"{BOB} has 1 late day left" in text_of(refused.text)


def test_students_and_others_reach_none_of_it(site, scene, ada):
    bob = scene.people[BOB].id
    forms = (f"/assignments/tiny/people/{bob}/extension", f"/assignments/tiny/people/{bob}/extension/withdraw",
             "/assignments/tiny/late")  # fmt: skip
    fields = {"extra_days": "1", "days": "1", "grace": "1", "beyond": "flag", "reason": "x"}
    for name, status in ((ADA, 403), ("Otto Other", 404)):
        browser = site.browser(name, scene)
        assert browser.get("/assignments/tiny/late").status_code == status
        for form in forms:
            assert browser.submit(form, **fields).status_code == status, (name, form)
    tina = site.browser("Tina Assistant", scene)
    assert tina.submit("/assignments/tiny/late", **fields).status_code == 403
    for form in (*forms, "/submissions/0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10/choice"):
        assert tina.post(form, data={"csrf": "wrong", **fields}).status_code == 403


@pytest.mark.browser
def test_a_term_of_late_days_in_a_real_browser(desk):
    """Warned, handed in, confirmed, chosen; then more time from the staff gives the days back."""
    scene = desk.scene
    change(scene.database, due_at=ago(hours=36), late={"extension_days_per_term": 4}, counting="chosen")
    page = desk.page(ADA)
    page.goto("/assignments/tiny")
    shows(page, "An upload now will use 2 of your 4 late days.")
    picture(page, "late-before")
    upload = {"name": "cnn.py", "mimeType": "", "buffer": b"x = 1\n"}
    page.locator("#file").set_input_files(upload)
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    scene.grade()
    shows(page, "used 2 late days, 2 left after it")
    page.reload()
    page.get_by_role("button", name="Let this one count").click()
    shows(page, "This submission was chosen to count.")
    picture(page, "late-chosen")
    staff = desk.page("Ines Instructor")
    staff.goto(f"/assignments/tiny/people/{scene.people[ADA].id}")
    staff.locator("summary", has_text="Give more time").click()
    staff.get_by_label("Days more").fill("3")
    staff.locator("#extension-reason").fill("Ill")
    staff.get_by_role("button", name="Give more time").click()
    shows(staff, "Ill")
    picture(staff, "late-person")
    staff.get_by_role("link", name=scene.assignment.title).first.click()
    staff.get_by_role("link", name="Late work").click()
    shows(staff, "3 days more")
    picture(staff, "late-staff")
    page.goto("/assignments/tiny")
    shows(page, "You have more time")
    shows(page, "4 of 4 in the term")
    picture(page, "late-after")
    assert desk.complaints == []


def picture(page, name):
    """For whoever wants to look: PICTURES names a folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
