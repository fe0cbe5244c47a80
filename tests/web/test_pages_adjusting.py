"""Points that staff change on a student's page, and what the student reads of it."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import text_of
from tests.web.scene import failed, passed

ADA, BOB = "Ada Lovelace", "Bob Noyce"


@pytest.fixture
def graded(scene):
    """Ada's submission with the check A.two (2 points) lost: 3 of 5."""
    receipt = scene.hand_in(ADA)
    scene.grade([failed(one, "Two is not one.") if one.id == "A.two" else passed(one) for one in scene.plan])
    return receipt


@pytest.fixture
def line(scene):
    return f"/assignments/tiny/people/{scene.people[ADA].id}"


@pytest.fixture
def tina(site, scene):
    return site.browser("Tina Assistant", scene)


def test_staff_adjust_a_check_and_the_student_reads_why(site, scene, tina, graded, line):
    assert '<option value="check:A.two">Two (A.two)</option>' in tina.get(line).text
    answer = tina.submit(f"{line}/adjust", target="check:A.two", points="1,5", reason="Right but for a sign.")
    assert (answer.status_code, answer.headers["Location"]) == (303, line)
    page = text_of(tina.get(line).text)
    assert re.search(r"\+1\.5 for Two A\.two: Right but for a sign\. .* by Person|\+1\.5 for Two", page)
    assert "4.5 / 5 points" in page
    assert "adjusted" in text_of(tina.get("/assignments/tiny/gradebook").text)
    ada = site.browser(ADA, scene)
    card = text_of(ada.get(f"/submissions/{graded.id}").text)
    assert "Adjusted by your course's staff; the run came to 3." in card.replace("&#39;", "'")
    assert "Right but for a sign." in card
    assert "1.5 / 2" in card
    assert "4.5 / 5 points" in card
    assert "Tina" not in card
    assert "by Tina Assistant" in text_of(tina.get(f"/submissions/{graded.id}").text)
    assert "adjusted; the run: 3" in text_of(ada.get("/assignments/tiny").text)
    made = re.search(r"/adjustments/(\d+)/withdraw", tina.get(line).text)[1]
    assert tina.submit(f"{line}/adjustments/{made}/withdraw", reason="A slip.").status_code == 303
    assert "Right but for a sign." not in ada.get(f"/submissions/{graded.id}").text
    assert "withdraw adjustment" in text_of(tina.get(line).text)


def test_what_is_wrong_is_said_on_the_page(tina, graded, line):
    for form, words in (
        ({"target": "check:A.two", "points": "much", "reason": "x"}, "Write the difference as a number"),
        ({"target": "check:A.two", "points": "0", "reason": "x"}, "changes nothing"),
        ({"target": "check:A.two", "points": "1", "reason": " "}, "needs a reason"),
        ({"target": "nonsense", "points": "1", "reason": "x"}, "one check, one part, one item or the whole"),
        ({"target": "check:A.none", "points": "1", "reason": "x"}, "has no check A.none"),
    ):
        answer = tina.submit(f"{line}/adjust", **form)
        assert answer.status_code in (404, 422)
        assert words in text_of(answer.text), form
    assert "3 / 5 points" in text_of(tina.get(line).text)


def test_a_reason_stays_text(site, scene, tina, graded, line):
    tina.submit(f"{line}/adjust", target="whole:", points="1", reason="<script>alert(1)</script>")
    for page in (site.browser(ADA, scene).get(f"/submissions/{graded.id}"), tina.get(line)):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


def test_students_and_other_courses_staff_change_nothing(site, scene, tina, graded, line):
    tina.submit(f"{line}/adjust", target="check:A.two", points="1", reason="Kept.")
    made = re.search(r"/adjustments/(\d+)/withdraw", tina.get(line).text)[1]
    for name, status in ((ADA, 403), (BOB, 403), ("Stan Stranger", 404), ("Otto Other", 404)):
        browser = site.browser(name, scene)
        assert browser.get(line).status_code == status
        assert browser.submit(f"{line}/adjust", target="whole:", points="9", reason="x").status_code == status
        assert browser.submit(f"{line}/adjustments/{made}/withdraw", reason="x").status_code == status
    assert "4 / 5 points" in text_of(tina.get(line).text)
