"""Written answers over the API: asked for, taken, kept, told to whoever may see them, and never judged."""

from __future__ import annotations

import json

import pytest

from tests import builders
from tests.api.serving import A_FILE
from tests.asking import IDS, QUESTIONS, SECRETS, a_packed_spec

FINE = {"A.count": 271829, "A.formula": "9 NF NC", "B.kernel": [[1, 0], ["x", 2]]}


@pytest.fixture
def asking(world, tmp_path):
    """The world with an assignment that asks for answers."""
    blob = world.serving.services.blobs.put(a_packed_spec(tmp_path)).sha256
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, blob=blob)
    return world


def hand_in(world, answers=None, *, content=A_FILE, name="student", key="", files=None):
    text = answers if isinstance(answers, str) else json.dumps(answers)
    return world.client(name).post(
        f"/assignments/{world.assignment.slug}/submissions",
        files={"file": ("work.py", content)} | (files or {}),
        data={} if answers is None else {"answers": text},
        headers={"Idempotency-Key": key} if key else {},
    )


def read(world, receipt, name="student"):
    return world.client(name).get(f"/submissions/{receipt.json()['id']}")


def test_the_questions_are_told_without_anything_of_what_is_accepted(asking):
    answer = asking.client("student").get(f"/assignments/{asking.assignment.slug}/questions")
    items = answer.json()["items"]
    assert tuple(item["id"] for item in items) == IDS
    assert items[0] == {
        "id": "A.count", "title": "How many weights are there?", "kind": "number",
        "wanted": "a number such as 12345", "names": [], "individual": False,
    }  # fmt: skip
    assert "S" in items[1]["names"]
    assert not [secret for secret in SECRETS if secret in answer.text]
    assert asking.client("stranger").get(f"/assignments/{asking.assignment.slug}/questions").status_code == 404


def test_an_assignment_whose_spec_asks_nothing_has_no_questions(world):
    path = f"/assignments/{world.assignment.slug}"
    assert world.client("student").get(f"{path}/questions").json()["items"] == []
    assert "asks for no written answers" in hand_in(world, {"A.count": 1}).json()["detail"]


def test_answers_are_part_of_the_submission_for_its_owner_and_staff(asking):
    receipt = hand_in(asking, FINE)
    assert receipt.status_code == 202
    told = read(asking, receipt).json()
    assert told["answers"] == read(asking, receipt, "ta").json()["answers"] == FINE
    assert told["answers_sha256"] == receipt.json()["answers_sha256"] is not None
    assert read(asking, receipt, "classmate").status_code == 404


def test_a_worker_is_given_the_answers(asking):
    receipt = hand_in(asking, FINE).json()
    claim = asking.claim()
    assert claim.answers_sha256 == receipt["answers_sha256"]
    assert json.loads(asking.serving.services.blobs.get(claim.answers_sha256)) == FINE


def test_toml_and_a_file_of_it_are_the_same_answers(asking):
    text = '"A.count" = 271829\nA.formula = "9 NF NC"\n[B]\nkernel = [[1, 0], ["x", 2]]\n'
    first = hand_in(asking, text)
    again = hand_in(asking, files={"answers": ("answers.toml", text)})
    assert first.json()["answers_sha256"] == hand_in(asking, FINE).json()["answers_sha256"]
    assert (again.json()["id"], again.json()["is_new"]) == (first.json()["id"], False)


def test_the_same_file_with_other_answers_is_another_submission(asking):
    first, other = hand_in(asking, FINE), hand_in(asking, FINE | {"A.count": 3})
    assert other.json()["is_new"]
    assert other.json()["number"] == 2
    assert hand_in(asking, None).json()["number"] == 3
    assert read(asking, first).json()["answers"] == FINE


def test_a_key_that_comes_again_with_other_answers_is_refused(asking):
    assert hand_in(asking, FINE, key="once").status_code == 202
    assert hand_in(asking, FINE, key="once").json()["is_new"] is False
    refused = hand_in(asking, {"why": "else"}, key="once")
    assert (refused.status_code, refused.json()["code"]) == (422, "bad-request")
    assert "other answers" in refused.json()["detail"]


def test_what_cannot_be_read_is_said_by_question_and_nothing_is_kept(asking):
    before = asking.serving.stored()
    refused = hand_in(asking, {"A.formula": "9 * foo", "B.kernel": [[1], [2, 3]], "nobody": 1, "A.count": 1})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "bad-answers")
    assert [error["place"] for error in problem["errors"]] == ["A.formula", "B.kernel", "nobody"]
    assert "'foo' at character 5" in problem["errors"][0]["problem"]
    assert not [secret for secret in SECRETS if secret in refused.text]
    assert asking.serving.stored() == before
    assert asking.client("student").get("/submissions").json()["items"] == []


def test_a_right_and_a_wrong_answer_get_the_same_receipt(asking):
    receipts = [hand_in(asking, {"A.count": count}).json() for count in (271828, 271829)]
    differ = {"id", "number", "answers_sha256", "received_at", "links"}
    assert len({json.dumps({k: v for k, v in one.items() if k not in differ}) for one in receipts}) == 1


@pytest.mark.parametrize("text", ['{"A.count": ', "no answers at all", '{"A.count": 1, "A.count": 2}'])
def test_what_is_neither_json_nor_toml_is_refused(asking, text):
    assert hand_in(asking, text).json()["code"] == "bad-answers"


def test_too_many_bytes_of_answers_are_refused_while_they_come(asking):
    refused = hand_in(asking, '{"why": "' + "x" * 2**20 + '"}')
    assert (refused.status_code, refused.json()["code"]) == (422, "bad-request")


def test_empty_answers_are_none(asking):
    receipt = hand_in(asking, {"why": "", "A.count": None})
    assert receipt.json()["answers_sha256"] is None
    assert read(asking, receipt).json()["answers"] is None


def test_a_new_version_of_the_spec_asks_its_own_questions(asking, tmp_path):
    path = f"/assignments/{asking.assignment.slug}/questions"
    assert len(asking.client("student").get(path).json()["items"]) == len(IDS)
    changed = a_packed_spec(tmp_path, QUESTIONS.split("\n\n", 1)[0])
    blob = asking.serving.services.blobs.put(changed).sha256
    with asking.database.begin() as work:
        other = builders.an_assignment(work, asking.course, blob=blob)
    items = asking.client("student").get(f"/assignments/{other.slug}/questions").json()["items"]
    assert [item["id"] for item in items] == ["A.count"]
