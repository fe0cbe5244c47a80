"""Trials over the API and on the command line: begun, read, published, and by whom not."""

from __future__ import annotations

import pytest

from grader.cli.client import address
from grader.cli.main import run
from grader.domain.check import CheckStatus
from grader.domain.course import Scope
from tests import builders


def results(**statuses):
    return tuple(
        builders.a_result(one, statuses.get(str(one.id).replace(".", "_"), CheckStatus.PASSED))
        for one in builders.a_plan()
    )


@pytest.fixture
def newer(world):
    """Another kept version of the spec; Ada's work has lost A.two by the present one."""
    world.hand_in()
    world.grade(results=results(A_two=CheckStatus.FAILED))
    with world.database.begin() as work:
        return builders.an_assignment(work, world.other_course).spec.version


@pytest.fixture
def path(world):
    return f"/assignments/{world.assignment.slug}/trials"


def begin(world, path, version, who="ta", **body):
    return world.client(who).post(path, json={"spec_version": version, "reason": "A two was wrong"} | body)


def test_a_trial_is_begun_read_and_published(world, newer, path):
    made = begin(world, path, newer)
    assert made.status_code == 201, made.text
    trial = made.json()
    assert (trial["state"], trial["spec_version"], trial["progress"]["waiting"]) == ("open", newer, 1)
    assert begin(world, path, newer).json()["code"] == "already-exists"
    world.grade(results=results())
    ta, one = world.client("ta"), f"{path}/{trial['id']}"
    assert ta.get(path).json()["items"][0]["progress"]["is_over"] is True
    report = ta.get(f"{one}/report").json()
    assert (report["totals"]["up"], report["checks"][0]["id"]) == (1, "A.two")
    (line,) = report["lines"]
    assert (line["owner"], line["before"]["score"], line["after"]["score"]) == ("Ada", 3.0, 5.0)
    csv = ta.get(f"{one}/report", params={"format": "csv"})
    assert csv.headers["Content-Type"].startswith("text/csv") and "A.two" in csv.text
    assert ta.post(f"{one}/publish", json={"reason": "x"}).json()["code"] == "needs-role"
    done = world.client("instructor").post(f"{one}/publish", json={"reason": "as seen"})
    assert done.json()["state"] == "published", done.text
    assert ta.delete(one, params={"reason": "x"}).status_code == 409
    assert world.client("student").get("/submissions").json()["items"][0]["score"] == 5.0


def test_students_and_staff_of_other_courses_reach_nothing_of_it(world, newer, path):
    trial = f"{path}/{begin(world, path, newer).json()['id']}"
    before = [world.client("student").get(address).text for address in ("/submissions", "/assignments")]
    world.grade(results=results())
    assert [world.client("student").get(address).text for address in ("/submissions", "/assignments")] == before
    asks = [
        ("GET", path, None), ("GET", trial, None), ("GET", f"{trial}/report", None), ("GET", f"{trial}/report?format=csv", None),
        ("POST", path, {"reason": "x"}), ("POST", f"{trial}/publish", {"reason": "x"}), ("DELETE", f"{trial}?reason=x", None),
    ]  # fmt: skip
    for method, where, body in asks:
        for who, code in (
            ("student", "needs-role"),
            ("stranger", "unknown-assignment"),
            ("other instructor", "unknown-assignment"),
        ):
            answer = world.client(who).request(method, where, json=body)
            assert answer.json()["code"] == code, (method, where, who)
    assert world.client("ta", Scope.READ).delete(trial, params={"reason": "x"}).json()["code"] == "needs-scope"


def test_what_is_no_version_or_no_reason_is_one_sentence(world, newer, path):
    assert begin(world, path, "0123").status_code == 404
    assert begin(world, path, newer, reason="").status_code == 422
    assert begin(world, path, newer, submissions="some").status_code == 422
    assert world.client("ta").get(f"{path}/77").json()["detail"].endswith("has no trial 77.")


def test_the_command_line_shows_what_would_change(world, newer, path, monkeypatch, capsys):
    monkeypatch.setenv(address.URL_VARIABLE, world.serving.url)
    monkeypatch.setenv(address.TOKEN_VARIABLE, world.token("instructor"))
    slug = world.assignment.slug
    assert run(["rerun", "-a", slug, "--all", "--dry-run", "--spec-version", newer, "--no-wait"]) == 0
    assert "1 not done" in capsys.readouterr().out
    number = str(world.client("ta").get(path).json()["items"][0]["id"])
    world.grade(results=results())
    assert run(["trial", "show", slug, number]) == 0
    out = capsys.readouterr().out
    assert "1 up, 0 down" in out and "A.two" in out and "3 / 5" in out and "5 / 5" in out
    assert run(["trial", "list", slug]) == 0
    assert run(["trial", "publish", slug, number, "--reason", "as seen"]) == 0
    assert "is published" in capsys.readouterr().out
    assert run(["trial", "drop", slug, number, "--reason", "x"]) == 2
    assert run(["rerun", "-a", slug, "--all", "--spec-version", newer]) == 2
