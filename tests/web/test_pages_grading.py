"""Grading by hand on the pages: one question over everybody, its rubric, what a student reads, marks by persons."""

from __future__ import annotations

import re

import pytest

from tests import builders
from tests.service.test_gradings import definition
from tests.web.conftest import text_of
from tests.web.scene import failed, passed

ADA, BOB = "Ada Lovelace", "Bob Noyce"


@pytest.fixture
def graded(scene):
    """Ada's submission with A.two lost: 3 of 5 automatic points; an item gives 4 more."""
    with scene.database.begin() as work:
        scene.assignment = builders.an_assignment(work, scene.course, definition=definition(), slug="essay")
    receipt = scene.hand_in(ADA, file="ada_lovelace.py")
    scene.grade([failed(one) if one.id == "A.two" else passed(one) for one in scene.plan])
    return receipt


@pytest.fixture
def tina(site, scene):
    return site.browser("Tina Assistant", scene)


@pytest.fixture
def ines(site, scene):
    return site.browser("Ines Instructor", scene)


ITEM = "/assignments/essay/grading/B.why"


def piece(graded, tail=""):
    return f"{ITEM}/{graded.id}{tail}"


def test_from_the_list_to_the_next_one_and_what_the_student_reads(site, scene, tina, ines, graded):
    overview = text_of(tina.get("/assignments/essay/grading").text)
    assert "0 of 1 1 waits" in overview
    assert "2 items wait" in text_of(tina.get("/assignments/essay/gradebook").text)
    taken = tina.submit(f"{ITEM}/next")
    assert (taken.status_code, taken.headers["Location"]) == (303, piece(graded))
    page = tina.get(piece(graded)).text
    assert "Two reasons." in page and "one reason" in page
    sent = {
        "newest": "0",
        "applied": ["one", "two"],
        "free_points": "−0,5",
        "comment": "Say why.\nTwice.",
        "go": "next",
    }
    answer = tina.submit(piece(graded), **sent)
    assert answer.headers["Location"] == f"{ITEM}?said=done"
    assert "Nobody waits for you" in text_of(tina.get(answer.headers["Location"]).text)
    line = text_of(tina.get(f"/assignments/essay/people/{scene.people[ADA].id}").text)
    assert "6.5 / 9 points" in line and "3.5 points by persons; 1 item waits to be graded" in line
    ada = site.browser(ADA, scene)
    before = ada.get(f"/submissions/{graded.id}").text
    assert "3 / 5 points" in text_of(before) and "Say why" not in before
    assert ines.submit("/assignments/essay/grading/settings", is_released="yes").status_code == 303
    after = text_of(ada.get(f"/submissions/{graded.id}").text)
    assert "6.5 / 9 points" in after and "With what persons gave; the run came to 3." in after
    assert "3.5 / 4 points" in after and "Say why. Twice." in after and "+2 one reason" in after
    assert "Tina" not in after
    assert "with items; the run: 3" in text_of(ada.get("/assignments/essay").text)
    staff = text_of(tina.get(f"/submissions/{graded.id}").text)
    assert "Graded by a person, Tina Assistant" in staff


def test_a_student_asks_about_an_item_and_staff_are_led_to_where_it_is_graded(site, scene, tina, ines, graded):
    tina.submit(piece(graded), newest="0", applied=["one"], comment="Say why.", go="stay")
    ada = site.browser(ADA, scene)
    about = f"/submissions/{graded.id}/regrade?about=item%3AB.why"
    assert about not in ada.get(f"/submissions/{graded.id}").text
    ines.submit("/assignments/essay/grading/settings", is_released="yes")
    assert about in ada.get(f"/submissions/{graded.id}").text
    assert '<option value="item:B.why" selected>Why? (B.why)</option>' in ada.get(about).text
    where = ada.submit(f"/submissions/{graded.id}/regrade", about="item:B.why", reason="It is on page 2.").headers[
        "Location"
    ]
    assert "What was given" not in ada.get(where).text
    page = tina.get(where).text
    assert "2 / 4 points by Tina Assistant" in text_of(page) and "Say why." in page
    assert f'href="{piece(graded)}"' in page and 'name="points"' not in page
    refused = tina.submit(f"{where}/answer", verdict="grant", words="You are right.", points="2")
    assert (refused.status_code, "grade the item again" in text_of(refused.text)) == (422, True)
    tina.submit(
        piece(graded),
        newest=re.search(r'name="newest" value="([0-9]+)"', tina.get(piece(graded)).text)[1],
        applied=["one", "two"],
        go="stay",
    )
    assert tina.submit(f"{where}/answer", verdict="grant", words="You are right.").status_code == 303
    assert "You are right." in text_of(ada.get(where).text)
    assert about not in ada.get(f"/submissions/{graded.id}").text


def test_the_rubric_and_kept_comments_change_and_what_was_typed_stays(tina, graded):
    typed = {"applied": "one", "free_points": "0.25", "comment": "Half typed."}
    page = tina.submit(piece(graded, "/rubric"), **typed, **{"label:": "A figure", "points:": "0.5"}).text
    assert "The line is added." in text_of(page)
    assert 'value="one" data-points="2.0" data-key="1" aria-keyshortcuts="1" checked' in page
    assert "Half typed." in page and 'value="0.25"' in page
    tina.submit(piece(graded), newest="0", applied="r1", go="stay")
    form = {"label:r1": "A curve", "points:r1": "1,5"}
    assert "1 scored anew" in text_of(tina.submit(piece(graded, "/rubric"), change="r1", **form).text)
    assert "1.5 / 4" in text_of(tina.get(piece(graded)).text)
    assert "The line is removed" in text_of(tina.submit(piece(graded, "/rubric"), remove="r1").text)
    kept = tina.submit(piece(graded, "/comments"), comment="As on page 2.").text
    assert "The comment is kept." in text_of(kept)
    number = re.search(r'name="forget" value="(\d+)"', kept)[1]
    page = tina.submit(piece(graded, "/comments"), forget=number, comment="Half typed.").text
    assert "As on page 2." not in page and "Half typed." in page


def test_what_is_wrong_is_said_on_the_page_and_nothing_typed_is_lost(site, scene, tina, graded):
    for form, status, words in (
        ({"free_points": "much"}, 422, "Write points as a number"),
        ({"applied": "none"}, 404, "no line none"),
        ({"newest": "x"}, 422, "cannot be read"),
        ({"comment": "x" * 4001}, 422, "at most 4000"),
    ):
        answer = tina.submit(piece(graded), **({"newest": "0", "comment": "Half typed."} | form))
        assert (answer.status_code, words in text_of(answer.text)) == (status, True), form
        assert form.get("comment", "Half typed.")[:11] in answer.text
    site.browser("Ines Instructor", scene).submit(f"{ITEM}/next")
    answer = tina.submit(piece(graded), newest="0", comment="Half typed.")
    assert answer.status_code == 409
    assert "Ines Instructor has this before them" in text_of(answer.text) and "Half typed." in answer.text


def test_blind_pages_name_nobody_until_an_instructor_says_otherwise(tina, ines, graded):
    for path in ("/assignments/essay/grading", ITEM, piece(graded), piece(graded, "/code")):
        page = tina.get(path).text
        for name in ("Ada", "Lovelace", "ada_lovelace", f"/submissions/{graded.id}"):
            assert name not in page, (path, name)
    assert "work-1.py" in tina.get(piece(graded, "/file")).headers["content-disposition"]
    assert tina.submit("/assignments/essay/grading/settings", is_blind="no").status_code == 403
    ines.submit("/assignments/essay/grading/settings", is_blind="no")
    for path in (ITEM, piece(graded), piece(graded, "/code")):
        assert "Ada Lovelace" in tina.get(path).text
    assert "ada_lovelace.py" in tina.get(piece(graded, "/file")).headers["content-disposition"]
    assert "set blind grading · off" in text_of(tina.get("/assignments/essay/grading").text)


def test_a_grading_is_taken_back_with_a_reason(tina, graded):
    tina.submit(piece(graded), newest="0", applied="one", comment="First.", go="stay")
    number = re.search(r'name="grading" value="(\d+)"', tina.get(piece(graded)).text)[1]
    assert tina.submit(piece(graded, "/withdraw"), grading=number, reason="").status_code == 422
    assert tina.submit(piece(graded, "/withdraw"), grading=number, reason="A slip.").status_code == 303
    page = text_of(tina.get(piece(graded)).text)
    assert "Earlier" in page and "First." in page


def test_a_mark_by_a_person_is_given_and_taken_back(site, scene, tina, graded):
    line = f"/assignments/essay/people/{scene.people[ADA].id}"
    refused = tina.submit(f"{line}/mark", value="5", reason="A new idea.")
    assert (refused.status_code, "at least 70%" in text_of(refused.text)) == (422, True)
    tina.submit(piece(graded), newest="0", applied=["one", "two"], go="stay")
    assert tina.submit(f"{line}/mark", value="5", reason="A new idea.").status_code == 303
    assert "5 creative" in text_of(tina.get(line).text)
    ada = text_of(site.browser(ADA, scene).get(f"/submissions/{graded.id}").text)
    assert "The mark 5 was given by a person" in ada and "A new idea." in ada and "Tina" not in ada
    assert tina.submit(f"{line}/mark/take-back", reason="A slip.").status_code == 303
    assert "5 creative" not in text_of(tina.get(line).text)


def test_words_stay_text(site, scene, tina, ines, graded):
    script = "<script>alert(1)</script>"
    tina.submit(piece(graded, "/rubric"), **{"label:": script, "points:": "1"})
    tina.submit(piece(graded, "/comments"), comment=script)
    tina.submit(piece(graded), newest="0", applied="r1", comment=script, go="stay")
    ines.submit("/assignments/essay/grading/settings", is_released="yes")
    for page in (tina.get(piece(graded)), site.browser(ADA, scene).get(f"/submissions/{graded.id}")):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


def test_students_and_other_courses_staff_neither_see_nor_change_it(site, scene, graded):
    line = f"/assignments/essay/people/{scene.people[ADA].id}"
    for name, status in ((ADA, 403), (BOB, 403), ("Stan Stranger", 404), ("Otto Other", 404)):
        browser = site.browser(name, scene)
        for path in ("/assignments/essay/grading", ITEM, piece(graded), piece(graded, "/code"), piece(graded, "/file")):
            assert browser.get(path).status_code == status, (name, path)
        for path, form in (
            ("/assignments/essay/grading/settings", {"is_released": "yes"}),
            (f"{ITEM}/next", {}),
            (piece(graded), {"newest": "0", "applied": "one"}),
            (piece(graded, "/withdraw"), {"grading": "1", "reason": "x"}),
            (piece(graded, "/rubric"), {"label:": "x", "points:": "1"}),
            (piece(graded, "/comments"), {"comment": "x"}),
            (f"{line}/mark", {"value": "5", "reason": "x"}),
            (f"{line}/mark/take-back", {"reason": "x"}),
        ):
            assert browser.submit(path, **form).status_code == status, (name, path)
