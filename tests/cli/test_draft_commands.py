"""`grader draft` against the real service: what it prints can be saved again, and nothing is written over unasked."""

from __future__ import annotations

import json

import pytest

from grader.answers.given import read_answers
from grader.storage.models import MembershipRow
from tests import builders
from tests.api.test_own_parts_api import PARTS
from tests.asking import a_packed_spec
from tests.cli.test_late_commands import called_by

__all__ = ["called_by"]


@pytest.fixture
def asking(world, tmp_path):
    blob = world.serving.services.blobs.put(a_packed_spec(tmp_path)).sha256
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, blob=blob)
    return world


def test_a_draft_is_saved_shown_as_it_can_be_saved_again_and_discarded(called_by, asking, hand_in):
    slug = asking.assignment.slug
    assert called_by("student", "draft", "show", slug)[1] == ""
    answers = {"A.count": 271829, "why": 'a "b"\n\\ ü\u2028c', "A.formula": "9 foo"}
    path = hand_in("answers.json", json.dumps(answers).encode())
    status, _, err = called_by("student", "draft", "save", slug, path)
    assert status == 0, err
    assert "A.formula: The answer" in err
    status, out, err = called_by("student", "draft", "show", slug)
    assert read_answers(out) == {name: str(value) for name, value in answers.items()}
    assert "version 1, saved by Ada on" in err
    assert out.isascii()
    status, _, err = called_by("student", "draft", "save", slug, path)
    assert (status, "say --version 1" in err) == (2, True)
    other = hand_in("other.toml", b'why = "other"\n')
    assert called_by("student", "draft", "save", slug, other, "--version", "1")[0] == 0
    status, _, err = called_by("student", "draft", "save", slug, path, "--version", "1")
    assert (status, "You have saved another version" in err) == (2, True)
    assert called_by("student", "draft", "discard", slug)[0] == 2
    assert called_by("student", "draft", "discard", slug, "--version", "2")[0] == 0
    assert json.loads(called_by("student", "draft", "show", slug, "--json")[1])["answers"] == {}
    assert called_by("stranger", "draft", "show", slug)[0] == 2


def test_own_parts_are_handed_in_and_drafted_as_answers_alone(called_by, asking, hand_in, tmp_path):
    with asking.database.begin() as work:
        blob, definition = asking.assignment.spec.blob, builders.a_definition(team_size=[1, 3], part=PARTS)
        asking.assignment = builders.an_assignment(work, asking.course, blob=blob, definition=definition)
        team = builders.a_team(work, asking.course)
        of_student = work.session.query(MembershipRow).filter_by(person_id=asking.people["student"].id)
        of_student.update({"team_id": team.id})
    slug, answers = asking.assignment.slug, hand_in("answers.toml", b'"A.count" = 3\n')
    assert called_by("student", "draft", "save", slug, answers, "--own")[0] == 0
    assert '"A.count" = "3"' in called_by("student", "draft", "show", slug, "--own")[1]
    status, out, err = called_by("student", "submit", "--own", "-a", slug, "--answers", answers, "--no-wait", "--json")
    assert status == 0, err
    assert json.loads(out)["file"] == "answers.zip"
    assert called_by("student", "draft", "show", slug, "--own")[1] == ""
    assert called_by("student", "submit", "--own", "-a", slug, "--no-wait")[0] == 2
    assert called_by("student", "submit", "-a", slug, "--answers", answers, "--no-wait")[0] == 2


def test_who_did_what_is_said_with_an_upload_and_confirmed(called_by, world, hand_in):
    with world.database.begin() as work:
        definition = builders.a_definition(team_size=[1, 3], contribution=True)
        slug = builders.an_assignment(work, world.course, definition=definition).slug
        team = builders.a_team(work, world.course)
        people = [world.people[name].id for name in ("student", "classmate")]
        work.session.query(MembershipRow).filter(MembershipRow.person_id.in_(people)).update({"team_id": team.id})
    words = ("--contribution", "Ada did it.", "--no-wait", "--json")
    status, out, err = called_by("student", "submit", hand_in("work.py", b"x = 1\n"), "-a", slug, *words)
    assert status == 0, err
    identity = json.loads(out)["id"]
    assert called_by("classmate", "contributions", identity, "--confirm", "--dispute", "No.")[0] == 2
    assert called_by("classmate", "contributions", identity, "--dispute", "No, I did.")[0] == 0
    status, out, _ = called_by("ta", "contributions", identity)
    assert status == 0
    assert all(words in out for words in ("Ada did it.", "disputed", "No, I did."))
    assert called_by("ta", "contributions", identity, "--confirm")[0] == 2
    told = json.loads(called_by("classmate", "contributions", identity, "--confirm", "--json")[1])
    assert [one["stance"] for one in told["members"]] == ["written", "confirmed"]
