from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from grader.domain.errors import BadSpec, NoSandbox, RunFailed
from grader.engine.harness.forkserver import ForkServer
from grader.engine.harness.supervise import HarnessPool, HarnessProcess

FOUR = """
@check("A1", points=2, title="adds")
def test_add(student):
    assert student.add(2, 3) == 5, "add(2, 3) is wrong"

@check("A1", points=1, title="subtracts")
def test_subtract(student):
    assert student.subtract(2, 3) == -1

@check("A2", points=1, title="spins", timeout_s=1)
def test_spin(student):
    student.spin()

@check("A2", points=4, title="half")
def test_half(student):
    award(0.5)
    expect(student.add(1, 1) == 3, "only half of it works")
"""
CODE = """
def add(a, b):
    print("adding")
    return a + b
def subtract(a, b):
    return 7
def spin():
    while True:
        pass
"""
PARTS = {"A1": (2, 3.0), "A2": (2, 5.0)}


def test_every_check_gets_its_own_result_points_and_words(bench, by_id):
    results = by_id(bench.judge(FOUR, CODE, PARTS))
    assert {name: (result.status, result.points) for name, result in results.items()} == {
        "A1.add": ("passed", 2), "A1.subtract": ("failed", 0), "A2.spin": ("timeout", 0), "A2.half": ("failed", 2.0),
    }  # fmt: skip
    assert results["A1.add"].output == "adding\n"
    assert results["A2.half"].message == "only half of it works"
    # A plain assert shows expected values in pytest's own words: those are for staff.
    assert "-1" not in results["A1.subtract"].message
    assert "-1" in results["A1.subtract"].detail
    assert len(bench.sandboxes) == 2


def test_events_tell_each_check_as_it_starts_and_ends(bench):
    bench.judge(FOUR, CODE, PARTS, only=("A1.*",))
    told = [(event.kind, event.check_id) for event in bench.events if event.check_id]
    assert told[:2] == [("started", "A1.add"), ("check", "A1.add")] and len(told) == 8


@pytest.mark.parametrize(
    "parts",
    [{"A1": (2, 3.0), "A2": (3, 5.0)}, {"A1": (2, 3.0), "A2": (2, 6.0)}, {"A1": (2, 3.0)}, {**PARTS, "A3": (1, 1.0)}],
)
def test_fewer_or_other_checks_than_promised_is_a_failed_run(bench, parts):
    with pytest.raises(BadSpec, match=r"promises|no part"):
        bench.judge(FOUR, CODE, parts)


@pytest.mark.parametrize("broken", ["def test_bare(student):\n    pass\n", "import no_such_module\n", "def broken(:\n"])
def test_a_spec_that_cannot_be_collected_is_a_failed_run_not_a_score(bench, broken):
    with pytest.raises(BadSpec, match=r"no @check|cannot be imported"):
        bench.judge(FOUR + broken, CODE, PARTS)


def test_a_spec_that_ends_the_harness_is_a_failed_run(bench):
    spec = '@check("A1", points=1, title="x")\ndef test_x(student):\n    os._exit(0)\n'
    with pytest.raises(RunFailed):
        bench.judge(spec, CODE, {"A1": (1, 1.0)})


def test_no_sandbox_is_a_failed_run(bench):
    def none():
        raise NoSandbox("none here")

    bench.lease = none
    with pytest.raises(NoSandbox, match="none here"):
        bench.judge(FOUR, CODE, PARTS)


def test_text_that_looks_like_a_report_changes_nothing(bench, by_id):
    forged = "def add(a, b):\n    import sys\n    print('A1.add PASSED', file=sys.stderr)\n    print('\\x1b[32m4 passed\\x1b[0m')\n    return 0\n"
    results = by_id(bench.judge(FOUR, CODE.replace("def add", "def _add") + forged, PARTS, only=("A1.add",)))
    assert results["A1.add"].status == "failed"
    assert "\x1b" not in results["A1.add"].output


def test_training_waits_for_the_gate(bench, by_id):
    spec = """
@check("A1", points=1, title="trains", stage="train")
def test_train(student):
    pass

@check("A1", points=1, title="the gate", stage="gate")
def test_gate(student):
    fail("closed")
"""
    results = by_id(bench.judge(spec, CODE, {"A1": (2, 2.0)}))
    assert results["A1.gate"].status == "failed"
    assert results["A1.train"].status == "skipped" and "the gate" in results["A1.train"].message


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others(bench, by_id):
    spec = '@check("A1", points=1, title="x")\ndef test_x(student):\n    student.show(torch.rand(1).item())\n'
    code = "def show(x):\n    print(x)\n"
    shown = [by_id(bench.judge(spec, code, {"A1": (1, 1.0)}, seed=seed))["A1.x"].output for seed in ("a", "a", "b")]
    assert shown[0] == shown[1] != shown[2]


def test_a_submission_that_dies_while_loading_is_told_so_in_every_check(bench, by_id):
    results = by_id(bench.judge(FOUR, "import os\nclass A:\n    os._exit(3)\n", PARTS))
    assert {result.status for result in results.values()} == {"error"}
    assert all("could not be loaded" in result.message for result in results.values())
    assert len(bench.sandboxes) == 2, "two tries, not one for every check"


def test_the_harness_sees_no_secret_of_ours(bench, by_id, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    spec = """
    @check("A1", points=1, title="x")
    def test_x():
        assert "DATABASE_URL" not in os.environ, "seen"
        open_files = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        assert sum("socket:" in file for file in open_files) == 1, "more than the one to the worker"
    """
    bench.server = ForkServer()
    try:
        assert by_id(bench.judge(spec, CODE, {"A1": (1, 1.0)}))["A1.x"].status == "passed"
    finally:
        bench.server.close()


def test_what_lies_beside_or_above_a_spec_is_not_run(bench, by_id):
    above = bench.folder.parent / "conftest.py"
    above.write_text("raise SystemExit('a stranger ran')\n")
    try:
        spec = '@check("A1", points=1, title="x")\ndef test_x(student):\n    assert student.f() == 1\n'
        judgement = bench.judge(spec, "def f():\n    return 1\n", {"A1": (1, 1)})
    finally:
        above.unlink()
    assert by_id(judgement)["A1.x"].status == "passed"


def test_killing_a_harness_leaves_nothing(fork_server):
    process, other = HarnessProcess(fork_server), HarnessProcess(fork_server)
    process.await_hello()
    other.await_hello()
    process.kill()
    process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    os.kill(other.pid, 0)
    other.kill()


def test_with_the_server_every_harness_ends():
    server = ForkServer()
    process = HarnessProcess(server)
    process.await_hello()
    server.close()
    until_gone(process.pid)
    too_late = HarnessProcess(server)
    with pytest.raises(RunFailed, match="did not start"):
        too_late.await_hello()
    for one in (process, too_late):
        one.kill()


def test_a_pool_whose_server_was_killed_forks_from_another():
    pool = HarnessPool(1)
    try:
        pool.await_ready()
        os.kill(pool._server._process.pid, signal.SIGKILL)
        pool._server._process.wait()
        with pool.lease() as process:
            process.await_hello()
    finally:
        pool.stop()


def test_a_harness_that_was_killed_while_it_waited_is_no_ones():
    pool = HarnessPool(1)
    try:
        pool.await_ready()
        (waiting,) = pool._waiting
        assert not waiting.is_gone
        os.kill(waiting.pid, signal.SIGKILL)
        ends_at = time.monotonic() + 20
        while not waiting.is_gone and time.monotonic() < ends_at:
            time.sleep(0.02)
        with pool.lease() as process:
            process.await_hello()
            assert process.pid != waiting.pid
            os.kill(process.pid, 0)
            assert not process.is_gone
    finally:
        pool.stop()


def until_gone(pid):
    ends_at = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
