"""From what the trusted side saw to sentences for staff: honest accidents give none."""

from __future__ import annotations

import signal

import pytest

from grader.domain.ending import Ending, EndingReason
from grader.engine.flags import flags_of, refused


def test_breaches_are_counted_in_words():
    found = flags_of({"unasked": 2, "malformed": 1, "form": 0, "unknown": 9}, [])
    assert found == (
        "The sandbox sent a reply nobody had asked for (2 times)",
        "The sandbox wrote bytes that are no message to the grader's pipe (once)",
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_somebody_has_to_send_is_named(number):
    (flag,) = flags_of({}, [Ending(reason=EndingReason.CRASHED, exit_code=-number)])
    assert number.name in flag


@pytest.mark.parametrize(
    "ending",
    [
        Ending(reason=EndingReason.CRASHED, exit_code=-signal.SIGSEGV),
        Ending(reason=EndingReason.CRASHED, exit_code=-signal.SIGABRT),
        Ending(reason=EndingReason.OUT_OF_MEMORY, exit_code=-signal.SIGKILL),
        Ending(reason=EndingReason.TIMED_OUT, exit_code=-signal.SIGKILL),
        Ending(reason=EndingReason.KILLED, exit_code=-signal.SIGKILL),
        Ending(reason=EndingReason.EXITED, exit_code=1),
    ],
    ids=lambda ending: f"{ending.reason} {ending.exit_code}",
)
def test_accidents_are_no_marks(ending):
    assert flags_of({}, [ending]) == ()


def test_calls_of_another_architecture_are_a_mark():
    (flag,) = flags_of({}, [Ending(reason=EndingReason.FORBIDDEN_CALL)] * 3)
    assert "another architecture" in flag and flag.endswith("(3 times)")


@pytest.mark.parametrize(("refused_tasks", "is_marked"), [(0, False), (1, False), (19, False), (20, True)])
def test_wanting_processes_again_after_every_refusal_is_a_mark(refused_tasks, is_marked):
    flags = flags_of({}, [Ending(reason=EndingReason.KILLED, refused_tasks=refused_tasks)])
    assert flags == (("The code wanted many more processes or threads than it may have (once)",) if is_marked else ())


def test_an_archive_is_marked_only_for_what_no_tool_makes():
    assert refused("") == ()
    assert refused("links") == ("The archive was refused because it holds links",)
