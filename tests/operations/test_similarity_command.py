"""`grader similarity` on real hand-ins, in real sandboxes, with a hostile one among them."""

from __future__ import annotations

import json
import re

import pytest

from grader.domain.course import Role
from grader.service import similarity
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from tests import builders

SPEC = load_spec("cse891-hw2")
REFERENCE = (SPEC.folder.parents[1] / "reference_solutions/cse891-hw2/colorization-doejane.py").read_text()
STARTER = (SPEC.folder / "starter/colorization.py").read_text()


@pytest.fixture
def term(place):
    """This term's assignment with some hand-ins, and last term's with one; the staff of both."""
    database, blobs = Database(place.url), Blobs(str(place.blobs))
    blob = blobs.put(pack(SPEC)).sha256
    with database.begin() as work:
        now, before = builders.a_course(work), builders.a_course(work, term="Spring 2026")
        plan = builders.a_plan()
        offered, earlier = (
            builders.an_assignment(work, course, definition=SPEC.assignment, plan=plan, blob=blob)
            for course in (now, before)
        )
        staff = builders.a_reader(builders.a_person(work, now, Role.TA), now, before, role=Role.TA)

        def hand_in(content, name="work.py", assignment=offered, person=None):
            stored = blobs.put(content if isinstance(content, bytes) else content.encode())
            person = person or builders.a_person(work, now)
            row = builders.a_submission(work, assignment, person, sha256=stored.sha256, file_name=name)
            return str(row.id)

        renamed = re.sub(r"\b(batch_idx|optimizer|criterion|images|labels|losses)\b", r"my_\1", REFERENCE)
        made = {
            "reference": hand_in(REFERENCE),
            "renamed": hand_in(renamed + "\n# mine\n", assignment=earlier),
            "starter": hand_in(STARTER),
            "starter again": hand_in(STARTER),
            "unparsable": hand_in("def f(:\n" * 20_000),
            "nested": hand_in(b'{"cells":' + b"[" * 300_000, "nested.ipynb"),
        }
    yield database, offered, staff, made
    database.close()


def test_a_renamed_copy_of_another_term_is_found_and_nothing_else_is(grader, term):
    database, offered, staff, made = term
    status, out, err = grader("similarity", offered.slug, "--sandbox", "bwrap", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["assignment"], told["submissions"], told["earlier"], told["unread"]) == (offered.slug, 5, 1, 0)
    assert told["read_now"] == len(made)
    with database.begin() as work:
        _, pairs = similarity.overview(work, staff, offered)
        assert [(pair.one.submission, pair.other.submission) for pair in pairs] == [
            (made["reference"], made["renamed"])
        ]
        assert pairs[0].share > 0.7
        texts = similarity.pair(work, staff, offered, pairs[0].id)
    assert "my_images" in "".join(piece.text for piece in texts.other)
    assert texts.matches
    again = grader("similarity", offered.slug, "--sandbox", "bwrap")
    assert again[0] == 0, again[2]
    assert again[1].startswith(f"Compared 5 submissions of {offered.slug} with each other and with 1 of other terms")


def test_only_what_is_new_is_read(grader, term):
    database, offered, _, made = term
    assert grader("similarity", offered.slug, "--sandbox", "bwrap")[0] == 0
    told = json.loads(grader("similarity", offered.slug, "--sandbox", "bwrap", "--json")[1])
    assert told["read_now"] == 0
    assert told["submissions"] == len(made) - 1
    with database.begin() as work:
        assert similarity.prepare(work, offered.slug, "words-1").unread == ()


def test_an_unknown_assignment_and_a_missing_database_are_said_in_a_sentence(grader, term, monkeypatch):
    status, out, err = grader("similarity", "nowhere")
    assert (status, out) == (2, "")
    assert "no assignment called nowhere" in err
    monkeypatch.delenv("GRADER_DATABASE_URL")
    status, _, err = grader("similarity", "nowhere")
    assert status == 2
    assert "GRADER_DATABASE_URL" in err
