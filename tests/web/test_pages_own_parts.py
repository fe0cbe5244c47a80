"""A member's own parts on the pages: a form of their own, whose they are on each card, what is missing in words."""

from __future__ import annotations

import re

import pytest

from grader.domain.course import Role
from grader.storage.models import MembershipRow
from tests import builders
from tests.api.test_own_parts_api import PARTS
from tests.asking import a_packed_spec
from tests.web.conftest import text_of
from tests.web.scene import a_small_scene

ADA, BOB, TINA = "Ada Lovelace", "Bob Noyce", "Tina Assistant"
PAGE = "/assignments/tiny"


@pytest.fixture
def asking(site, tmp_path):
    """An assignment for teams whose part A is each member's own; Ada and Bob are a team."""
    blob = site.services.blobs.put(a_packed_spec(tmp_path)).sha256
    definition = builders.a_definition(team_size=[1, 3], part=PARTS)
    made = a_small_scene(site.services.database, site.services.blobs, blob=blob, definition=definition)
    for name, role in ((ADA, Role.STUDENT), (BOB, Role.STUDENT), (TINA, Role.TA)):
        made.person(name, role)
    with site.services.database.begin() as work:
        team = builders.a_team(work, made.course, name="Team 1")
        people = [made.people[name].id for name in (ADA, BOB)]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(people)).update({"team_id": team.id})
    return made


@pytest.fixture
def ada(site, asking):
    return site.browser(ADA, asking)


def test_the_form_of_each_half_asks_its_own_questions(ada):
    team, own = ada.get(PAGE).text, ada.get(f"{PAGE}/own").text
    assert 'name="answer:A.count"' not in team
    assert 'name="answer:B.shape"' in team
    assert 'name="answer:A.count"' in own
    assert 'name="answer:B.shape"' not in own
    assert "of your team (Ada Lovelace, Bob Noyce)" in text_of(team)
    assert "of your team" not in text_of(own)
    assert "You have handed in nothing of them yet, so they count 0." in text_of(team)
    assert "A Part A" not in text_of(own)
    assert 'action="/assignments/tiny/own/submissions"' in own
    assert re.search(r'<input id="file"[^>]*>', own)[0].count("required") == 0
    assert "each member alone" in text_of(team)


def test_own_answers_are_handed_in_without_a_file_and_counted_beside_the_teams(site, asking, ada):
    sent = {"answer:A.count": "271829"}
    answer = ada.hand_in(f"{PAGE}/own/submissions", b"", file="", **sent)
    assert answer.status_code == 303
    where = answer.headers["Location"]
    card = text_of(ada.get(where).text)
    assert "The team’s parts B: judged on what the team hands in together." in card
    assert "A.count How many weights are there? 271829" in card
    assert site.browser(BOB, asking).get(where).status_code == 404
    page = text_of(ada.get(PAGE).text)
    assert "You have handed them in 1 time" in page
    assert "answers.zip" not in page
    assert "answers.zip" in text_of(ada.get(f"{PAGE}/own").text)
    teams = site.browser(BOB, asking).hand_in(f"{PAGE}/submissions", b"x = 1\n")
    card = text_of(ada.get(teams.headers["Location"]).text)
    assert "Each member’s own parts A: judged on what each member hands in alone; without that they count 0." in card
    staff = site.browser(TINA, asking)
    for name, said in ((ADA, "and their own parts"), (BOB, "Of their own parts they have handed nothing in")):
        assert said in text_of(staff.get(f"{PAGE}/people/{asking.people[name].id}").text)


def test_nothing_without_the_sessions_token_and_nothing_empty(ada):
    unsigned = ada.post(f"{PAGE}/own/submissions", data={"answer:A.count": "3"}, files={"file": ("", b"")})
    assert unsigned.status_code == 403
    fields = {"answer:A.count": (None, "3")}
    assert ada.post(f"{PAGE}/own/submissions", files=fields).status_code == 403
    empty = ada.hand_in(f"{PAGE}/own/submissions", b"", file="")
    assert empty.status_code == 422
    assert "Nothing was handed in" in text_of(empty.text)
    bad = ada.hand_in(f"{PAGE}/own/submissions", b"", file="", **{"answer:A.formula": "9 foo"})
    assert 'aria-invalid="true"' in bad.text
    assert 'action="/assignments/tiny/own/submissions"' in bad.text


def test_each_half_keeps_its_own_draft(ada):
    sent = {"answer:A.count": "lots", "draft_version": "0"}
    assert ada.submit(f"{PAGE}/own/draft", **sent).headers["Location"] == f"{PAGE}/own#answers"
    assert 'value="lots"' in ada.get(f"{PAGE}/own").text
    assert ada.submit(f"{PAGE}/own/draft", **sent | {"answer:A.count": "more"}).status_code == 409
    assert ada.submit(f"{PAGE}/own/answers", **sent).status_code == 200
    assert ada.submit(f"{PAGE}/draft", **sent).status_code == 422


def test_whoever_has_no_own_parts_is_told_so(site, asking):
    refused = site.browser(TINA, asking).get(f"{PAGE}/own")
    assert refused.status_code == 422
    assert "You are in no team" in text_of(refused.text)
