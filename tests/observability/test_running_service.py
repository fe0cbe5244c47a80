"""Lines, figures, traces and health of real processes; the last test freezes their PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from grader.http.readiness import KEPT_S
from tests.observability.conftest import NAME, ROOT, SAID, STUDENT, status_of
from tests.waiting import until

MONITORING = ROOT / "docker" / "monitoring"
BUILT_IN = {"up", "process_resident_memory_bytes", "process_open_fds"}
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def samples(url):
    exposed = httpx.get(f"{url}/metrics", timeout=10).text
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
    }


@pytest.fixture(scope="module")
def graded(plant):
    """A submission that was graded while somebody upstream had named the request."""
    answer = plant.upload(f"# {SAID}\nx = 1\n".encode(), **{"X-Request-ID": "proxy-0123456789"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["X-Request-ID"] == "proxy-0123456789"
    submission = answer.json()["id"]
    plant.graded(submission)
    return submission


def test_every_line_of_a_request_and_of_a_stage_says_which(plant, graded):
    lines = plant.lines("server")
    of_request = [line for line in lines if line.get("request") == "proxy-0123456789"]
    assert {line["message"].split()[0] for line in of_request} == {"upload", "POST"}
    (made,) = [line for line in of_request if line["message"] == "upload"]
    assert made["submission"] == graded
    ours = until(lambda: [line for line in plant.lines("worker") if "after" in line["message"]], "the end is said")
    run = made["run"]
    said = [line for line in plant.lines("worker") if line.get("run") == run]
    assert len(said) >= 4, "two claims, each with its beginning and its end"
    assert all(line["submission"] == graded and line["stage"] in {"gate", "unit", "train"} for line in said)
    assert all(UUID.fullmatch(line["run"]) for line in said)
    assert {line["stage"] for line in said} == {"gate", "unit", "train"}, "the end of a gate is said of the unit stage"
    assert ours[0]["worker"]
    assert any(line["logger"].startswith("uvicorn") for line in lines), "one form for ours and uvicorn's"


def test_a_request_id_that_is_none_is_replaced(plant):
    for given in ("short", "x" * 65, "with space 12345", 'a"b1234567', "täglich-123456".encode()):
        answer = httpx.get(f"{plant.url}/api/v1/me", headers={"X-Request-ID": given})
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
        assert answer.json()["instance"] == f"urn:request:{answer.headers['X-Request-ID']}"


def test_no_log_holds_a_secret_a_name_an_address_or_a_students_words(plant, graded):
    bearer = {"Authorization": f"Bearer {plant.token}"}
    for path in (f"/api/v1/people/{STUDENT}", f"/people/{NAME}", f"/x?token={plant.token}&email={STUDENT}", f"/{plant.token}",
                 "/a%0d%0a2026-01-01T00:00:00Z%20INFO%20forged"):  # fmt: skip
        httpx.get(plant.url + path, headers=bearer)
    httpx.post(f"{plant.url}/sign-in", data={"email": STUDENT, "password": "hunter2hunter2"})
    httpx.get(f"{plant.url}/api/v1/me", headers={"X-Request-ID": plant.token})
    for name in ("server", "worker", "sweep"):
        said = plant.log(name).read_text()
        assert said or name == "sweep"
        for secret in (plant.token, STUDENT, NAME, NAME.split()[0], "hunter2", SAID, "a secret of the tests"):
            assert secret not in said, (name, secret)
        plant.lines(name)


def test_figures_of_several_server_processes_are_one_sum(plant):
    def asked():
        found = samples(plant.url)
        return sum(
            value
            for key, value in found.items()
            if key[0] == "grader_http_seconds_count" and ("route", "/healthz") in key
        )

    before = asked()
    for _ in range(40):
        # A connection each, so that both processes have some.
        assert httpx.get(f"{plant.url}/healthz").status_code == 200
    assert [asked() - before for _ in range(8)] == [40] * 8
    found = samples(plant.url)
    assert found["grader_ready",] == 1
    assert found["grader_database_connections_limit",] == 2 * 20, "of both processes"


def test_what_was_graded_is_counted_and_traced(plant, graded):
    found = samples(plant.worker_url)
    for stage, queue, ending in (("gate", "cpu", "passed"), ("unit", "cpu", "graded"), ("train", "cpu", "graded")):
        assert found["grader_gradings_total", ("ending", ending), ("stage", stage)] >= 1
        assert found["grader_grading_seconds_count", ("queue", queue), ("stage", stage)] >= 1
    assert found["grader_sandbox_endings_total", ("reason", "killed")] >= 2
    assert found["grader_gpu_seconds_total",] >= 3
    assert found["grader_wake_ups_total",] >= 1
    assert found["grader_sandboxes", ("state", "ready")] == 2
    assert found["grader_slots",] == 1
    (made,) = [line for line in plant.lines("server") if line["message"] == "upload"]
    trace = made["run"].replace("-", "")

    def whole():
        spans = [span for span in plant.collector.spans if span.trace == trace]
        return spans if {"upload", "gate", "unit", "train"} <= {span.name for span in spans} else None

    spans = until(whole, "the run's trace")
    (root,) = [span for span in spans if not span.parent]
    assert (root.name, root.service) == ("upload", "grader-server")
    stages = {span.name: span for span in spans if span.parent == root.id}
    assert set(stages) == {"claim", "gate", "unit", "train"}
    assert {span.service for span in stages.values()} == {"grader-worker"}
    pieces = {span.name: span.seconds for span in spans if span.parent == stages["gate"].id}
    assert pieces == pytest.approx({"intake": 0.01, "sandbox": 0.02, "load": 0.03, "checks": 0.05})
    assert {span.name for span in spans if span.parent == stages["unit"].id} == {"checks"}
    (request,) = [
        span
        for span in plant.collector.spans
        if span.about.get("grader.request") == "proxy-0123456789" and span.name.startswith("POST")
    ]
    assert request.links == (trace,)
    assert {span.name for span in plant.collector.spans if span.parent == request.id} == {"upload"}
    told = repr(plant.collector.spans)
    assert not any(secret in told for secret in (STUDENT, NAME, SAID, plant.token))


def names_in(words):
    return set(re.findall(r"\b(?:grader|process)_[a-z_]+\b", words))


def test_every_figure_that_dashboard_alerts_or_docs_name_is_exported_and_documented(plant, graded):
    exposed = "".join(httpx.get(f"{url}/metrics").text for url in (plant.url, plant.worker_url, plant.sweep_url))
    families = {
        family.name: family
        for family in text_string_to_metric_families(exposed)
        if family.name.startswith("grader_") and not family.name.endswith("_created")
    }
    exported = {sample.name for family in families.values() for sample in family.samples} | set(families) | BUILT_IN
    named = {
        path.name: names_in(path.read_text()) - {"grader_alerts", "grader_http"}
        for path in (MONITORING / "grafana-dashboard.json", MONITORING / "alerts.yml")
    }
    for name, figures in named.items():
        assert figures, name
        assert figures <= exported, f"{name} names what nobody exports"
    rows = set(re.findall(r"^\| `(grader_[a-z_]+)` \|", (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE))
    totals = {f"{name}_total" if family.type == "counter" else name for name, family in families.items()}
    assert rows == totals


def test_an_address_that_is_taken_is_a_sentence(plant):
    port = plant.worker_url.rpartition(":")[2]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")} | {
        "GRADER_DATABASE_URL": plant.servers.database_url, "GRADER_BROKER_URL": plant.servers.broker_url,
        "GRADER_METRICS_ADDRESS": f"127.0.0.1:{port}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "worker.sweep"],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert f"Nothing can listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def postgres_group(plant):
    """Every process of the server: a backend of its own would answer while the postmaster is frozen."""
    with plant.database.begin() as work:
        backend = work.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    first = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


def test_zz_a_frozen_database_is_said_within_a_bound_and_passes_when_it_thaws(plant, graded):
    frozen = postgres_group(plant)
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    try:
        # What was said before is good for so long.
        time.sleep(KEPT_S + 0.1)
        began = time.monotonic()
        for _ in range(4):
            answer = httpx.get(f"{plant.url}/readyz", timeout=4)
            assert answer.status_code == 503
            assert answer.json()["database"] is False
            assert answer.json()["blobs"] is True
        assert time.monotonic() - began < 7, "two processes wait once each"
        assert status_of(f"{plant.url}/healthz", timeout=2) == 200
        figures = httpx.get(f"{plant.url}/metrics", timeout=5).text
        assert 'grader_part_ready{part="database"} 0.0' in figures
        assert "grader_ready 0.0" in figures
        assert "grader_queue_depth" not in figures
        until(lambda: status_of(f"{plant.worker_url}/healthz") == 503, "the worker says so", timeout_s=20)
        assert "have not come round" in httpx.get(f"{plant.worker_url}/healthz").text
        assert "grader_worker_healthy 0.0" in httpx.get(f"{plant.worker_url}/metrics").text
    finally:
        for process in frozen:
            os.kill(process, signal.SIGCONT)
    for url in (f"{plant.url}/readyz", f"{plant.worker_url}/healthz", f"{plant.sweep_url}/healthz"):
        until(lambda url=url: status_of(url) == 200, url)
