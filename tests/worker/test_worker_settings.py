from __future__ import annotations

import pytest

from grader.domain.grading import Queue
from worker.settings import BadWorkerSettings, sweep_settings, worker_settings
from worker.slots import queues_of_slots

NEEDED = {"GRADER_DATABASE_URL": "postgresql+psycopg://x/y", "GRADER_BROKER_URL": "redis://x", "GRADER_BLOBS_URL": "/b"}
CPU, GPU, RERUN = Queue.CPU, Queue.GPU, Queue.RERUN


def settings(queues: str = "cpu", jobs: int | None = None, **environment: str):
    return worker_settings(NEEDED | environment, queues=queues, jobs=jobs)


def test_what_is_not_said_has_a_default():
    made = settings()
    assert (made.jobs, made.lease_s, made.sandbox, made.queues) == (1, 30, None, (CPU,))


def test_mass_reruns_come_last_whatever_the_order_given():
    assert settings("rerun, gpu,cpu,gpu").queues == (GPU, CPU, RERUN)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_missing_setting_is_named(name):
    with pytest.raises(BadWorkerSettings, match=name):
        settings(**{name: ""})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"queues": "cpu,fast"}, "fast"),
        ({"queues": " ,"}, "--queues"),
        ({"jobs": 0}, "not 0"),
        ({"jobs": 1000}, "not 1000"),
        ({"GRADER_LEASE_S": "soon"}, "GRADER_LEASE_S"),
        ({"GRADER_LEASE_S": "0.5"}, "GRADER_LEASE_S"),
        ({"GRADER_LEASE_S": "nan"}, "GRADER_LEASE_S"),
        ({"GRADER_LEASE_S": "inf"}, "GRADER_LEASE_S"),
        ({"GRADER_LEASES": "30"}, "did you mean GRADER_LEASE_S"),
    ],
)
def test_what_cannot_be_used_is_said(given, named):
    with pytest.raises(BadWorkerSettings, match=named):
        settings(**given)


def test_the_command_line_goes_before_the_environment():
    assert settings(jobs=2, GRADER_WORKER_JOBS="5").jobs == 2
    assert settings(GRADER_WORKER_JOBS="5").jobs == 5


def test_a_sweep_needs_no_blobs():
    environment = {name: value for name, value in NEEDED.items() if name != "GRADER_BLOBS_URL"}
    assert sweep_settings(environment, every_s=None).every_s == 5
    assert sweep_settings(environment | {"GRADER_SWEEP_S": "2"}, every_s=None).every_s == 2
    with pytest.raises(BadWorkerSettings, match="--every"):
        sweep_settings(environment, every_s=0)


@pytest.mark.parametrize(
    ("queues", "jobs", "expected"),
    [
        ((CPU, RERUN), 1, [(CPU, RERUN)]),
        ((CPU, RERUN), 3, [(CPU,), (CPU, RERUN), (CPU, RERUN)]),
        ((RERUN,), 2, [(RERUN,), (RERUN,)]),
    ],
)
def test_of_several_slots_one_is_kept_free_of_mass_reruns(queues, jobs, expected):
    assert queues_of_slots(queues, jobs) == expected
