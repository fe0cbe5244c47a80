"""From what the host saw to why a sandbox ended: one pure function.

The invariant: a process inside can choose its own exit code, so an exit code alone never blames a limit that the
host can check for itself. A submission that exits with 137 has "exited", not "run out of memory".
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from grader.domain.ending import Ending, EndingReason

# A killed process is charged up to one tick and one kill latency less than the limit it ran into.
CPU_SLACK_S = 0.5
GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What the host measured.

    `exit_code` is negative for a signal, None while unknown; `killed_for` is the
    reason we gave when we killed it, None if we did not; `lost` says the engine lost track of it.
    """

    exit_code: int | None = None
    oom_kills: int = 0
    killed_for: EndingReason | None = None
    lost: bool = False
    cpu_s: float | None = None
    wall_s: float | None = None
    peak_bytes: int | None = None
    refused_tasks: int = 0
    cpu_limit_s: int | None = None
    memory_limit_bytes: int | None = None
    file_limit_bytes: int | None = None


def shell_exit_code(status: int) -> int:
    """Bwrap and the Docker engine report a signal as 128 + its number; we keep it as a negative number."""
    return 128 - status if 128 < status <= 128 + signal.NSIG else status


def size_text(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.3g} GiB" if size_bytes >= GIB else f"{size_bytes / 2**20:.3g} MiB"


def classify(facts: HostFacts) -> Ending:
    """The first reason that applies, in the order of `EndingReason`."""
    reason, detail = _reason(facts)
    return Ending(
        reason=reason,
        exit_code=facts.exit_code,
        wall_s=facts.wall_s,
        cpu_s=facts.cpu_s,
        peak_bytes=facts.peak_bytes,
        refused_tasks=facts.refused_tasks,
        detail=detail,
    )


def _reason(facts: HostFacts) -> tuple[EndingReason, str]:
    code = facts.exit_code
    if facts.oom_kills > 0:
        limit = facts.memory_limit_bytes
        return EndingReason.OUT_OF_MEMORY, f"limit {size_text(limit)}" if limit else ""
    if facts.killed_for is EndingReason.TIMED_OUT:
        return EndingReason.TIMED_OUT, ""
    if _hit_cpu_limit(facts):
        return EndingReason.CPU_LIMIT, f"limit {facts.cpu_limit_s} s" if facts.cpu_limit_s else ""
    if code == -signal.SIGXFSZ:
        limit = facts.file_limit_bytes
        return EndingReason.FILE_LIMIT, f"limit {size_text(limit)} a file" if limit else ""
    if code == -signal.SIGSYS:
        return EndingReason.FORBIDDEN_CALL, ""
    if facts.killed_for is not None:
        return facts.killed_for, ""
    if facts.lost or code is None:
        return EndingReason.LOST, ""
    if code < 0:
        return EndingReason.CRASHED, _signal_name(-code)
    return EndingReason.EXITED, f"exit status {code}"


def _hit_cpu_limit(facts: HostFacts) -> bool:
    """SIGXCPU, or the SIGKILL that follows when it was caught, and the time really used where the host knows it."""
    if facts.exit_code not in (-signal.SIGXCPU, -signal.SIGKILL) or facts.cpu_limit_s is None:
        return False
    if facts.cpu_s is None:
        return facts.exit_code == -signal.SIGXCPU
    return facts.cpu_s >= facts.cpu_limit_s - CPU_SLACK_S


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
