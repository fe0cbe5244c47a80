"""Webhooks, their log and e-mail choices over HTTP: each role against each request, and what a grading writes."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from grader.domain.check import Visibility
from grader.domain.course import Scope
from grader.domain.run import RunStatus
from grader.service import notices
from tests import builders

URL = "https://example.org/hooks/grader"


def hooks_of(world):
    return f"/courses/{world.course.slug}/webhooks"


@pytest.fixture
def made(world):
    return world.client("instructor").post(hooks_of(world), json={"url": URL}).json()


def parcels(world):
    with world.database.begin() as work:
        return notices.look(work, with_mail=True).parcels


class TestWebhooks:
    def test_the_secret_is_shown_once(self, world, made):
        assert made["secret"].startswith("whsec_") and len(made["secret"]) > 40
        listed = world.client("instructor").get(hooks_of(world))
        assert [one["url"] for one in listed.json()["items"]] == [URL]
        assert "secret" not in listed.json()["items"][0] and "whsec_" not in listed.text

    @pytest.mark.parametrize(
        ("name", "read", "write"),
        [
            ("student", 403, 403), ("ta", 200, 403), ("instructor", 200, 204), ("admin", 200, 204),
            ("stranger", 404, 404), ("other instructor", 404, 404),
        ],
    )  # fmt: skip
    def test_each_role_against_each_request(self, world, made, name, read, write):
        client, one = world.client(name), f"{hooks_of(world)}/{made['id']}"
        assert client.get(hooks_of(world)).status_code == read
        assert client.get(f"/courses/{world.course.slug}/deliveries").status_code == read
        assert client.post(hooks_of(world), json={"url": URL}).status_code == (201 if write == 204 else write)
        assert client.post(f"{one}/test").status_code == write
        assert client.post(f"{one}/enable").status_code == write
        assert client.delete(one).status_code == write

    def test_another_courses_webhook_is_not_there(self, world, made):
        theirs = f"/courses/{world.other_course.slug}/webhooks/{made['id']}"
        client = world.client("other instructor")
        assert client.delete(theirs).status_code == 404
        assert client.post(f"{theirs}/test").status_code == 404
        assert len(world.client("ta").get(hooks_of(world)).json()["items"]) == 1

    def test_assistants_see_the_host_alone(self, world, made):
        assert world.client("ta").get(hooks_of(world)).json()["items"][0]["url"] == "https://example.org/…"

    @pytest.mark.parametrize(
        "url", ["http://example.org/x", "https://10.0.0.1/", "https://localhost/x", "x", "", "https://e.org/\nx"]
    )
    def test_an_address_that_is_not_called_is_told(self, world, url):
        answer = world.client("instructor").post(hooks_of(world), json={"url": url})
        assert answer.status_code == 422
        assert answer.json()["detail"]


class TestWhatAGradingTells:
    def test_the_webhook_reads_ids_and_the_student_a_letter_and_neither_a_check(self, world, made):
        handed = world.hand_in().json()
        plan = builders.a_plan()
        secret = "the hidden input was 42"
        results = tuple(
            builders.a_result(one, message=secret, detail=secret, visibility=Visibility.STAFF) for one in plan
        )
        world.grade(results=results)
        found = {one.channel.value: one for one in parcels(world)}
        assert set(found) == {"webhook", "email"}
        told = found["webhook"].data
        assert set(told) == {"course", "assignment", "submission", "run", "state"}
        assert (told["submission"], told["state"]) == (handed["id"], "graded")
        assert found["email"].email == world.people["student"].email
        assert secret not in str(found)

    def test_a_rerun_is_told_to_webhooks_and_not_by_mail(self, world, made):
        handed = world.hand_in().json()
        world.grade()
        parcels(world)
        world.client("ta").post(f"/submissions/{handed['id']}/rerun")
        world.grade()
        assert [one.channel.value for one in parcels(world)] == ["webhook"]

    def test_a_rejected_submission_says_so(self, world, made):
        world.hand_in()
        claim = world.claim()
        from grader.service import runs

        with world.database.begin() as work:
            runs.finish_stage(work, claim.lease, world._report(claim, (), status=RunStatus.REJECTED, message="No."))
        assert {one.data["state"] for one in parcels(world)} == {"rejected"}

    def test_a_failure_of_ours_is_told_to_nobody(self, world, made):
        world.hand_in()
        world.fail("The sandbox was lost.")
        assert parcels(world) == ()

    def test_staff_read_how_it_went(self, world, made):
        world.hand_in()
        world.grade()
        parcels(world)
        log = world.client("ta").get(f"/courses/{world.course.slug}/deliveries").json()["items"]
        assert {(one["channel"], one["state"], one["attempts"]) for one in log} == {
            ("webhook", "waiting", 1),
            ("email", "waiting", 1),
        }
        only = {"webhook": made["id"], "state": "waiting"}
        assert len(world.client("ta").get(f"/courses/{world.course.slug}/deliveries", params=only).json()["items"]) == 1
        assert (
            world.client("ta").get(f"/courses/{world.course.slug}/deliveries", params={"state": "x"}).status_code == 422
        )


class TestMail:
    def test_everybody_chooses_for_themselves(self, world):
        client = world.client("student", Scope.READ, Scope.SUBMIT)
        every = dict.fromkeys(("graded", "regrade_answered", "items_released", "due_soon"), True)
        assert client.get("/me/mail").json() == every
        changed = client.put("/me/mail", json={"graded": False})
        assert changed.json() == client.get("/me/mail").json() == every | {"graded": False}
        assert world.client("classmate").get("/me/mail").json()["graded"] is True
        world.hand_in()
        world.grade()
        assert parcels(world) == ()
        assert client.put("/me/mail", json={"graded": True}).json()["graded"] is True

    @pytest.mark.parametrize("body", [{"graded": "no"}, {"spam": False}, []])
    def test_what_is_no_choice_is_told(self, world, body):
        assert world.client("student").put("/me/mail", json=body).status_code == 422


def test_an_old_version_may_delete_what_notices_speak_of(world, made):
    """Code that does not know the tables deletes submissions and people during an upgrade."""
    world.hand_in()
    world.grade()
    parcels(world)
    with world.database.begin() as work:
        for table in (
            "gradebook_entries",
            "progress_events",
            "artifacts",
            "check_results",
            "run_stages",
            "runs",
            "submissions",
        ):
            work.session.execute(text(f"DELETE FROM {table}"))
        assert work.session.execute(text("SELECT count(*) FROM deliveries")).scalar() == 0
