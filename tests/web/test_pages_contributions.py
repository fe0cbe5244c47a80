"""Who did what on the pages: beside the upload, said about by each member, adjusted from by staff."""

from __future__ import annotations

import re

import pytest

from grader.domain.course import Role
from grader.storage.models import MembershipRow
from tests import builders
from tests.web.conftest import text_of
from tests.web.scene import a_small_scene

ADA, BOB, CEM, TINA = "Ada Lovelace", "Bob Noyce", "Cem Celik", "Tina Assistant"
PAGE, UPLOAD = "/assignments/tiny", "/assignments/tiny/submissions"
WORDS = "Ada wrote <b>everything</b>."


@pytest.fixture
def team(site):
    """An assignment that asks teams who did what; Ada and Bob are one, Cem is in none."""
    definition = builders.a_definition(team_size=[1, 3], contribution=True)
    made = a_small_scene(site.services.database, site.services.blobs, definition=definition)
    for name, role in ((ADA, Role.STUDENT), (BOB, Role.STUDENT), (CEM, Role.STUDENT), (TINA, Role.TA)):
        made.person(name, role)
    with site.services.database.begin() as work:
        row = builders.a_team(work, made.course, name="Team 1")
        people = [made.people[name].id for name in (ADA, BOB)]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(people)).update({"team_id": row.id})
    return made


def about(page):
    return re.search(r'name="about" value="(\d+)"', page)[1]


def test_it_is_written_with_the_upload_and_disputed_by_a_member(site, team):
    ada, bob, tina = (site.browser(name, team) for name in (ADA, BOB, TINA))
    assert 'name="contribution"' in ada.get(PAGE).text
    assert 'name="contribution"' not in site.browser(CEM, team).get(PAGE).text
    where = ada.hand_in(UPLOAD, b"x = 1\n", contribution=WORDS).headers["Location"]
    assert WORDS.replace("<", "&lt;").replace(">", "&gt;") in ada.get(PAGE).text
    page = bob.get(where).text
    assert "Written by Ada Lovelace" in text_of(page)
    assert "<b>everything</b>" not in page
    said = bob.submit(f"{where}/contributions", about=about(page), stance="disputed", text="Half of it is mine.")
    assert said.headers["Location"] == f"{where}#who-did-what"
    assert "Bob Noyce disputes it: Half of it is mine." in text_of(bob.get(where).text)
    assert "Half of it" not in ada.get(where).text
    assert "Bob Noyce disputes it" in text_of(ada.get(where).text)
    staff = tina.get(where).text
    assert "Bob Noyce disputes it: Half of it is mine." in text_of(staff)
    assert "say who did what" in text_of(staff)
    assert 'name="stance"' not in staff
    # As the student who handed in sees it.
    assert "Half of it" not in tina.get(f"{where}?view=student").text


def test_staff_adjust_one_member_from_there(site, team):
    where = site.browser(ADA, team).hand_in(UPLOAD, b"x = 1\n", contribution=WORDS).headers["Location"]
    team.grade()
    tina = site.browser(TINA, team)
    form = re.search(
        rf'action="({PAGE}/people/{team.people[BOB].id}/adjust)".*?</form>', tina.get(where).text, re.DOTALL
    )
    hidden = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', form[0]))
    answer = tina.submit(form[1], **{**hidden, "points": "-2", "reason": "Did little."})
    assert answer.status_code == 303
    assert "3 / 5 points" in text_of(tina.get(f"{PAGE}/people/{team.people[BOB].id}").text)
    assert "5 / 5 points" in text_of(tina.get(f"{PAGE}/people/{team.people[ADA].id}").text)


def test_what_is_wrong_is_said_and_what_was_written_stays(site, team):
    ada = site.browser(ADA, team)
    refused = ada.hand_in(UPLOAD, b"%PDF", file="a.pdf", contribution=WORDS)
    assert refused.status_code == 422
    assert WORDS.replace("<", "&lt;").replace(">", "&gt;") in refused.text
    where = ada.hand_in(UPLOAD, b"x = 1\n", contribution=WORDS).headers["Location"]
    page = ada.get(where).text
    for form in ({}, {"about": "x", "stance": "confirmed"}, {"about": about(page), "stance": "nonsense"},
                 {"about": about(page), "stance": "corrected"}):  # fmt: skip
        assert ada.submit(f"{where}/contributions", **form).status_code == 422
    assert ada.submit(f"{where}/contributions", about="99999", stance="confirmed").status_code == 409
    assert site.browser(CEM, team).submit(f"{where}/contributions", about="1", stance="confirmed").status_code == 404
    assert ada.post(f"{where}/contributions", data={"about": "1", "stance": "confirmed"}).status_code == 403
