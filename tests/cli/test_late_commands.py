"""The commands of late work against the real service."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from grader.storage.models import AssignmentRow
from tests.api.serving import A_FILE


@pytest.fixture
def called_by(grader, world, monkeypatch, tmp_path):
    """Runs a command line with the token of somebody of the world."""
    monkeypatch.setenv("GRADER_URL", world.serving.url)
    monkeypatch.setenv("GRADER_CONFIG", str(tmp_path / "none.toml"))

    def call(name, *arguments):
        monkeypatch.setenv("GRADER_TOKEN", world.token(name))
        return grader(*arguments)

    return call


@pytest.fixture
def overdue(world):
    with world.database.begin() as work:
        row = work.session.get(AssignmentRow, world.assignment.id)
        row.due_at, row.counting = datetime.now(UTC) - timedelta(hours=36), "chosen"
    return world


def test_more_time_is_given_listed_and_withdrawn(called_by, overdue, hand_in):
    slug, ada = overdue.assignment.slug, overdue.people["student"].email
    status, out, err = called_by("ta", "extension", "give", slug, ada, "--days", "3", "--reason", "Ill", "--json")
    assert status == 0, err
    assert json.loads(out)["extra_days"] == 3
    assert "Ill" in called_by("ta", "extension", "list", slug)[1]
    path = hand_in("work.py", A_FILE)
    assert called_by("student", "submit", path, "-a", slug, "--no-wait")[0] == 0
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    status, out, err = called_by("ta", "extension", "give", slug, ada, "--due", until, "--reason", "Longer", "--json")
    assert json.loads(out)["due_at"] == f"{until}T23:59:59Z", err
    assert called_by("ta", "extension", "withdraw", slug, ada, "--reason", "A slip")[0] == 0
    assert json.loads(called_by("ta", "extension", "list", slug, "--json")[1])["items"] == []
    for wrong in (("--days", "3", "--due", until), (), ("--due", "soon")):
        assert called_by("ta", "extension", "give", slug, ada, "--reason", "x", *wrong)[0] == 2
    assert called_by("ta", "extension", "give", slug, "no@example.org", "--days", "1", "--reason", "x")[0] == 2
    assert called_by("student", "extension", "list", slug)[0] == 2


def test_the_policy_is_shown_set_and_reset(called_by, overdue):
    slug = overdue.assignment.slug
    assert "Late uploads are refused. The spec's." in called_by("student", "late-policy", "show", slug)[1]
    words = ("--beyond", "penalise", "--per-day", "12.5", "--most", "50", "--grace", "10", "--reason", "Agreed")
    status, out, err = called_by("instructor", "late-policy", "set", slug, *words)
    assert status == 0, err
    assert "lose 12.5% of their points for each started day, 50% at most" in out
    assert "Set by an instructor." in out
    assert called_by("ta", "late-policy", "set", slug, "--grace", "1", "--reason", "x")[0] == 2
    assert called_by("instructor", "late-policy", "set", slug, "--reason", "x")[0] == 2
    assert "The spec's." in called_by("instructor", "late-policy", "reset", slug, "--reason", "No")[1]


def test_a_submission_is_chosen_and_its_receipt_says_what_it_used(called_by, overdue, hand_in):
    slug = overdue.assignment.slug
    words = ("--days", "4", "--reason", "Agreed")
    assert called_by("instructor", "late-policy", "set", slug, *words)[0] == 0
    status, out, err = called_by("student", "submit", hand_in("work.py", A_FILE), "-a", slug, "--no-wait")
    assert status == 0, err
    assert "2 days late: used 2 of your late days, 2 left" in out + err
    receipt = json.loads(
        called_by("student", "submit", hand_in("work.py", A_FILE), "-a", slug, "--no-wait", "--json")[1]
    )
    assert called_by("student", "choose", receipt["id"])[0] == 0
    assert called_by("ta", "choose", receipt["id"])[0] == 2
    assert called_by("ta", "choose", receipt["id"], "--reason", "Asked")[0] == 0
