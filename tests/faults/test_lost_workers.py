"""A worker that goes away in the middle costs time, never a grade."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.conftest import source

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("stage", ["gate", "unit", "train"])
def test_a_worker_killed_in_a_stage_costs_that_stage_a_try(service, stage):
    service.sweeper()
    doomed = service.worker()
    submission = service.hand_in(source(**{stage: 2.0}))
    service.await_stage(submission, stage, "leased")
    # In the middle of the pause, not in the transaction that began it.
    time.sleep(0.7)
    service.kill(doomed)
    service.worker()
    service.assert_everything_is_graded_once()
    attempts = {name: tries for name, (_, tries) in service.stages(submission).items()}
    assert attempts == {"gate": 1, "unit": 1, "train": 1} | {stage: 2}


def test_a_worker_that_is_frozen_loses_its_lease_and_writes_nothing_when_it_wakes(service):
    service.sweeper()
    frozen = service.worker()
    submission = service.hand_in(source(unit=2.0))
    service.await_stage(submission, "unit", "leased")
    frozen.send_signal(signal.SIGSTOP)
    other = service.worker()
    service.await_stage(submission, "unit", "done")
    frozen.send_signal(signal.SIGCONT)
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 2)
    assert other.poll() is None


def test_a_worker_told_to_stop_gives_its_stage_back_uncounted(service):
    stopping = service.worker()
    submission = service.hand_in(source(unit=5.0))
    service.await_stage(submission, "unit", "leased")
    stopping.send_signal(signal.SIGTERM)
    assert stopping.wait(15) == 0
    assert service.stages(submission)["unit"] == ("waiting", 0)
    service.worker()
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 1)


def test_several_workers_and_many_wake_ups_grade_each_run_once(service):
    for _ in range(2):
        service.worker(jobs=1)
    for number in range(6):
        submission = service.hand_in(
            source(answer=42 if number % 2 else 41), student=number % 4, score=5.0 if number % 2 else 4.0
        )
        # The same wake-up again and again, for every queue.
        for _ in range(5):
            with service.database.begin() as work:
                work.wake(service.queue("cpu"))
                work.wake(service.queue("rerun"))
    service.assert_everything_is_graded_once()
    assert all(tries == 1 for _, tries in service.stages(submission).values())


def test_a_worker_with_a_wrong_clock_grades_as_any_other(service, tmp_path):
    """The clock is a day ahead in one worker and a day behind in another: leases are the database's own time."""
    clocks = tmp_path / "clocks"
    clocks.mkdir()
    (clocks / "sitecustomize.py").write_text(
        "import os, time\n"
        "_real, _shift = time.time, float(os.environ['CLOCK_SHIFT'])\n"
        "time.time = lambda: _real() + _shift\n"
        "time.time_ns = lambda: int(time.time() * 1e9)\n"
    )
    service.sweeper()
    for shift in ("86400", "-86400"):
        service.worker(PYTHONPATH=str(clocks), CLOCK_SHIFT=shift)
    for number in range(4):
        service.hand_in(source(unit=0.5 + LONGER_THAN_A_LEASE * (number == 0)), student=number)
    service.assert_everything_is_graded_once()


# The heartbeat has to renew at least once.
LONGER_THAN_A_LEASE = 4.0
