"""Drafts of written answers over the API: kept for whose work it is, never written over unseen, cleared when handed in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.course import Scope
from grader.storage.models import AssignmentRow, MembershipRow
from tests import builders
from tests.api.serving import A_FILE
from tests.asking import SECRETS, a_packed_spec

TYPED = {"A.count": "271829", "A.formula": "9 * foo", "why": "so\nand so"}


@pytest.fixture
def asking(world, tmp_path):
    """The world with a team of the two students, and an assignment for one person and one for teams."""
    blob = world.serving.services.blobs.put(a_packed_spec(tmp_path)).sha256
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, blob=blob)
        definition = builders.a_definition(team_size=[1, 3])
        world.together = builders.an_assignment(work, world.course, blob=blob, definition=definition)
        team = builders.a_team(work, world.course)
        of_team = [world.people["student"].id, world.people["classmate"].id]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(of_team)).update({"team_id": team.id})
    return world


def address(offered):
    return f"/assignments/{offered.slug}/draft"


def save(world, name, answers, *, version=0, offered=None):
    path = address(offered or world.assignment)
    return world.client(name).put(path, json={"version": version, "answers": answers})


def read(world, name="student", offered=None):
    return world.client(name).get(address(offered or world.assignment)).json()


def hand_in(world, offered, answers, name="student", content=A_FILE, **fields):
    data = {"answers": json.dumps(answers)} | fields
    path = f"/assignments/{offered.slug}/submissions"
    return world.client(name).post(path, files={"file": ("work.py", content)}, data=data)


def test_a_draft_is_kept_with_what_cannot_be_read_and_said_by_question(asking):
    assert read(asking) == {
        "version": 0, "answers": {}, "saved_by": None, "saved_at": None, "team": None, "is_open": True, "problems": [],
    }  # fmt: skip
    saved = save(asking, "student", TYPED).json()
    assert (saved["version"], saved["answers"], saved["saved_by"], saved["team"]) == (1, TYPED, "Ada", None)
    assert [one["place"] for one in saved["problems"]] == ["A.formula"]
    assert read(asking) == saved
    # Sent twice, for example because the answer was lost, it is the same version.
    assert save(asking, "student", TYPED).json()["version"] == 1
    assert save(asking, "student", {"why": ""}, version=1).json()["answers"] == {}


def test_right_and_wrong_look_the_same(asking):
    told = [save(asking, "student", {"A.count": count}, version=n).text for n, count in enumerate(("271828", "271829"))]
    assert not [secret for secret in SECRETS[1:] if secret in "".join(told)]
    assert all(json.loads(one)["problems"] == [] for one in told)


def test_nobody_else_reads_it_staff_neither(asking):
    save(asking, "student", TYPED)
    save(asking, "student", TYPED, offered=asking.together)
    for name in ("ta", "instructor"):
        for offered in (asking.assignment, asking.together):
            assert read(asking, name, offered)["answers"] == {}
    assert read(asking, "classmate")["answers"] == {}
    assert read(asking, "classmate", asking.together)["answers"] == TYPED
    for name in ("stranger", "other instructor"):
        for offered in (asking.assignment, asking.together):
            client = asking.client(name)
            body = {"version": 0, "answers": {}}
            assert client.get(address(offered)).status_code == 404
            assert client.put(address(offered), json=body).status_code == 404
            assert client.delete(address(offered), params={"version": 1}).status_code == 404
    assert asking.client("student", Scope.READ).put(address(asking.assignment), json={}).status_code == 403


def test_of_two_of_a_team_the_second_is_told_who_saved_and_nothing_is_written_over(asking):
    first = save(asking, "student", {"why": "hers"}, offered=asking.together).json()
    assert first["team"] == ["Ada", "Bob"]
    refused = save(asking, "classmate", {"why": "his"}, offered=asking.together)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft-changed")
    assert "Ada has saved another version of this draft on" in refused.json()["detail"]
    assert read(asking, "classmate", asking.together)["answers"] == {"why": "hers"}
    assert save(asking, "classmate", {"why": "his"}, version=1, offered=asking.together).json()["saved_by"] == "Bob"
    own = save(asking, "classmate", {"why": "third"}, version=1, offered=asking.together).json()
    assert "You have saved another version of this draft in another window" in own["detail"]
    assert asking.client("student").delete(address(asking.together), params={"version": 1}).status_code == 409
    assert asking.client("student").delete(address(asking.together), params={"version": 2}).status_code == 204
    gone = save(asking, "classmate", {"why": "fourth"}, version=2, offered=asking.together)
    assert "Ada has handed in or discarded this draft" in gone.json()["detail"]
    assert read(asking, "student", asking.together) | {"saved_at": None} == {
        "version": 3, "answers": {}, "saved_by": "Ada", "saved_at": None, "team": ["Ada", "Bob"], "is_open": True,
        "problems": [],
    }  # fmt: skip


def test_what_no_draft_can_hold_is_refused_with_a_sentence(asking):
    unknown = save(asking, "student", {"nobody": "1"}).json()
    assert (unknown["code"], unknown["errors"][0]["place"]) == ("bad-answers", "nobody")
    assert "longer than 4000" in save(asking, "student", {"why": "x" * 4001}).json()["detail"]
    assert save(asking, "student", {str(n): "" for n in range(201)}).status_code == 422
    assert save(asking, "student", {"why": "a\x00\u202eb"}).json()["answers"] == {"why": "ab"}
    assert save(asking, "student", {"why": "b"}, version=7).status_code == 409
    for wrong in ({"version": -1}, {"version": "1"}, {"answers": {"why": 3}}, {"answers": []}, {"more": 1}):
        body = {"version": 0, "answers": {}} | wrong
        assert asking.client("student").put(address(asking.assignment), json=body).status_code == 422


def test_it_is_cleared_when_it_is_handed_in_and_stays_when_something_else_is(asking):
    readable = {"A.count": "3", "why": "so"}
    save(asking, "student", readable)
    assert hand_in(asking, asking.assignment, {"A.count": 4}).status_code == 202
    assert read(asking)["answers"] == readable
    assert hand_in(asking, asking.assignment, {"A.count": 3, "why": "so"}).status_code == 202
    assert (read(asking)["answers"], read(asking)["version"]) == ({}, 2)
    # A form says which version its fields are; a team mate's newer one is nothing that it handed in.
    save(asking, "student", {"why": "old"}, offered=asking.together)
    hand_in(asking, asking.together, {"why": "new"}, draft_version="1")
    assert read(asking, offered=asking.together)["answers"] == {}
    save(asking, "classmate", {"why": "newer"}, version=2, offered=asking.together)
    hand_in(asking, asking.together, {"why": "newest"}, draft_version="2", content=b"x = 3\n")
    assert read(asking, offered=asking.together)["answers"] == {"why": "newer"}
    assert asking.claim().answers_sha256 is not None


def test_when_nothing_can_be_handed_in_any_more_it_can_be_read_and_discarded(asking):
    save(asking, "student", TYPED)
    with asking.database.begin() as work:
        work.session.get(AssignmentRow, asking.assignment.id).due_at = datetime.now(UTC) - timedelta(days=9)
    assert (read(asking)["answers"], read(asking)["is_open"]) == (TYPED, False)
    refused = save(asking, "student", {"why": "late"}, version=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "past-deadline")
    assert asking.client("student").delete(address(asking.assignment), params={"version": 1}).status_code == 204
    assert read(asking)["answers"] == {}


def test_a_draft_is_not_graded(asking):
    save(asking, "student", {"A.count": "271828"})
    assert asking.claim(expect=False) is None
    assert asking.client("student").get("/submissions").json()["items"] == []
    assert (
        asking.client("ta").get(f"/assignments/{asking.assignment.slug}/gradebook").json()["items"][0]["state"]
        == "missing"
    )
