"""Workers on other machines need three addresses and nothing else; a machine that goes costs time, never a grade."""

from __future__ import annotations

import signal

import pytest
from sqlalchemy import text

from tests.faults.conftest import source
from tests.machines.conftest import SERVERS
from tests.waiting import until

pytestmark = pytest.mark.sandbox


def row_of(service, process):
    """Whether the worker's row says that it drains; None before it was heard of."""
    with service.database.begin() as work:
        query = text("SELECT draining FROM workers WHERE name LIKE :name")
        return work.session.execute(query, {"name": f"%-{process.popen.pid}"}).scalar()


def seen_s_ago(service, process) -> float:
    with service.database.begin() as work:
        query = text("SELECT extract(epoch FROM clock_timestamp() - seen_at) FROM workers WHERE name LIKE :name")
        return float(work.session.execute(query, {"name": f"%-{process.popen.pid}"}).scalar_one())


def await_both(service) -> None:
    for process in service.workers:
        until(lambda process=process: row_of(service, process) is False, "heard of")


def test_machines_that_know_nothing_but_addresses_grade_everything_once(service):
    site = service.machine
    assert {name for name in site.environment if name.startswith("GRADER_")} == {
        "GRADER_DATABASE_URL", "GRADER_BROKER_URL", "GRADER_BLOBS_URL",
        # How this test wants it, not what a worker needs.
        "GRADER_SANDBOX", "GRADER_LEASE_S", "GRADER_DRAIN_S",
    }  # fmt: skip
    for name in ("GRADER_DATABASE_URL", "GRADER_BROKER_URL"):
        assert f"@{SERVERS}:" in site.environment[name]
    assert list(site.empty.iterdir()) == []
    await_both(service)
    for number in range(4):
        answer, score = (42, 5.0) if number % 2 else (41, 4.0)
        service.hand_in(source(answer=answer, unit=0.5), student=number, score=score)
    service.assert_everything_is_graded_once()
    with site.database.begin() as work:
        names = work.session.execute(text("SELECT DISTINCT worker FROM run_stages WHERE state = 'done'")).scalars()
        graded = {int(name.rpartition("-")[2]) for name in names}
    assert graded >= {process.popen.pid for process in service.workers}, "both should have graded"
    for submission in service.expected:
        assert {tries for _, tries in service.stages(submission).values()} == {1}


def test_a_machine_whose_cable_is_cut_loses_its_stage_and_its_late_results_are_refused(service):
    await_both(service)
    submission = service.hand_in(source(unit=1.5))
    lost = service.holder(submission, "unit")
    machine = service.machine.place_of(lost)
    machine.cut()
    try:
        service.await_stage(submission, "unit", "done")
        assert lost.is_alive
    finally:
        machine.mend()
    until(lambda: lost.said("lease lost"), "the lost machine has noticed")
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 2)
    until(lambda: seen_s_ago(service, lost) < 10, "it is back at work")


def test_both_ends_notice_a_cable_that_is_cut(service):
    """Over TCP a server keeps the locks of a client that is gone until it asks whether that still lives."""
    with service.database.begin() as work:
        rows = work.session.execute(text("SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp%'"))
        in_force = {row.name: int(row.setting) for row in rows}
    # Seconds, and milliseconds for the last.
    assert in_force == {
        "tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3, "tcp_user_timeout": 20_000,
    }  # fmt: skip


def test_a_worker_that_drains_finishes_what_it_grades_and_claims_nothing_more(service):
    await_both(service)
    first = service.hand_in(source(unit=2.5))
    draining = service.holder(first, "unit")
    (other,) = [process for process in service.workers if process is not draining]
    draining.popen.send_signal(signal.SIGTERM)
    until(lambda: row_of(service, draining) is True, "its row says that it drains")
    second = service.hand_in(source(), student=1)
    assert service.holder(second, "train") is other
    assert draining.popen.wait(60) == 0
    assert draining.said("it finishes what it grades")
    assert not draining.said("put back")
    service.assert_everything_is_graded_once()
    for submission in (first, second):
        assert {tries for _, tries in service.stages(submission).values()} == {1}


def test_a_second_signal_puts_back_at_once(service):
    await_both(service)
    submission = service.hand_in(source(unit=4.0))
    hurried = service.holder(submission, "unit")
    hurried.popen.send_signal(signal.SIGTERM)
    until(lambda: hurried.said("it finishes what it grades"), "it drains")
    assert hurried.is_alive
    hurried.popen.send_signal(signal.SIGTERM)
    assert hurried.popen.wait(60) == 0
    assert hurried.said("put back, because this worker stops")
    service.assert_everything_is_graded_once()
    assert service.stages(submission)["unit"] == ("done", 1)
