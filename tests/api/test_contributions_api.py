"""Who did what in a team over the API: said with an upload, then confirmed, corrected or disputed by each member."""

from __future__ import annotations

import pytest

from grader.domain.course import Scope
from grader.storage.models import MembershipRow
from tests import builders
from tests.api.serving import A_FILE

WORDS = "Ada wrote the model, Bob the report."


@pytest.fixture
def asking(world):
    """An assignment that asks teams who did what; the two students are a team."""
    with world.database.begin() as work:
        definition = builders.a_definition(team_size=[1, 3], contribution=True)
        world.assignment = builders.an_assignment(work, world.course, definition=definition)
        world.plain = builders.an_assignment(work, world.course, definition=builders.a_definition(team_size=[1, 3]))
        team = builders.a_team(work, world.course)
        of_team = [world.people["student"].id, world.people["classmate"].id]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(of_team)).update({"team_id": team.id})
    return world


def hand_in(world, words, *, name="student", content=A_FILE, offered=None):
    path = f"/assignments/{(offered or world.assignment).slug}/submissions"
    data = {"contribution": words} if words else {}
    return world.client(name).post(path, files={"file": ("work.py", content)}, data=data)


def path_of(receipt):
    return f"/submissions/{receipt.json()['id']}/contributions"


def say(world, name, receipt, stance, text="", *, about=None):
    path = path_of(receipt)
    about = world.client(name).get(path).json().get("id", 1) if about is None else about
    return world.client(name).post(path, json={"about": about, "stance": stance, "text": text})


def stances(world, name, receipt):
    told = world.client(name).get(path_of(receipt)).json()
    return {one["name"]: (one["stance"], one["text"]) for one in told["members"]}


def test_each_member_has_a_word_which_staff_read_and_the_others_do_not(asking):
    receipt = hand_in(asking, WORDS)
    told = asking.client("classmate").get(path_of(receipt)).json()
    assert (told["asked"], told["text"], told["written_by"]) == (True, WORDS, "Ada")
    assert stances(asking, "ta", receipt) == {"Ada": ("written", ""), "Bob": (None, "")}
    assert say(asking, "classmate", receipt, "disputed", "I wrote both.").status_code == 201
    assert stances(asking, "classmate", receipt)["Bob"] == ("disputed", "I wrote both.")
    assert stances(asking, "ta", receipt)["Bob"] == ("disputed", "I wrote both.")
    assert stances(asking, "student", receipt)["Bob"] == ("disputed", "")
    # The newest word of each holds.
    assert say(asking, "classmate", receipt, "confirmed").json()["members"][1]["stance"] == "confirmed"
    assert stances(asking, "ta", receipt)["Bob"] == ("confirmed", "")


def test_the_paragraph_holds_until_an_upload_says_something_else(asking):
    first = hand_in(asking, WORDS)
    say(asking, "classmate", first, "confirmed")
    again = hand_in(asking, "", content=b"x = 2\n")
    assert stances(asking, "ta", again)["Bob"] == ("confirmed", "")
    hand_in(asking, WORDS, name="classmate", content=b"x = 3\n")
    old = asking.client("ta").get(path_of(again)).json()["id"]
    assert stances(asking, "ta", again)["Ada"] == ("written", "")
    changed = hand_in(asking, "Bob did it all.", name="classmate", content=b"x = 4\n")
    assert stances(asking, "ta", changed) == {"Ada": (None, ""), "Bob": ("written", "")}
    late = say(asking, "student", changed, "confirmed", about=old)
    assert (late.status_code, "changed meanwhile" in late.json()["detail"]) == (409, True)


def test_what_is_no_word_is_refused(asking):
    receipt = hand_in(asking, "")
    assert receipt.status_code == 202
    assert asking.client("student").get(path_of(receipt)).json()["text"] == ""
    assert "no paragraph yet" in say(asking, "student", receipt, "confirmed", about=1).json()["detail"]
    assert hand_in(asking, "x" * 4001).json()["code"] == "bad-request"
    assert hand_in(asking, WORDS, offered=asking.plain).json()["code"] == "bad-request"
    assert hand_in(asking, "", offered=asking.plain).status_code == 202
    receipt = hand_in(asking, WORDS, content=b"x = 9\n")
    assert "in words" in say(asking, "student", receipt, "corrected", " ").json()["detail"]
    assert say(asking, "student", receipt, "written").status_code == 422
    plain = hand_in(asking, "", offered=asking.plain, content=b"x = 5\n")
    assert asking.client("student").get(path_of(plain)).json()["asked"] is False
    assert say(asking, "student", plain, "confirmed", about=1).status_code == 422


def test_only_members_say_and_only_the_team_and_staff_read(asking):
    receipt = hand_in(asking, WORDS)
    for name in ("ta", "instructor"):
        assert say(asking, name, receipt, "disputed", "No.").status_code == 403
    for name in ("stranger", "other instructor"):
        assert asking.client(name).get(path_of(receipt)).status_code == 404
        assert say(asking, name, receipt, "confirmed", about=1).status_code == 404
    assert asking.client("student", Scope.READ).post(path_of(receipt), json={}).status_code == 403
    assert asking.client("ta").get(f"/assignments/{asking.assignment.slug}").json()["contribution"] is True
