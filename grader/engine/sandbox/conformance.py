"""The behaviour every backend must show, tried for real: shipped, so that `grader doctor` and the tests run the same.

The invariant: a backend is judged from the host or by a report of what a hostile program was able to do; what it
claims of itself counts for nothing. A gap we know of is listed with its reason, never skipped in silence.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from grader.domain.errors import GraderError
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.conformance_limits import LIMITS
from grader.engine.sandbox.conformance_pipe import PIPE
from grader.engine.sandbox.conformance_trial import Behaviour, Nonconforming
from grader.engine.sandbox.conformance_walls import WALLS

BEHAVIOURS: tuple[Behaviour, ...] = (*WALLS, *LIMITS, *PIPE)
QUICK: tuple[Behaviour, ...] = tuple(behaviour for behaviour in BEHAVIOURS if behaviour.quick)

# What a backend is known not to show, and why we accept it: backend -> behaviour -> reason.
KNOWN_GAPS: dict[str, dict[str, str]] = {
    "bwrap": {},
    "docker": {},
    "docker/runsc": {},
    "fork": {},
    # Registered without --oci-seccomp; never chosen by itself.
    "docker/runsc-open": dict.fromkeys(
        (
            "no_sockets", "no_io_uring", "no_ptrace", "no_namespaces", "no_bpf", "no_kernel_changes",
            "no_file_handles", "no_splicing", "locked_process",
        ),
        "the call is answered by gVisor's own kernel and reaches nothing of the host's",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one behaviour came out. `problem` is empty where the backend conforms; `gap` is why we accept it."""

    behaviour: str
    promise: str
    problem: str
    gap: str
    seconds: float

    @property
    def conforms(self) -> bool:
        return not self.problem


def examine(backend: SandboxBackend, behaviours: Iterable[Behaviour] = QUICK) -> list[Finding]:
    """Try the behaviours one after another. A backend that cannot even start a program does not conform."""
    findings = []
    for behaviour in behaviours:
        began = time.monotonic()
        problem = ""
        try:
            behaviour.judge(backend)
        except (Nonconforming, GraderError) as error:
            problem = str(error)
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
            # The report came out of the sandbox and need not have the form we expect.
            problem = f"the program's report could not be read ({type(error).__name__}: {error})"
        findings.append(
            Finding(
                behaviour=behaviour.name,
                promise=behaviour.promise,
                problem=problem,
                gap=KNOWN_GAPS.get(backend.name, {}).get(behaviour.name, ""),
                seconds=time.monotonic() - began,
            )
        )
    return findings
