"""A team's pages in a real Chromium: each member's own parts, and who did what."""

from __future__ import annotations

import pytest

from grader.storage.models import MembershipRow
from tests import builders
from tests.api.test_own_parts_api import PARTS
from tests.asking import a_packed_spec
from tests.web.axe import wrong_at_any_size
from tests.web.desk import ADA, TINA, shows

pytestmark = pytest.mark.browser

BOB = "Bob Noyce"
ASSIGNMENT = "/assignments/together"
FILE = {"name": "cnn.py", "mimeType": "", "buffer": b"x = 1\n"}


@pytest.fixture
def team(desk, tmp_path):
    """Ada and Bob are a team, which is asked who did what; part A is each member's own."""
    scene = desk.scene
    blob = scene.blobs.put(a_packed_spec(tmp_path)).sha256
    definition = builders.a_definition(team_size=[1, 3], contribution=True, part=PARTS)
    with scene.database.begin() as work:
        scene.assignment = builders.an_assignment(
            work, scene.course, blob=blob, definition=definition, slug="together", title="Together"
        )
        row = builders.a_team(work, scene.course, name="Team 1")
        people = [scene.people[name].id for name in (ADA, BOB)]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(people)).update({"team_id": row.id})
    return desk


def hand_in(page, address, contribution=None):
    page.goto(address)
    if contribution is not None:
        page.set_input_files("#file", FILE)
        page.get_by_label("Who did what").fill(contribution)
    else:
        page.get_by_label("A.count").fill("271829")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/submissions/*")
    return page.url


def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(team):
    ada, bob, tina = (team.page(name, reduced_motion="reduce") for name in (ADA, BOB, TINA))
    card = hand_in(ada, ASSIGNMENT, "Ada wrote everything. " + "x" * 200)
    own = hand_in(ada, f"{ASSIGNMENT}/own")
    bob.goto(card)
    bob.get_by_label("I dispute it").check()
    bob.get_by_label("In your words, unless you confirm it").fill("Half of it is mine.")
    bob.get_by_role("button", name="Say so").click()
    shows(bob, "Half of it is mine.")
    found = []
    seen = ((ada, ASSIGNMENT), (ada, f"{ASSIGNMENT}/own"), (ada, card), (ada, own), (bob, card), (tina, card))
    for page, address in seen:
        page.goto(address)
        found += [f"{address}, {line}" for line in wrong_at_any_size(page)]
    assert found == []
    assert team.complaints == []
