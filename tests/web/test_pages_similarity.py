"""Similar submissions as staff see them: escaped, side by side, without a word of blame; students see none of it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.similarity import Fingerprint, Piece, Print
from grader.service import similarity
from tests.web.conftest import text_of

ADA, BOB = "Ada Lovelace", "Bob Noyce"
EVIL = "<script>alert(1)</script>"
BLAME = ("cheat", "plagiar", "copied", "copying", "suspect", "fraud", "guilty", "misconduct", "dishonest", "offence")


def compared(scene, database, *names):
    """Both hand in much the same; a sandbox's answer is kept and compared as the command does it."""
    for index, name in enumerate(names):
        scene.hand_in(name, b"x = %d\n" % index)
    with database.begin() as work:
        prepared = similarity.prepare(work, "tiny", "test")
        for number, one in enumerate(prepared.unread):
            lines = [f"line_{line} = {EVIL!r}  # {number}" for line in range(60)]
            prints = tuple(Print(line + 1, line + 1, line + 1) for line in range(5 * number, 40))
            own = tuple(Print(1000 * (number + 1) + line, line + 1, line + 1) for line in range(41, 60))
            piece = Piece(path="cnn.ipynb", cell=3, text="\n".join(lines), prints=prints + own)
            similarity.keep(work, one, Fingerprint(pieces=(piece,)), "test")
        similarity.compare(work, prepared, frozenset(), "test")


@pytest.fixture
def tina(site, scene):
    return site.browser("Tina Assistant", scene)


@pytest.fixture
def pair(site, scene):
    """The address of a pair."""
    compared(scene, site.services.database, ADA, BOB)
    with site.services.database.begin() as work:
        number = work.session.execute(text("SELECT id FROM similar_pairs")).scalar_one()
    return f"/assignments/tiny/similarity/{number}"


def test_before_anything_is_compared_the_page_says_how(tina, scene):
    answer = tina.get("/assignments/tiny/similarity")
    assert answer.status_code == 200
    assert "grader similarity tiny" in text_of(answer.text)


def test_pairs_are_listed_with_their_share_and_lead_to_both_texts(tina, pair):
    html = tina.get("/assignments/tiny/similarity").text
    words = text_of(html)
    assert "2 submissions of this assignment" in words
    # 35 of the 54 fingerprints of the shorter.
    assert ADA in words and BOB in words and "65%" in words
    assert f'href="{pair}"' in html


def test_two_texts_stand_side_by_side_as_text(tina, pair):
    answer = tina.get(pair)
    assert answer.status_code == 200
    words = text_of(answer.text)
    assert "1 passage in common" in words
    assert words.count("cnn.ipynb, cell 3, lines 6 to 40") == 2
    assert EVIL not in answer.text
    assert "line_5 = " in words
    assert "is-shared" in answer.text


def test_no_page_says_why_they_are_alike(tina, pair):
    for path in ("/assignments/tiny/similarity", pair):
        words = text_of(tina.get(path).text).lower()
        assert "not why" in words
        assert [word for word in BLAME if word in words] == []


def test_students_and_staff_of_other_courses_get_nowhere(site, scene, pair):
    for name, status in ((ADA, 403), (BOB, 403), ("Otto Other", 404)):
        browser = site.browser(name, scene)
        for path in ("/assignments/tiny/similarity", pair):
            answer = browser.get(path)
            assert answer.status_code == status, (name, path)
            assert "line_5" not in answer.text
    assert site.browser().get(pair).status_code in (303, 401)
    assert "imilarity" not in site.browser(ADA, scene).get("/assignments/tiny").text


@pytest.mark.parametrize("bad", ["0", "999999", "x", "99999999999999999999"])
def test_a_pair_that_is_not_there_is_a_page_that_says_so(tina, pair, bad):
    answer = tina.get(f"/assignments/tiny/similarity/{bad}")
    assert answer.status_code in (404, 422)
    assert "<h1>" in answer.text


def test_who_looked_stands_at_the_submission(site, scene, tina, pair):
    tina.get(pair)
    with site.services.database.begin() as work:
        one = work.session.execute(text("SELECT one_id FROM similar_pairs")).scalar_one()
    words = text_of(tina.get(f"/submissions/{one}").text)
    assert "look at similarity" in words
    mine = text_of(site.browser(ADA, scene).get(f"/submissions/{one}").text)
    assert "similarity" not in mine
