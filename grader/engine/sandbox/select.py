"""From a name to a backend. No usable backend means no grading: nothing here falls back to an open process."""

from __future__ import annotations

import logging
import os
from typing import Protocol, runtime_checkable

from grader.domain.errors import BadArguments, NoSandbox
from grader.engine.sandbox.base import Readiness, SandboxBackend
from grader.engine.sandbox.runtimes import RuntimeChoice

# In the order in which they are tried where none is named. The rest is taken by name only.
AUTOMATIC = ("docker", "bwrap")
NAMES = (*AUTOMATIC, "fork")
VARIABLE = "GRADER_SANDBOX"
IMAGE_VARIABLE = "GRADER_SANDBOX_IMAGE"
RUNTIME_VARIABLE = "GRADER_DOCKER_RUNTIME"

log = logging.getLogger(__name__)


@runtime_checkable
class Settles(Protocol):
    """A backend that has more than one way to start a sandbox, and finds out which one works."""

    def settle(self) -> RuntimeChoice: ...


def choose(name: str | None = None) -> SandboxBackend:
    """The backend of that name, else the one GRADER_SANDBOX names, else the first that can be used.

    Raises:
        BadArguments: there is no backend of that name.
        NoSandbox: none can be used here; the message says what each one is missing.

    """
    wanted = name or os.environ.get(VARIABLE) or None
    if wanted is not None and wanted not in NAMES:
        raise BadArguments(f"there is no sandbox called {wanted!r}; choose one of {', '.join(NAMES)}")
    found = []
    for candidate in AUTOMATIC if wanted is None else (wanted,):
        backend = make(candidate)
        readiness = backend.check()
        if readiness.usable:
            settle(backend)
            return backend
        found.append(readiness)
    raise NoSandbox(_what_to_install(found))


def readiness() -> list[Readiness]:
    """How every backend stands, for `grader doctor`: with the runtime it would take, and why."""
    return [_settled(backend) for backend in map(make, NAMES)]


def usable_backends() -> list[SandboxBackend]:
    """Every backend that can be used here, each with the runtime it would take."""
    return [backend for backend in map(make, NAMES) if _settled(backend).usable]


def _settled(backend: SandboxBackend) -> Readiness:
    stands = backend.check()
    if stands.usable and isinstance(backend, Settles):
        backend.settle()
        stands = backend.check()
    return stands


def settle(backend: SandboxBackend) -> None:
    """Let a backend choose its runtime, and say aloud what whoever runs this machine should know."""
    if isinstance(backend, Settles):
        choice = backend.settle()
        log.info("sandboxes run under %s: %s", choice.runtime or "the engine's own runtime", choice.why)
        if choice.warning:
            log.warning("%s", choice.warning)


def make(name: str) -> SandboxBackend:
    """The backend, unchecked. Imported late: the Docker SDK costs a quarter of a second."""
    if name == "docker":
        from grader.engine.sandbox.docker import DockerBackend

        return DockerBackend(
            image=os.environ.get(IMAGE_VARIABLE) or None, runtime=os.environ.get(RUNTIME_VARIABLE) or None
        )
    if name == "fork":
        from grader.engine.sandbox.fork import ForkBackend

        return ForkBackend()
    from grader.engine.sandbox.bwrap import BwrapBackend

    return BwrapBackend()


def _what_to_install(found: list[Readiness]) -> str:
    reasons = [
        f"{readiness.backend}: {'; '.join(f'{what} - {mend}' for what, mend in readiness.problems)}"
        for readiness in found
    ]
    return f"No sandbox is available, and nothing is graded without one. {' | '.join(reasons)}"
