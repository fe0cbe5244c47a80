from __future__ import annotations

import dataclasses

import httpx
import pytest

from tests.api.serving import InThread, settings_for
from worker.pulse import Pulse
from worker.settings import BadWorkerSettings, sweep_settings
from worker.watch import Watch


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_slot_may_grade_or_rest_for_long_but_not_hang():
    clock = Clock()
    pulse = Pulse(clock=clock)
    pulse.looked("one")
    clock.now = 9
    pulse.reached()
    assert pulse.problems() == []
    clock.now = 11
    assert pulse.problems() == ["1 slots have not come round for 11 s and more."]
    pulse.grades("one", 100)
    assert (pulse.problems(), pulse.busy()) == ([], 1)
    clock.now = 115
    pulse.reached()
    assert pulse.problems() == []
    clock.now = 122
    assert len(pulse.problems()) == 1
    pulse.left("one")
    assert (pulse.problems(), pulse.busy()) == ([], 0)
    clock.now = 160
    assert pulse.problems() == ["The database was last reached 45 s ago."]


def test_a_quarantine_is_said():
    watch = Watch()
    watch.show(slots=1, quarantine_s=lambda: 42.0, pools=lambda: None)
    assert watch.problems() == ["Gradings failed in a row on this machine, so it claims nothing for 42 s."]


@pytest.mark.parametrize("text", ["9101", "host:", ":9101", "host:0", "host:70000", "host:port"])
def test_an_address_that_is_none_is_a_sentence(text):
    environment = {"GRADER_DATABASE_URL": "postgresql+psycopg://u@h/d", "GRADER_BROKER_URL": "redis://h/0"}
    with pytest.raises(BadWorkerSettings, match="GRADER_METRICS_ADDRESS is host:port"):
        sweep_settings(environment | {"GRADER_METRICS_ADDRESS": text}, every_s=None)
    found = sweep_settings(environment | {"GRADER_METRICS_ADDRESS": "[::1]:9101"}, every_s=None)
    assert found.metrics == ("::1", 9101)


def test_a_server_that_is_told_to_stop_is_not_ready_and_serves_on_for_a_while(postgres_url, tmp_path):
    settings = dataclasses.replace(settings_for(postgres_url, tmp_path / "blobs"), drain_s=3.0)
    with InThread(settings) as running:
        assert httpx.get(f"{running.url}/readyz", timeout=20).status_code == 200
        url = running.url
        running.server.should_exit = True
        running.server.config.app.state.services.leaving.wait(20)
        answer = httpx.get(f"{url}/readyz", timeout=20)
        assert (answer.status_code, answer.json()["status"]) == (503, "stopping")
        assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
