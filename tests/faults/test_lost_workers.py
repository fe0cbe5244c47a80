"""A worker that goes away in the middle costs time, never a grade."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time

import pytest

from grader.domain.grading import Queue
from grader.engine.sandbox.cgroups import GroupTree
from tests.faults.conftest import LEASE_S, source
from tests.waiting import until

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("stage", ["gate", "unit", "train"])
def test_a_worker_killed_in_a_stage_costs_that_stage_a_try(service, stage):
    service.slug = "tiny" if stage == "train" else "quick"
    submission = service.hand_in(source(**{stage: 2.0}))
    doomed = service.holder(submission, stage)
    # In the middle of the pause, not in the transaction that began it.
    time.sleep(0.7)
    doomed.kill()
    service.assert_everything_is_graded_once()
    attempts = {name: tries for name, (_, tries) in service.stages(submission).items()}
    assert attempts == dict.fromkeys(("gate", "unit", stage), 1) | {stage: 2}


def sandboxes_of(worker) -> list[int]:
    return [
        pid for name, group in GroupTree().strays() if name.startswith(f"w{worker.popen.pid}-") for pid in group._pids()
    ]


def test_a_sandbox_that_this_machine_kills_costs_the_student_nothing(service):
    """As when memory is short, or somebody ends the wrong process: not to be told from code that kills itself."""
    submission = service.hand_in(source(unit=2.0))
    worker = service.holder(submission, "unit")
    time.sleep(0.7)
    for pid in sandboxes_of(worker):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 1)


def test_code_that_kills_itself_is_told_so_however_often_it_is_tried(service):
    killing = source().replace(b"return 42", b"import os; os.kill(os.getpid(), 9)")
    submission = service.hand_in(killing, score=service.full - 1)
    service.assert_everything_is_graded_once()
    assert "crashed (SIGKILL)" in service.message_of(submission, "A.answer")


def test_a_worker_that_is_frozen_loses_its_lease_and_writes_nothing_when_it_wakes(service):
    submission = service.hand_in(source(unit=2.0))
    frozen = service.holder(submission, "unit")
    frozen.popen.send_signal(signal.SIGSTOP)
    try:
        service.await_stage(submission, "unit", "done")
    finally:
        frozen.popen.send_signal(signal.SIGCONT)
    until(lambda: frozen.said(submission) and frozen.said("lease lost"), "the frozen worker has noticed")
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 2)


def test_a_worker_told_to_stop_gives_its_stage_back_uncounted(service):
    submission = service.hand_in(source(unit=2.0))
    stopping = service.holder(submission, "unit")
    assert stopping.stop() == 0
    assert stopping.said("put back, because this worker stops")
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 1)


def test_several_workers_and_many_wake_ups_grade_each_run_once(service):
    for number in range(4):
        answer, score = (42, service.full) if number % 2 else (41, service.full - 1)
        submission = service.hand_in(source(answer=answer), student=number // 2, score=score)
        # The same wake-up again and again, for every queue.
        with service.database.begin() as work:
            for _ in range(5):
                work.wake(Queue.CPU)
                work.wake(Queue.RERUN)
    service.assert_everything_is_graded_once()
    for submission in service.expected:
        assert {tries for _, tries in service.stages(submission).values()} == {1}


def test_workers_whose_clocks_are_two_days_apart_keep_their_leases(service):
    """The lease is kept by heartbeat for longer than it lasts, and the sweep, whose clock is right, leaves it alone."""
    submissions = [service.hand_in(source(unit=LEASE_S + 1.5), student=number) for number in range(2)]
    service.assert_everything_is_graded_once()
    for submission in submissions:
        assert {tries for _, tries in service.stages(submission).values()} == {1}
    days = {re.search(r"(\S+)T\S+ INFO worker\.app", process.log.read_text())[1] for process in service.workers}
    assert len(days) == 2, "the workers' clocks should differ"
    assert time.strftime("%Y-%m-%d", time.gmtime()) not in days
