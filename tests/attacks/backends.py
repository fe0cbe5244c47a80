"""Backends by the names that docs/attacks.md uses."""

from __future__ import annotations

import os

from grader.domain.errors import BadArguments
from grader.engine.sandbox import select
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.container_terms import GVISOR

NAMES = ("bwrap", "docker", "gvisor", "fork")


def make(name: str) -> SandboxBackend | None:
    """The backend, or None where it cannot be used here (REQUIRE_SANDBOX=1 makes that an error)."""
    backend = _unchecked(name)
    if backend is not None and backend.check().usable:
        select.settle(backend)
        return backend
    if os.environ.get("REQUIRE_SANDBOX") == "1" and name in select.NAMES:
        raise RuntimeError(f"{name} cannot be used here")
    return None


def _unchecked(name: str) -> SandboxBackend | None:
    if name in ("docker", "gvisor"):
        from grader.engine.sandbox.docker import DockerBackend

        return DockerBackend(runtime=GVISOR if name == "gvisor" else "runc")
    # A name that `make` does not know gives bwrap.
    if name not in select.NAMES:
        return None
    try:
        return select.make(name)
    except BadArguments:
        return None
