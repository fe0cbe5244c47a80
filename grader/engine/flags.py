"""What looks deliberate about a run, in sentences for staff. Pure.

The invariant: every sentence says what the trusted side itself saw, never what a sandbox told; none says why somebody
did it, none changes a score, and no student sees one (`grader.service.visibility` takes a run's facts away).
The accepted gap: a submission that only looks and computes leaves nothing to see.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping

from grader.domain.ending import Ending, EndingReason
from grader.engine.student.breaches import Breach

_BREACHES: dict[str, str] = {
    Breach.UNASKED: "The sandbox sent a reply nobody had asked for",
    Breach.MALFORMED: "The sandbox wrote bytes that are no message to the grader's pipe",
    Breach.FORM: "The sandbox sent a reply of another form than was asked for",
}
# A library that fails ends by SIGSEGV, SIGABRT, SIGBUS, SIGFPE or SIGILL; these somebody has to send.
_SENT = frozenset(
    -number
    for number in (
        signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
        signal.SIGALRM, signal.SIGPIPE,
    )
)  # fmt: skip
# As many as a program that asks again after every refusal; one that meets the limit by accident ends at the first.
_MANY_TASKS = 20
_TASKS = "The code wanted many more processes or threads than it may have"
_FORBIDDEN = "The code entered the kernel by a way that no library takes (calls of another architecture)"


def flags_of(breaches: Mapping[str, int], endings: Iterable[Ending]) -> tuple[str, ...]:
    """What looks deliberate in what a run's conversations and sandboxes came to."""
    counted: dict[str, int] = {}
    for breach, words in _BREACHES.items():
        counted[words] = int(breaches.get(breach, 0))
    for ending in endings:
        for words in _of_ending(ending):
            counted[words] = counted.get(words, 0) + 1
    return tuple(f"{words} ({_times(count)})" for words, count in counted.items() if count)


def refused(trick: str) -> tuple[str, ...]:
    """The mark of an archive that intake refused for `trick`; none if that is empty."""
    return (f"The archive was refused because it holds {trick}",) if trick else ()


def _of_ending(ending: Ending) -> Iterator[str]:
    if ending.reason is EndingReason.FORBIDDEN_CALL:
        yield _FORBIDDEN
    if ending.reason is EndingReason.CRASHED and ending.exit_code in _SENT:
        name = signal.Signals(-ending.exit_code).name
        yield f"The process was ended by {name}, which neither grader nor limit sent"
    if ending.refused_tasks >= _MANY_TASKS:
        yield _TASKS


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
