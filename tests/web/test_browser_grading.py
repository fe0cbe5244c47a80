"""One question over all students with the keyboard alone, in a real browser."""

from __future__ import annotations

import itertools

import pytest

from tests import builders
from tests.service.test_gradings import definition
from tests.web.axe import serious
from tests.web.desk import ADA, TINA, shows
from tests.web.scene import failed, passed

pytestmark = pytest.mark.browser


def test_one_question_is_graded_without_a_mouse(desk):
    scene = desk.scene
    with scene.database.begin() as work:
        scene.assignment = builders.an_assignment(work, scene.course, definition=definition(), slug="essay")
    for name in (ADA, "Bob Noyce"):
        scene.hand_in(name)
        scene.grade([failed(one) if one.id == "A.two" else passed(one) for one in scene.plan])
    tina = desk.page(TINA)
    tina.goto("/assignments/essay/grading")
    tina.get_by_role("button", name="Grade Why?").focus()
    tina.keyboard.press("Enter")
    tina.wait_for_url("**/grading/B.why/*")
    first = tina.url
    tina.keyboard.press("1")
    assert tina.get_by_role("checkbox", name="one reason").is_checked()
    tina.keyboard.press("3")
    tina.keyboard.press("f")
    tina.keyboard.type("0.5")
    shows(tina, "Comes to 1.5 of 4.")
    tina.keyboard.press("Escape")
    tina.keyboard.press("c")
    tina.keyboard.type("Say why 1 and 2.")
    # Letters and numbers that are typed are no keys.
    assert not tina.get_by_role("checkbox", name="another").is_checked()
    outline = tina.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    tina.get_by_role("button", name="Keep this comment for others").press("Enter")
    shows(tina, "The comment is kept.")
    tina.keyboard.press("?")
    shows(tina, "next that waits")
    tina.keyboard.press("Control+Enter")
    tina.wait_for_url(lambda url: url != first and "/comments" not in url)
    second = tina.url
    assert second != first
    tina.keyboard.press("b")
    tina.keyboard.press("Enter")
    assert tina.locator("#comment").input_value() == "Say why 1 and 2."
    tina.keyboard.press("Escape")
    tina.keyboard.press("2")
    tina.locator("summary", has_text="Change the rubric").click()
    for width in (390, 1280):
        tina.set_viewport_size({"width": width, "height": 900})
        assert serious(tina) == []
        assert tina.evaluate("document.documentElement.scrollWidth <= innerWidth")
        levels = tina.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
        assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    tina.keyboard.press("Control+Enter")
    shows(tina, "Nobody waits for you")
    tina.goto("/assignments/essay/grading")
    shows(tina, "all done")
    shows(tina, f"{TINA} 2")
    assert serious(tina) == []
    assert desk.complaints == []
