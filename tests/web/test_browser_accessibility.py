"""axe finds nothing serious on any page, on a desk and on a phone, in the dark too; nothing scrolls sideways or complains."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.check import CheckStatus
from grader.domain.ids import PersonId
from grader.service import accounts, regrades, runs, submissions
from tests.web.axe import serious, wrong_at_any_size
from tests.web.desk import ADA, TINA, Desk
from tests.web.scene import Scene, failed, passed
from tests.web.test_pages_sheets import make, read_by_a_person
from tests.web.test_pages_similarity import compared

pytestmark = pytest.mark.browser


@pytest.fixture
def pages(desk: Desk) -> dict[str | None, list[str]]:
    """Addresses of every page, in every state it can be in, by who looks."""
    scene = desk.scene
    statuses = list(CheckStatus)
    results = [passed(scene.plan[0])] + [
        failed(
            check, "A message.\nIn two lines.", output="printed\n" * 5, detail="for staff", status=statuses[index + 1]
        )
        for index, check in enumerate(scene.plan[1:])
    ]
    graded = scene.hand_in(ADA)
    scene.grade(results, pictures=True, notes=("A note.",))
    scene.hand_in(ADA, b"x = 2\n")
    scene.reject("Nothing in it.")
    rejected = scene.hand_in(ADA, b"x = 3\n")
    scene.reject("Nothing in it.")
    _flaky(scene)
    broken = scene.hand_in("Bob Noyce", b"x = 4\n")
    scene.fail("No space left on device.")
    running = scene.hand_in(ADA, b"x = 5\n")
    claim = scene.claim()
    scene.record(scene.pass_gate(claim), [replace(results[1])])
    waiting = scene.hand_in(TINA, b"x = 6\n")
    open_, answered = _asked(scene, graded.id)
    person = f"/assignments/tiny/people/{scene.people[ADA].id}"
    compared(scene, scene.database)
    handed = read_by_a_person(scene)
    make(scene)
    with scene.database.begin() as work:
        pair = work.session.execute(text("SELECT min(id) FROM similar_pairs")).scalar_one()
    return {
        None: ["/sign-in", "/nowhere"],
        ADA: [
            "/", "/assignments/tiny", "/tokens", f"/submissions/{graded.id}", f"/submissions/{graded.id}/receipt",
            f"/submissions/{rejected.id}", f"/submissions/{graded.id}/regrade", f"/submissions/{handed.id}/sheets",
            open_, answered, "/mail", f"/submissions/{running.id}",
        ],
        TINA: [
            "/", "/courses/deep", "/courses/deep/roster", "/assignments/tiny", "/assignments/tiny/gradebook",
            "/assignments/tiny/statistics", "/assignments/tiny/late", "/assignments/tiny/rerun", person, f"/submissions/{graded.id}",
            "/assignments/tiny/similarity", f"/assignments/tiny/similarity/{pair}",
            f"/submissions/{graded.id}?view=student", f"/submissions/{graded.id}/code", f"/submissions/{handed.id}/sheets?item=A.why",
            f"/submissions/{graded.id}/runs",
            f"/submissions/{broken.id}", "/assignments/tiny/regrades", "/courses/deep/regrades", open_, answered,
            f"/submissions/{waiting.id}", "/courses/deep/gradebook",
        ],
        "Ines Instructor": ["/courses/deep/roster", "/assignments/tiny/regrades", "/courses/deep/notices"],
    }  # fmt: skip


def _asked(scene: Any, submission: str) -> tuple[str, str]:
    """The addresses of an open regrade request and of one that was answered with points."""
    with scene.database.begin() as work:
        ada, tina = (accounts.reader_for(work, PersonId(scene.people[name].id)) for name in (ADA, TINA))
        found = submissions.find(work, ada, submission)
        part = Target(kind=TargetKind.PART, id="A")
        first, second = (
            regrades.ask(work, ada, found, target=one, reason="The task\nsays otherwise.") for one in (WHOLE, part)
        )
        regrades.answer(work, tina, second.id, granted=True, words="You are right.", points=1.0)
    return f"/regrades/{first.id}", f"/regrades/{second.id}"


def _flaky(scene: Scene) -> None:
    """Full marks, and a rerun that says something else: what the statistics then show."""
    receipt = scene.hand_in("Bob Noyce", b"x = 0\n")
    scene.grade()
    with scene.database.begin() as work:
        reader = accounts.reader_for(work, PersonId(scene.people[TINA].id))
        runs.rerun(work, reader, submissions.find(work, reader, receipt.id))
    scene.grade([failed(check) if check.id == "A.one" else passed(check) for check in scene.plan])


def test_axe_finds_nothing_serious_on_any_page_and_headings_are_in_order(desk, pages):
    found: list[str] = []
    for name, addresses in pages.items():
        page = desk.page(name, reduced_motion="reduce")
        for address in addresses:
            page.goto(address)
            found += [f"{address}, {line}" for line in (*_out_of_order(page), *wrong_at_any_size(page))]
    assert found == []
    assert [said for said in desk.complaints if "404" not in said] == [], "no page makes the browser complain"


def _out_of_order(page: Any) -> list[str]:
    """What is wrong with a page's headings, its main part and its title."""
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
    is_ordered = levels[:1] == [1] and levels.count(1) == 1
    is_ordered = is_ordered and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    return [
        *([] if is_ordered else [f"headings {levels}"]),
        *([] if page.locator("main").count() == 1 else ["no main part, or several"]),
        *([] if page.title().endswith(" · Grader") else [f"title {page.title()}"]),
    ]


def test_headings_would_be_found_out_of_order(desk):
    page = desk.page()
    page.goto("/sign-in")
    assert _out_of_order(page) == []
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<h4>Deep</h4>')")
    assert _out_of_order(page) != []


def test_axe_would_find_colours_that_are_too_pale_in_the_dark(desk):
    page = desk.page(color_scheme="dark")
    page.goto("/sign-in")
    page.evaluate("document.documentElement.style.setProperty('--ink-soft', '#444')")
    assert any("color-contrast" in line for line in serious(page, runOnly=["color-contrast"]))


def test_axe_would_find_something(desk):
    page = desk.page()
    page.goto("/sign-in")
    page.evaluate("document.querySelector('label[for=email]').remove()")
    assert any("label" in line for line in serious(page))


def test_nothing_moves_for_who_asks_for_stillness(desk):
    handed = desk.scene.hand_in(ADA)
    desk.scene.pass_gate(desk.scene.claim())
    page = desk.page(ADA, reduced_motion="reduce")
    page.goto(f"/submissions/{handed.id}")
    assert page.locator(".spinner").evaluate("one => getComputedStyle(one).animationName") == "none"
