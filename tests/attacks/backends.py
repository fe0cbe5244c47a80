"""Backends by the names that docs/attacks.md uses."""

from __future__ import annotations

import os
from dataclasses import replace

from grader.domain.errors import BadArguments
from grader.engine.sandbox import select
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.container_terms import GVISOR

# In the order of the table.
NAMES = ("bwrap", "docker", "gvisor", "fork")


class Unwarmed:
    """A backend whose sandboxes start without the probe's warm-up, which attacks do not need: a third of the time."""

    def __init__(self, backend: SandboxBackend) -> None:
        self.plain = backend

    def __getattr__(self, name: str) -> object:
        return getattr(self.plain, name)

    def start(self, profile: SandboxProfile) -> Sandbox:
        return self.plain.start(replace(profile, warm=False))


def make(name: str) -> SandboxBackend | None:
    """The backend, or None where it cannot be used here (REQUIRE_SANDBOX=1 makes that an error)."""
    backend = _unchecked(name)
    if backend is not None and backend.check().usable:
        select.settle(backend)
        # A job of the fork server has everything from its parent; nothing would be saved.
        return backend if name == "fork" else Unwarmed(backend)
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
