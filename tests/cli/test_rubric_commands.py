"""Items graded by hand and marks by persons, on the command line, against the real service."""

from __future__ import annotations

import json

import pytest

from tests.api.test_items_api import graded as graded_item
from tests.api.test_items_api import row_of
from tests.cli.test_deciding_commands import called_by

graded = graded_item
__all__ = ["called_by", "graded"]


def test_an_item_is_graded_from_the_next_one_to_the_release(called_by, world, graded):
    slug = world.assignment.slug
    status, out, err = called_by("ta", "rubric", "show", slug)
    assert status == 0, err
    assert "B.why" in out and "blind; not released" in out
    assert "r1" in called_by("ta", "rubric", "add", slug, "B.why", "--label", "A figure", "--points", "0.5")[1]
    piece = json.loads(called_by("ta", "rubric", "next", slug, "B.why", "--json")[1])
    assert piece["submission"] == graded["id"]
    assert "Nobody's work waits" in called_by("instructor", "rubric", "next", slug, "B.why")[2]
    lines = ("--line", "one", "--line", "r1", "--points", "-0.25", "--comment", "Say why.", "--keep")
    status, out, err = called_by("ta", "rubric", "grade", slug, "B.why", graded["id"], *lines)
    assert status == 0, err
    assert "one, r1" in out and "Say why." in out
    assert row_of(world)["items_points"] == 2.25
    changed = called_by("ta", "rubric", "change", slug, "B.why", "r1", "--label", "A figure", "--points", "1")
    assert "1 score was worked out anew" in changed[2]
    assert "one reason" in called_by("ta", "rubric", "show", slug, "B.why")[1]
    assert "Ada" not in called_by("ta", "rubric", "work", slug, "B.why")[1]
    assert called_by("instructor", "rubric", "settings", slug, "--not-blind", "--release")[0] == 0
    assert "Ada" in called_by("ta", "rubric", "work", slug, "B.why")[1]
    assert world.client("student").get(f"/submissions/{graded['id']}").json()["items"][0]["comment"] == "Say why."
    assert "1 score was" in called_by("ta", "rubric", "remove", slug, "B.why", "r1")[2]
    made = json.loads(called_by("ta", "rubric", "show", slug, "B.why", "--json")[1])["items"][0]
    assert made["graded"] == 1
    kept = world.client("ta").get(f"/assignments/{slug}/items/B.why/pieces/{graded['id']}").json()["gradings"][0]["id"]
    status = called_by("ta", "rubric", "withdraw", slug, "B.why", graded["id"], str(kept), "--reason", "A slip.")[0]
    assert (status, row_of(world)["items_waiting"]) == (0, 2)


def test_a_mark_is_given_and_taken_back(called_by, world, graded):
    slug, ada = world.assignment.slug, world.people["student"].email
    assert "A person may give 5 (creative) from 70% on." in called_by("ta", "mark", slug, ada)[1]
    called_by("ta", "rubric", "grade", slug, "B.why", graded["id"], "--points", "4")
    status, out, err = called_by("ta", "mark", slug, ada, "--give", "5", "--reason", "A new idea.")
    assert status == 0, err
    assert "A new idea." in out
    assert row_of(world)["scale"]["value"] == 5.0
    assert called_by("ta", "mark", slug, ada, "--take-back", "--reason", "A slip.")[0] == 0
    assert row_of(world)["scale"]["value"] == 1.0


@pytest.mark.parametrize(
    ("who", "arguments", "words"),
    [
        ("student", ("rubric", "show"), "assistants and instructors"),
        ("ta", ("rubric", "settings"), "Say --blind"),
        ("ta", ("rubric", "show", "none"), "no item none"),
        ("ta", ("mark", "ada@example.org", "--give", "5"), "Say why"),
        ("ta", ("mark", "ada@example.org", "--give", "5", "--take-back", "--reason", "x"), "not both"),
        ("ta", ("rubric", "next", "none"), "no such item"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(called_by, world, graded, who, arguments, words):
    command, rest = (arguments[:1], arguments[1:]) if arguments[0] == "mark" else (arguments[:2], arguments[2:])
    status, _, err = called_by(who, *command, world.assignment.slug, *rest)
    assert status == 2, err
    assert words in err
    assert "Traceback" not in err
