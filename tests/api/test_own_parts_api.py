"""A member's own parts over the API: answers alone, as fields or as a file, beside what the team hands in."""

from __future__ import annotations

import io
import tomllib
import zipfile

import pytest

from grader.storage.models import MembershipRow
from tests import builders
from tests.api.serving import A_FILE
from tests.asking import a_packed_spec

PARTS = [
    {"id": "A", "title": "By hand", "points": 3, "checks": 3, "individual": True},
    {"id": "B", "title": "The code", "points": 2, "checks": 1},
]
ANSWERS = '{"A.count": 271829, "A.formula": "9 NF"}'


@pytest.fixture
def asking(world, tmp_path):
    """An assignment for teams whose part A is each member's own; the two students are a team."""
    blob = world.serving.services.blobs.put(a_packed_spec(tmp_path)).sha256
    with world.database.begin() as work:
        definition = builders.a_definition(team_size=[1, 3], part=PARTS)
        world.assignment = builders.an_assignment(work, world.course, blob=blob, definition=definition)
        team = builders.a_team(work, world.course)
        of_team = [world.people["student"].id, world.people["classmate"].id]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(of_team)).update({"team_id": team.id})
    return world


def hand_in(world, answers="", *, name="student", file=None, own="true"):
    files = {"answers": ("answers", answers)} | ({} if file is None else {"file": file})
    path = f"/assignments/{world.assignment.slug}/submissions"
    return world.client(name).post(path, files=files, params={"own": own})


def test_answers_alone_are_a_hand_in_whose_file_holds_them(asking):
    receipt = hand_in(asking, ANSWERS)
    assert (receipt.status_code, receipt.json()["file"]) == (202, "answers.zip")
    told = asking.client("student").get(f"/submissions/{receipt.json()['id']}").json()
    assert (told["own"], told["team"], told["answers"]) == (True, None, {"A.count": 271829, "A.formula": "9 NF"})
    assert [part["id"] for part in told["run"]["parts"]] == ["A"]
    packed = asking.client("student").get(f"/submissions/{receipt.json()['id']}/file").content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert tomllib.loads(archive.read("answers.toml").decode()) == {"A.count": 271829, "A.formula": "9 NF"}
    assert hand_in(asking, ANSWERS).json()["id"] == receipt.json()["id"]
    claim = asking.claim()
    assert (claim.parts, claim.answers_sha256) == (("A",), receipt.json()["answers_sha256"])
    # Nobody of the team reads it; staff do.
    assert asking.client("classmate").get(f"/submissions/{receipt.json()['id']}").status_code == 404
    assert asking.client("ta").get(f"/submissions/{receipt.json()['id']}").status_code == 200


def test_an_answers_toml_is_a_file_and_what_is_in_the_field_wins(asking):
    file = ("answers.toml", b'"A.count" = 1\n"A.formula" = "2 NF"\n')
    receipt = hand_in(asking, '{"A.count": 7}', file=file).json()
    told = asking.client("student").get(f"/submissions/{receipt['id']}").json()
    assert told["answers"] == {"A.count": 7, "A.formula": "2 NF"}
    assert hand_in(asking, file=("answers.toml", b"\xff")).json()["code"] == "bad-answers"
    assert hand_in(asking, file=("answers.toml", b"no answers")).json()["code"] == "bad-answers"
    assert hand_in(asking, file=("work.py", A_FILE)).json()["file"] == "work.py"


def test_each_half_takes_its_own_answers_alone(asking):
    before = asking.serving.stored()
    refused = hand_in(asking, '{"B.shape": "3x4"}')
    assert (refused.status_code, refused.json()["errors"][0]["place"]) == (422, "B.shape")
    refused = hand_in(asking, ANSWERS, file=("work.py", A_FILE), own="false")
    assert [one["place"] for one in refused.json()["errors"]] == ["A.count", "A.formula"]
    assert "Nothing was handed in" in hand_in(asking).json()["detail"]
    assert hand_in(asking, own="false").json()["code"] == "bad-request"
    assert hand_in(asking, ANSWERS, name="ta").json()["code"] == "bad-request"
    assert hand_in(asking, ANSWERS, name="stranger").status_code == 404
    assert asking.serving.stored() == before
    told = hand_in(asking, '{"B.shape": "3x4"}', file=("work.py", A_FILE), own="false")
    assert told.status_code == 202


def test_questions_and_parts_say_whose_they_are(asking):
    client, path = asking.client("student"), f"/assignments/{asking.assignment.slug}"
    assert {one["id"]: one["individual"] for one in client.get(f"{path}/questions").json()["items"]} == {
        "A.count": True, "A.formula": True, "B.shape": False, "B.kernel": False, "why": False,
    }  # fmt: skip
    assert [one["individual"] for one in client.get(path).json()["parts"]] == [True, False]


def test_each_half_has_a_draft_of_its_own(asking):
    path = f"/assignments/{asking.assignment.slug}/draft"
    ada, bob = asking.client("student"), asking.client("classmate")
    mine = {"version": 0, "answers": {"A.count": "3"}}
    assert ada.put(path, json=mine).json()["code"] == "bad-answers"
    assert ada.put(path, json=mine, params={"own": True}).json()["team"] is None
    assert bob.put(path, json={"version": 0, "answers": {"why": "so"}}).json()["team"] == ["Ada", "Bob"]
    assert bob.get(path, params={"own": True}).json()["answers"] == {}
    assert ada.get(path).json()["answers"] == {"why": "so"}
    hand_in(asking, '{"A.count": 3}')
    assert ada.get(path, params={"own": True}).json()["answers"] == {}
    assert ada.get(path).json()["answers"] == {"why": "so"}
    assert asking.client("ta").get(path, params={"own": True}).status_code == 422


def test_the_gradebook_names_both_hand_ins(asking):
    own = hand_in(asking, ANSWERS).json()["id"]
    rows = asking.client("ta").get(f"/assignments/{asking.assignment.slug}/gradebook").json()["items"]
    ada = next(row for row in rows if row["person"]["name"] == "Ada")
    assert (ada["submission"], ada["own_submission"], ada["max_score"]) == (own, own, 5.0)
