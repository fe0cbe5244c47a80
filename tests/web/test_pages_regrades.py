"""Asking for a second look, the queue and the answer, on the pages; each role against each."""

from __future__ import annotations

import re

import pytest

from tests.web.conftest import text_of
from tests.web.scene import failed, passed

ADA, BOB, TINA, INES = "Ada Lovelace", "Bob Noyce", "Tina Assistant", "Ines Instructor"


@pytest.fixture
def graded(scene):
    """Ada's submission with the check A.two (2 points) lost: 3 of 5."""
    receipt = scene.hand_in(ADA)
    scene.grade([failed(one, "Two is not one.") if one.id == "A.two" else passed(one) for one in scene.plan])
    return receipt


@pytest.fixture
def ada(site, scene):
    return site.browser(ADA, scene)


@pytest.fixture
def tina(site, scene):
    return site.browser(TINA, scene)


def ask(browser, receipt, about="check:A.two", reason="The task says otherwise."):
    return browser.submit(f"/submissions/{receipt.id}/regrade", about=about, reason=reason)


def test_a_student_asks_from_the_check_that_was_lost(ada, graded):
    page = ada.get(f"/submissions/{graded.id}").text
    links = re.findall(r'href="(/submissions/[^"]+/regrade[^"]*)"', page)
    assert f"/submissions/{graded.id}/regrade?about=check%3AA.two" in links
    # Nothing was lost at the others; the whole may be asked about.
    assert len(links) == 2
    form = ada.get(f"/submissions/{graded.id}/regrade?about=check%3AA.two").text
    assert '<option value="check:A.two" selected>' in form
    answer = ask(ada, graded, reason="Line one.\nLine <two>.")
    assert answer.status_code == 303
    text = text_of(ada.get(answer.headers["Location"]).text)
    assert "Two (A.two)" in text and "Line &lt;two&gt;." in text and "Open" in text
    assert "Two (A.two)" in text_of(ada.get(f"/submissions/{graded.id}").text)


def test_staff_answer_with_points_and_both_see_it(ada, tina, graded):
    where = ask(ada, graded).headers["Location"]
    assert "Regrades, 1 open" in text_of(tina.get("/courses/deep").text)
    queue = text_of(tina.get("/assignments/tiny/regrades").text)
    assert "Two (A.two)" in queue and ADA in queue and "Open" in queue
    assert ADA in text_of(tina.get("/courses/deep/regrades?state=open").text)
    assert "Failed , 0 / 2 points Two is not one." in text_of(tina.get(where).text)
    assert "came to" not in text_of(ada.get(where).text)
    answer = tina.submit(f"{where}/answer", verdict="grant", words="You are right.", points="+1,5")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/assignments/tiny/regrades")
    for browser in (ada, tina):
        text = text_of(browser.get(where).text)
        assert "Granted" in text and "You are right." in text and TINA in text and "+1.5 points" in text
    card = text_of(ada.get(f"/submissions/{graded.id}").text)
    assert "4.5 / 5 points" in card and "You are right." in card
    assert "open" not in text_of(tina.get("/courses/deep").text).partition("Regrades")[2][:8]
    assert "There are none" in text_of(tina.get("/assignments/tiny/regrades?state=open").text)


def test_what_was_typed_stays_when_an_answer_is_refused(ada, tina, graded):
    where = ask(ada, graded).headers["Location"]
    for form, words in (
        ({"verdict": "decline", "points": "1", "words": "My words."}, "changes no points"),
        ({"verdict": "grant", "points": "lots", "words": "My words."}, "Write the difference"),
        ({"verdict": "", "words": "My words."}, "granted or declined"),
        ({"verdict": "grant", "words": " "}, "needs words"),
        ({"verdict": "grant", "points": "0", "words": "My words."}, "changes nothing"),
    ):
        answer = tina.submit(f"{where}/answer", **form)
        assert answer.status_code == 422
        assert words in text_of(answer.text)
        assert form["words"].strip() in answer.text
    assert tina.submit(f"{where}/answer", verdict="decline", words="No.").status_code == 303
    again = tina.submit(f"{where}/answer", verdict="grant", words="Yes.", points="1")
    assert again.status_code == 409
    assert "declined already" in text_of(again.text)
    assert "3 / 5 points" in text_of(ada.get(f"/submissions/{graded.id}").text)


def test_what_was_typed_stays_when_a_request_is_refused(ada, graded):
    ask(ada, graded)
    answer = ask(ada, graded, reason="Once more, please.")
    assert answer.status_code == 409
    assert "asked about this already" in answer.text and "Once more, please." in answer.text
    for about, reason, status in (
        ("check:A.none", "x", 404), ("nonsense", "x", 422), ("whole:", " ", 422), ("whole:", "x" * 2001, 422)
    ):  # fmt: skip
        assert ask(ada, graded, about, reason).status_code == status, about


def test_a_request_is_taken_back(ada, tina, graded):
    where = ask(ada, graded).headers["Location"]
    assert "Withdraw the request" in ada.get(where).text
    assert "Withdraw the request" not in tina.get(where).text
    assert ada.submit(f"{where}/withdraw").status_code == 303
    assert "Withdrawn" in text_of(ada.get(where).text)
    assert ada.submit(f"{where}/withdraw").status_code == 409


def test_instructors_set_the_window(site, scene, ada, tina, graded):
    ines = site.browser(INES, scene)
    path = "/assignments/tiny/regrades/window"
    assert tina.submit(path, days="0").status_code == 403
    assert 'name="days"' not in tina.get("/assignments/tiny/regrades").text
    for wrong in ("many", "-1", "1.5", "9999", "nan", "inf"):
        assert ines.submit(path, days=wrong).status_code == 422, wrong
    assert ines.submit(path, days="0").status_code == 303
    assert "Nobody may ask about this assignment." in text_of(ines.get("/assignments/tiny/regrades").text)
    page = ada.get(f"/submissions/{graded.id}").text
    assert "takes no regrade requests" in page and "/regrade?about" not in page
    refused = ask(ada, graded)
    assert refused.status_code == 403
    assert "takes no regrade requests" in text_of(refused.text)


def test_each_role_reaches_its_own_and_no_more(site, scene, ada, graded):
    where = ask(ada, graded).headers["Location"]
    for name, status in ((BOB, 404), ("Stan Stranger", 404), ("Otto Other", 404)):
        browser = site.browser(name, scene)
        assert browser.get(where).status_code == status, name
        assert browser.get(f"/submissions/{graded.id}/regrade").status_code == status
        assert ask(browser, graded, "whole:").status_code == status
        assert browser.submit(f"{where}/answer", verdict="grant", words="x", points="2").status_code == status
        assert browser.submit(f"{where}/withdraw").status_code == status
    for path in ("/assignments/tiny/regrades", "/courses/deep/regrades"):
        assert ada.get(path).status_code == 403
        assert site.browser("Otto Other", scene).get(path).status_code == 404
        answer = site.browser().get(path)
        assert answer.status_code == 303 and "/sign-in" in answer.headers["Location"]
    assert ada.submit(f"{where}/answer", verdict="grant", words="x", points="2").status_code == 403
    assert ada.submit("/assignments/tiny/regrades/window", days="30").status_code == 403
    assert "3 / 5 points" in text_of(ada.get(f"/submissions/{graded.id}").text)


def test_staff_who_look_as_the_student_see_what_may_be_asked(tina, graded):
    assert "Ask for a regrade" in tina.get(f"/submissions/{graded.id}?view=student").text
    assert "Ask for a regrade" not in tina.get(f"/submissions/{graded.id}").text


def test_no_form_works_without_its_sessions_token(ada, tina, graded):
    where = ask(ada, graded).headers["Location"]
    for browser, path in (
        (ada, f"/submissions/{graded.id}/regrade"),
        (ada, f"{where}/withdraw"),
        (tina, f"{where}/answer"),
    ):
        assert browser.post(path, data={"csrf": "wrong"}).status_code == 403
