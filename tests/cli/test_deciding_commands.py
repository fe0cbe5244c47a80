"""What staff decide about a student, on the command line, against the real service."""

from __future__ import annotations

import json

import pytest

from grader.domain.check import CheckStatus
from tests import builders


@pytest.fixture
def called_by(grader, world, monkeypatch, tmp_path):
    """Runs a command line with the token of somebody of the world."""
    monkeypatch.setenv("GRADER_URL", world.serving.url)
    monkeypatch.setenv("GRADER_CONFIG", str(tmp_path / "none.toml"))
    tokens = {}

    def call(name, *arguments):
        tokens.setdefault(name, world.token(name))
        monkeypatch.setenv("GRADER_TOKEN", tokens[name])
        return grader(*arguments)

    return call


@pytest.fixture
def graded(world):
    """Ada's submission with the check A.two (2 points) lost: 3 of 5."""
    receipt = world.hand_in().json()
    world.grade(
        results=tuple(
            builders.a_result(one, CheckStatus.FAILED if one.id == "A.two" else CheckStatus.PASSED)
            for one in builders.a_plan()
        )
    )
    return receipt


def test_points_are_adjusted_and_given_back(called_by, world, graded):
    slug, ada = world.assignment.slug, world.people["student"].email
    status, out, err = called_by(
        "ta", "adjust", slug, ada, "--check", "A.two", "--points", "1.5", "--reason", "Right but for a sign."
    )
    assert status == 0, err
    assert "+1.5" in out and "Two" in out
    book = called_by("ta", "gradebook", slug)[1]
    assert "4.5 / 5 ~" in book and "~ 1 adjusted by a person" in book
    held = json.loads(called_by("ta", "adjust", slug, ada, "--json")[1])["items"]
    assert [one["points"] for one in held] == [1.5]
    assert called_by("ta", "adjust", slug, ada, "--points", "-0.5", "--part", "B", "--reason", "x", "--member")[0] == 0
    given_back = called_by("ta", "adjust", slug, ada, "--withdraw", str(held[0]["id"]), "--reason", "A slip.", "--json")
    assert [one["points"] for one in json.loads(given_back[1])["items"]] == [-0.5]


@pytest.mark.parametrize(
    ("who", "arguments", "words"),
    [
        ("student", ("--points", "1", "--reason", "x"), "assistants and instructors"),
        ("other instructor", ("--points", "1", "--reason", "x"), "no assignment"),
        ("ta", ("--points", "1"), "--reason"),
        ("ta", ("--points", "0", "--reason", "x"), "changes nothing"),
        ("ta", ("--points", "1", "--withdraw", "1", "--reason", "x"), "--points or --withdraw"),
        ("ta", ("--points", "1", "--check", "A.none", "--reason", "x"), "no check A.none"),
        ("ta", ("--withdraw", "999", "--reason", "x"), "no such adjustment"),
    ],
)
def test_what_cannot_be_is_one_sentence(called_by, world, graded, who, arguments, words):
    status, _, err = called_by(who, "adjust", world.assignment.slug, world.people["student"].email, *arguments)
    assert status == 2
    assert words in err and err.count("\n") == 1


def test_nobody_of_that_address_is_told(called_by, world, graded):
    status, _, err = called_by("ta", "adjust", world.assignment.slug, "nobody@example.org")
    assert (status, "no student" in err) == (2, True)


class TestRegrades:
    def test_a_student_asks_and_staff_answer(self, called_by, world, graded):
        slug = world.assignment.slug
        status, out, err = called_by(
            "student",
            "regrades",
            "ask",
            graded["id"],
            "--check",
            "A.two",
            "--reason",
            "The task says otherwise.",
            "--json",
        )
        assert status == 0, err
        asked = str(json.loads(out)["id"])
        listed = called_by("ta", "regrades", "list", "--assignment", slug, "--state", "open")[1]
        assert "Two (A.two)" in listed and "Ada" in listed
        status, out, err = called_by(
            "ta", "regrades", "answer", asked, "--grant", "--words", "You are right.", "--points", "1.5"
        )
        assert status == 0, err
        assert "granted" in out and "You are right. (+1.5 points)" in out
        shown = called_by("student", "regrades", "show", asked)[1]
        assert "The task says otherwise." in shown and "You are right." in shown
        assert "4.5 / 5 ~" in called_by("ta", "gradebook", slug)[1]

    def test_it_is_taken_back_and_the_window_closed(self, called_by, world, graded):
        asked = json.loads(called_by("student", "regrades", "ask", graded["id"], "--reason", "All.", "--json")[1])
        assert called_by("student", "regrades", "withdraw", str(asked["id"]))[0] == 0
        assert json.loads(called_by("student", "regrades", "list", "--json")[1])["items"][0]["state"] == "withdrawn"
        assert called_by("instructor", "regrades", "window", world.assignment.slug, "0")[0] == 0
        status, _, err = called_by("student", "regrades", "ask", graded["id"], "--reason", "All.")
        assert (status, "takes no regrade requests" in err) == (2, True)

    @pytest.mark.parametrize(
        ("who", "arguments", "words"),
        [
            ("ta", ("answer", "{id}", "--words", "x"), "--grant or --decline"),
            ("ta", ("answer", "{id}", "--decline", "--words", "x", "--points", "1"), "changes no points"),
            ("student", ("answer", "{id}", "--grant", "--words", "x"), "assistants and instructors"),
            ("other instructor", ("show", "{id}"), "no such regrade request"),
            ("ta", ("withdraw", "{id}"), "whoever asked"),
            ("ta", ("show", "999"), "no such regrade request"),
            ("ta", ("window", "{slug}", "3"), "instructors"),
            ("instructor", ("window", "{slug}", "999"), "366"),
            ("ta", ("list", "--course", "none"), "no course called none"),
        ],
    )
    def test_what_cannot_be_is_one_sentence(self, called_by, world, graded, who, arguments, words):
        asked = json.loads(called_by("student", "regrades", "ask", graded["id"], "--reason", "All.", "--json")[1])
        filled = [one.format(id=asked["id"], slug=world.assignment.slug) for one in arguments]
        status, _, err = called_by(who, "regrades", *filled)
        assert status == 2
        assert words in err
        assert "Traceback" not in err
