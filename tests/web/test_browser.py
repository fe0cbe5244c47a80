"""The pages in a real headless Chromium, against a real server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as DialogueMissing
from playwright.sync_api import expect

from grader.domain.check import Stage
from grader.domain.course import Role
from grader.domain.notices import Outcome
from grader.service import notices
from grader.storage.models import MembershipRow
from tests import builders
from tests.web.desk import ADA, PATIENCE_MS, TINA, shows
from tests.web.scene import PASSWORD, failed, passed

pytestmark = pytest.mark.browser


def test_somebody_signs_in_and_goes_where_they_wanted(desk):
    desk.scene.password(ADA)
    page = desk.page()
    page.goto("/assignments/tiny")
    # Who types before the field is there types into nothing.
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(desk.scene.people[ADA].email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith("/assignments/tiny") and "sign-in" not in url)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def test_an_upload_is_graded_before_the_students_eyes(desk):
    scene, page = desk.scene, desk.page(ADA)
    page.goto("/")
    page.get_by_role("link", name="A tiny assignment").click()
    page.get_by_label(re.compile("zip file")).set_input_files({"name": "cnn.py", "mimeType": "", "buffer": b"x = 1\n"})
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    shows(page, "Waiting for its turn")
    claim = scene.claim()
    lease = scene.pass_gate(claim)
    scene.record(lease, [passed(scene.plan[0]), failed(scene.plan[1], "Two is not one.", output="printed by Ada\n")])
    shows(page, "2 of 4 checks done")
    shows(page, "1 check did not pass")

    page.locator("summary", has_text="What your code printed").click()
    page.locator("summary", has_text="What your code printed").focus()
    page.evaluate("document.getElementById('check-1').marked = true")
    scene.record(lease, [passed(scene.plan[2])])
    shows(page, "3 of 4 checks done")
    assert page.locator("#check-1-output").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.textContent") == "What your code printed"
    assert page.evaluate("document.getElementById('check-1').marked"), "the check was put there anew"

    scene.finish(claim, lease, [passed(scene.plan[0]), failed(scene.plan[1]), passed(scene.plan[2])])
    train = scene.claim()
    assert train.lease.stage is Stage.TRAIN
    scene.record(train.lease, [passed(scene.plan[3])], pictures=True)
    scene.finish(train, train.lease, [passed(scene.plan[3])])
    shows(page, "4 / 5 points")
    assert "Graded: 4 / 5 points." in page.locator("#live-news").text_content()
    page.locator("figure.picture img").scroll_into_view_if_needed()
    expect(page.locator("figure.picture img")).to_have_js_property("complete", value=True, timeout=PATIENCE_MS)
    assert page.locator("figure.picture img").evaluate("image => image.naturalWidth") == 288
    assert desk.complaints == []


def test_what_was_missed_while_the_network_was_away_comes_after_it_is_back(desk):
    scene, page = desk.scene, desk.page(ADA)
    receipt = scene.hand_in(ADA)
    page.goto(f"/submissions/{receipt.id}")
    shows(page, "Waiting for its turn")
    page.context.set_offline(True)
    scene.grade()
    page.context.set_offline(False)
    shows(page, "5 / 5 points")


def test_a_file_can_be_dropped(desk):
    page = desk.page(ADA)
    page.goto("/assignments/tiny")
    transfer = page.evaluate_handle(
        """() => { const data = new DataTransfer();
        data.items.add(new File(["x = 1\\n"], "dropped.py")); return data; }"""
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    shows(page, "dropped.py")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    shows(page, "dropped.py")


def test_what_is_wrong_with_an_upload_is_said_where_it_was_chosen(desk):
    page = desk.page(ADA)
    page.goto("/assignments/tiny")
    page.get_by_label(re.compile("zip file")).set_input_files({"name": "r.py", "mimeType": "", "buffer": b"%PDF-1.4"})
    page.get_by_role("button", name="Hand in").click()
    shows(page, "r.py is a PDF document", "#upload-problem")
    page.get_by_label(re.compile("zip file")).set_input_files({"name": "r.py", "mimeType": "", "buffer": b"x = 1\n"})
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")


def test_a_file_that_is_too_large_is_not_even_sent(desk):
    page = desk.page(ADA)
    page.goto("/assignments/tiny")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.evaluate(
        """() => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(65 * 2 ** 20)], "large.zip"));
        document.getElementById("file").files = data.files;
        document.getElementById("file").dispatchEvent(new Event("change")); }"""
    )
    shows(page, "at most 64 MiB are allowed", "#upload-problem")
    page.get_by_role("button", name="Hand in").click()
    shows(page, "at most 64 MiB are allowed", "#upload-problem")
    assert sent == []


def _chooser_by_space(page):
    """The file dialogue; pressed again where a busy machine's browser dropped the key, as a person would."""
    for timeout_ms in (PATIENCE_MS / 2, PATIENCE_MS):
        try:
            with page.expect_file_chooser(timeout=timeout_ms) as chooser:
                page.keyboard.press("Space")
        except DialogueMissing:
            continue
        return chooser.value
    raise AssertionError("the space key opened no dialogue")


def test_a_student_hands_in_by_keyboard_alone(desk):
    page = desk.page(ADA)
    page.goto("/assignments/tiny")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "file":
            break
    assert page.evaluate("document.activeElement.id") == "file"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    chosen = _chooser_by_space(page)
    chosen.set_files({"name": "keys.py", "mimeType": "", "buffer": b"x = 1\n"})
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"
    page.keyboard.press("Enter")
    page.wait_for_url("**/submissions/*")
    shows(page, "keys.py")


def test_everything_works_without_javascript(desk):
    page = desk.page(ADA, java_script_enabled=False)
    page.goto("/assignments/tiny")
    page.get_by_label(re.compile("zip file")).set_input_files({"name": "cnn.py", "mimeType": "", "buffer": b"x = 1\n"})
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    shows(page, "Waiting for its turn")
    desk.scene.grade()
    page.get_by_role("link", name="Look again").click()
    shows(page, "5 / 5 points")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def names(page: Any) -> list[str]:
    return page.locator(".book tbody th a").all_text_contents()


def test_a_gradebook_is_sorted_filtered_and_leafed_through(desk):
    scene = desk.scene
    scene.hand_in(ADA)
    scene.grade()
    with scene.database.begin() as work:
        for index in range(60):
            person = builders.a_person(work, name=f"Person {index:03}")
            work.session.add(MembershipRow(course_id=scene.course.id, person_id=person.id, role=Role.STUDENT.value))
    page = desk.page(TINA)
    page.goto("/assignments/tiny/gradebook")
    assert len(names(page)) == 50
    page.get_by_role("link", name="Score").click()
    page.wait_for_url("**sort=score**")
    assert names(page)[0] == ADA
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    assert len(names(page)) == 12
    page.get_by_role("link", name="First page").click()
    page.get_by_label("Section").select_option("evening")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**section=evening**")
    assert "search=" not in page.url, "an empty field stands in the address"
    assert names(page) == ["Bob Noyce"]
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Name, e-mail or number").fill("person 059")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=person**")
    assert names(page) == ["Person 059"]
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "tiny-csv.csv"
    assert desk.complaints == []


def test_the_head_of_a_long_gradebook_stays_in_sight(desk):
    with desk.scene.database.begin() as work:
        for index in range(40):
            person = builders.a_person(work, name=f"Person {index:03}")
            work.session.add(MembershipRow(course_id=desk.scene.course.id, person_id=person.id, role="student"))
    page = desk.page(TINA, viewport={"width": 1280, "height": 700})
    page.goto("/assignments/tiny/gradebook")
    page.get_by_role("link", name="Person 039").scroll_into_view_if_needed()
    assert page.evaluate("document.querySelector('.book thead th').getBoundingClientRect().top") == 0


def test_staff_run_a_submission_again_and_watch_it(desk):
    scene = desk.scene
    receipt = scene.hand_in(ADA)
    scene.grade([failed(check) if check.id == "A.one" else passed(check) for check in scene.plan])
    page = desk.page(TINA)
    page.goto(f"/submissions/{receipt.id}")
    shows(page, "4 / 5 points")
    page.get_by_role("button", name="Run again").click()
    shows(page, "Waiting for its turn")
    scene.grade()
    shows(page, "5 / 5 points")
    page.goto(f"/submissions/{receipt.id}/runs")
    shows(page, "The score went from 4 to 5.")


def test_a_roster_goes_through_its_preview(desk):
    page = desk.page("Ines Instructor")
    page.goto("/courses/deep/roster")
    content = b'email,name\r\nnew@example.org,"New, Nora ""N"""\r\nz@example.org,Zoe\r\n'
    page.get_by_label("A CSV file").set_input_files({"name": "r.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Show what would change").click()
    shows(page, "2 people would join")
    page.get_by_role("button", name="Apply the roster").click()
    shows(page, "The roster was applied")
    shows(page, 'New, Nora "N"')


def test_a_roster_with_wrong_lines_says_all_of_them_and_offers_nothing_to_apply(desk):
    page = desk.page("Ines Instructor")
    page.goto("/courses/deep/roster")
    content = (
        b'Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"New, Nora",1,7,nora,S\n"X, Y",2,8,,S\n'
    )
    page.get_by_label("A CSV file").set_input_files({"name": "r.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Show what would change").click()
    shows(page, "Nothing was changed: 2 lines have to be mended")
    shows(page, "Line 3: “nora” in column SIS Login ID is no e-mail address")
    expect(page.get_by_role("button", name="Apply the roster")).to_have_count(0)
    page.get_by_label("A CSV file").set_input_files(
        {"name": "r.csv", "mimeType": "text/csv", "buffer": content.replace(b'"X, Y",2,8,,S\n', b"")}
    )
    page.get_by_label("Domain of Canvas logins").fill("example.edu")
    page.get_by_role("button", name="Show what would change").click()
    shows(page, "Read as Canvas's gradebook export")
    page.get_by_role("button", name="Apply the roster").click()
    shows(page, "nora@example.edu")


def test_a_webhook_is_added_tested_and_its_log_read(desk):
    page = desk.page("Ines Instructor")
    page.goto("/courses/deep")
    page.get_by_role("link", name="Notices").click()
    page.get_by_label("An https address").fill("https://example.org/theirs")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#secret")).to_have_text(re.compile(r"^whsec_\S{44}$"))
    page.goto("/courses/deep/notices")
    page.get_by_role("button", name="Send a test").click()
    scene = desk.scene
    with scene.database.begin() as work:
        found = notices.look(work, with_mail=False).parcels
        notices.record(work, [(parcel, Outcome(problem="It answered 500.")) for parcel in found])
    page.reload()
    shows(page, "It answered 500.")
    page.get_by_role("button", name="Remove").click()
    shows(page, "Nobody is told.")
    assert desk.complaints == []
