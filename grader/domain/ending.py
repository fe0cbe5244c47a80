"""Why a sandbox stopped, as the host saw it: never as the process inside told it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndingReason(StrEnum):
    """Ordered by precedence: the first that applies names the ending."""

    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    CPU_LIMIT = "cpu_limit"
    FILE_LIMIT = "file_limit"
    FORBIDDEN_CALL = "forbidden_call"
    CRASHED = "crashed"
    EXITED = "exited"
    KILLED = "killed"
    LOST = "lost"


SENTENCES: dict[EndingReason, str] = {
    EndingReason.OUT_OF_MEMORY: "Your code used more main memory than is allowed{limit} and was stopped.",
    EndingReason.TIMED_OUT: "Your code did not finish in time{limit} and was stopped.",
    EndingReason.CPU_LIMIT: "Your code used more processor time than is allowed{limit} and was stopped.",
    EndingReason.FILE_LIMIT: "Your code wrote more data to disk than is allowed{limit} and was stopped.",
    EndingReason.FORBIDDEN_CALL: "Your code asked the operating system for something a submission may not do.",
    EndingReason.CRASHED: "The Python process running your code crashed{limit}.",
    EndingReason.EXITED: "Your code ended the Python process{limit}; remove calls such as sys.exit() or os._exit().",
    EndingReason.KILLED: "Your code was stopped.",
    EndingReason.LOST: "The grader lost the process running your code; this is not your fault.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of one sandbox.

    `exit_code` is the process's own (negative for a signal) or None while unknown; `wall_s` and `cpu_s` are
    seconds; `peak_bytes` is the memory high-water mark of the whole sandbox; each is None where the host
    cannot tell. `refused_tasks` is how often the sandbox wanted a process or thread more than it may have, 0 also where
    the host cannot tell. `detail` is a short phrase such as "limit 2 GiB" that goes into the sentence.
    """

    reason: EndingReason
    exit_code: int | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_bytes: int | None = None
    refused_tasks: int = 0
    detail: str = ""

    def sentence(self) -> str:
        limit = f" ({self.detail})" if self.detail else ""
        return SENTENCES[self.reason].format(limit=limit)
