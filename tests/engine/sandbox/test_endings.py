from __future__ import annotations

import signal

import pytest

from grader.domain.ending import EndingReason
from grader.engine.sandbox.endings import HostFacts, classify, shell_exit_code

R = EndingReason
EVERYTHING = HostFacts(
    exit_code=-signal.SIGXCPU, oom_kills=1, killed_for=R.TIMED_OUT, cpu_s=9.0, cpu_limit_s=9, memory_limit_bytes=2**31
)


@pytest.mark.parametrize(
    ("facts", "reason", "detail"),
    [
        (EVERYTHING, R.OUT_OF_MEMORY, "limit 2 GiB"),
        # A child was killed for memory, the main process went on and ended well: the work was still not done.
        (HostFacts(exit_code=0, oom_kills=1, memory_limit_bytes=96 * 2**20), R.OUT_OF_MEMORY, "limit 96 MiB"),
        (HostFacts(exit_code=-9, killed_for=R.TIMED_OUT), R.TIMED_OUT, ""),
        (HostFacts(exit_code=-9, killed_for=R.TIMED_OUT, cpu_s=9, cpu_limit_s=9), R.TIMED_OUT, ""),
        (HostFacts(exit_code=-signal.SIGXCPU, cpu_limit_s=9), R.CPU_LIMIT, "limit 9 s"),
        (HostFacts(exit_code=-signal.SIGXCPU, cpu_limit_s=9, cpu_s=9.1), R.CPU_LIMIT, "limit 9 s"),
        (HostFacts(exit_code=-9, cpu_limit_s=9, cpu_s=10.1), R.CPU_LIMIT, "limit 9 s"),
        # Exit status 152 by its own choice, with no time used.
        (HostFacts(exit_code=-signal.SIGXCPU, cpu_limit_s=9, cpu_s=0.1), R.CRASHED, "SIGXCPU"),
        (HostFacts(exit_code=-9, cpu_limit_s=9, cpu_s=0.1), R.CRASHED, "SIGKILL"),
        (HostFacts(exit_code=-signal.SIGXFSZ, file_limit_bytes=2**20), R.FILE_LIMIT, "limit 1 MiB a file"),
        (HostFacts(exit_code=-signal.SIGSYS), R.FORBIDDEN_CALL, ""),
        (HostFacts(exit_code=-9, killed_for=R.KILLED), R.KILLED, ""),
        (HostFacts(exit_code=-11), R.CRASHED, "SIGSEGV"),
        (HostFacts(exit_code=-63), R.CRASHED, "signal 63"),
        (HostFacts(exit_code=0), R.EXITED, "exit status 0"),
        (HostFacts(exit_code=3), R.EXITED, "exit status 3"),
        (HostFacts(lost=True), R.LOST, ""),
        (HostFacts(), R.LOST, ""),
    ],
)
def test_the_first_reason_that_applies(facts: HostFacts, reason: EndingReason, detail: str) -> None:
    ending = classify(facts)
    assert (ending.reason, ending.detail) == (reason, detail)
    assert ending.sentence()


def test_measurements_are_passed_on() -> None:
    ending = classify(HostFacts(exit_code=0, cpu_s=1.5, wall_s=2.5, peak_bytes=7))
    assert (ending.exit_code, ending.cpu_s, ending.wall_s, ending.peak_bytes) == (0, 1.5, 2.5, 7)


@pytest.mark.parametrize(
    ("status", "code"), [(0, 0), (7, 7), (128, 128), (137, -9), (139, -11), (152, -24), (255, 255)]
)
def test_shell_exit_code(status: int, code: int) -> None:
    assert shell_exit_code(status) == code
