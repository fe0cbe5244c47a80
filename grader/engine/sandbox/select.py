"""From a name to a backend. No usable backend means no grading: nothing here falls back to an open process."""

from __future__ import annotations

import os

from grader.domain.errors import BadArguments, NoSandbox
from grader.engine.sandbox.base import Readiness, SandboxBackend

NAMES = ("docker", "bwrap")
VARIABLE = "GRADER_SANDBOX"
IMAGE_VARIABLE = "GRADER_SANDBOX_IMAGE"
RUNTIME_VARIABLE = "GRADER_DOCKER_RUNTIME"


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
    for candidate in NAMES if wanted is None else (wanted,):
        backend = make(candidate)
        readiness = backend.check()
        if readiness.usable:
            return backend
        found.append(readiness)
    raise NoSandbox(_what_to_install(found))


def readiness() -> list[Readiness]:
    """How every backend stands, for `grader doctor`."""
    return [make(name).check() for name in NAMES]


def make(name: str) -> SandboxBackend:
    """The backend, unchecked. Imported late: the Docker SDK costs a quarter of a second."""
    if name == "docker":
        from grader.engine.sandbox.docker import DockerBackend

        return DockerBackend(
            image=os.environ.get(IMAGE_VARIABLE) or None, runtime=os.environ.get(RUNTIME_VARIABLE) or None
        )
    from grader.engine.sandbox.bwrap import BwrapBackend

    return BwrapBackend()


def _what_to_install(found: list[Readiness]) -> str:
    reasons = [
        f"{readiness.backend}: {'; '.join(f'{what} - {mend}' for what, mend in readiness.problems)}"
        for readiness in found
    ]
    return f"No sandbox is available, and nothing is graded without one. {' | '.join(reasons)}"
