from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from grader.domain.grading import Queue
from grader.service import runs
from grader.storage.blobs import Blobs
from tests.api.serving import A_FILE, InThread, settings_for


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_the_queue_the_runs_and_the_uploads(world):
    before = samples(world.client().get("/metrics").text)
    world.hand_in()
    world.hand_in()
    world.hand_in(content=b"")
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_depth", ("queue", "cpu")] == 1
    assert found["grader_queue_depth", ("queue", "gpu")] == 0
    assert found["grader_queue_oldest_seconds", ("queue", "cpu")] >= 0
    assert found["grader_runs", ("state", "waiting")] == 1
    for outcome in ("received", "again", "refused"):
        name = ("grader_uploads_total", ("outcome", outcome))
        assert found[name] == before[name] + 1
    world.grade()
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_depth", ("queue", "cpu")] == 0
    assert found["grader_runs", ("state", "graded")] == 1
    route = "/api/v1/assignments/{assignment}/submissions"
    assert any(key[0] == "grader_http_seconds_count" and ("route", route) in key for key in found)


def test_metrics_name_nobody(world):
    world.hand_in()
    text = world.client().get("/metrics").text
    assert world.people["student"].email not in text
    assert world.assignment.slug not in text


def test_ready_means_that_uploads_can_be_taken(world):
    answer = world.client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert {answer.json()[part] for part in ("database", "schema_is_current", "blobs")} == {True}


@pytest.mark.parametrize("missing", ["blobs", "broker"])
def test_a_missing_part_is_named_and_only_the_broker_can_be_done_without(world, postgres_url, tmp_path, missing):
    import dataclasses

    (tmp_path / "file").write_text("in the way")
    # A service that has a spec has a store, and begins no new one.
    Blobs(str(tmp_path / "blobs")).put(b"a spec")
    settings = settings_for(postgres_url, tmp_path / "file" / "blobs" if missing == "blobs" else tmp_path / "blobs")
    if missing == "broker":
        settings = dataclasses.replace(settings, broker_url="redis://127.0.0.1:1/0")
    with InThread(settings) as running:
        assert httpx.get(f"{running.url}/healthz").json() == {"status": "alive"}
        answer = httpx.get(f"{running.url}/readyz", timeout=20)
        assert answer.json()[missing] is False
        assert answer.status_code == (503 if missing == "blobs" else 200)
        if missing == "broker":
            done = httpx.post(
                f"{running.url}/api/v1/assignments/{world.assignment.slug}/submissions",
                files={"file": ("work.py", b"x = 1\n")},
                headers={"Authorization": f"Bearer {world.token('student')}"},
                timeout=30,
            )
            assert done.status_code == 202


class TestTheReference:
    def test_the_page_is_whole_and_keeps_our_own_policy(self, world):
        answer = httpx.get(f"{world.serving.url}/api/docs")
        assert answer.headers["content-type"].startswith("text/html")
        document = httpx.get(f"{world.serving.url}/api/openapi.json").json()
        for path in document["paths"]:
            assert path.replace("{", "&#123;") in answer.text or path in answer.text
        # Nothing inline, nothing from elsewhere: the policy would refuse it.
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|(src|href|action)=.?https?://", answer.text)
        for address in re.findall(r'(?:src|href)="(/[^"#]+)"', answer.text):
            assert httpx.get(world.serving.url + address).status_code == 200

    def test_every_anchor_leads_somewhere(self, world):
        text = httpx.get(f"{world.serving.url}/api/docs").text
        assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))

    def test_a_problems_type_leads_to_its_line(self, world):
        problem = world.client().get("/me").json()
        answer = httpx.get(world.serving.url + problem["type"], follow_redirects=False)
        assert answer.headers["location"] == "/api/docs#problem-not-signed-in"
        assert 'id="problem-not-signed-in"' in httpx.get(f"{world.serving.url}/api/docs").text

    def test_every_object_has_examples_or_a_sentence(self, world):
        schemas = httpx.get(f"{world.serving.url}/api/openapi.json").json()["components"]["schemas"]
        assert {"ReceiptAnswer", "SubmissionAnswer", "GradebookAnswer", "Problem"} <= set(schemas)
        for name in ("ReceiptAnswer", "AssignmentAnswer", "Problem", "NewTokenRequest"):
            assert any("examples" in member for member in schemas[name]["properties"].values()), name


def test_how_much_work_waits_is_told_by_measured_medians(world):
    """A gate that waits brings the unit checks with it; what was never measured counts as ten seconds."""
    world.hand_in()
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_work_seconds", ("queue", "cpu")] == 20
    assert found["grader_queue_work_seconds", ("queue", "gpu")] == 0
    world.grade()
    with world.database.begin() as work:
        work.session.connection().exec_driver_sql(
            "UPDATE run_stages SET started_at = finished_at - CASE stage WHEN 'gate' THEN interval '2 s' "
            "WHEN 'unit' THEN interval '5 s' ELSE interval '100 s' END"
        )
    world.hand_in(content=A_FILE + b"# again\n")
    world.hand_in("classmate")
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_work_seconds", ("queue", "cpu")] == 14
    world.claim()
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_graded", ("queue", "cpu")] == 1
    assert found["grader_queue_work_seconds", ("queue", "cpu")] == 7


def test_slots_are_those_of_workers_that_do_not_drain(world):
    with world.database.begin() as work:
        runs.heard_of(work, worker="one", queues=[Queue.CPU, Queue.RERUN], slots=2)
        runs.heard_of(work, worker="two", queues=[Queue.CPU], slots=3, draining=True)
    found = samples(world.client().get("/metrics").text)
    assert found["grader_queue_slots", ("queue", "cpu")] == 2
    assert found["grader_queue_slots", ("queue", "gpu")] == 0
    assert (found["grader_workers",], found["grader_workers_draining",]) == (2, 1)
