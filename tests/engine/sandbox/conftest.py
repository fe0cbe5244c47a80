"""Real backends for the tests that need one. With REQUIRE_SANDBOX=1 a missing one is a failure, not a skip."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.container_terms import GVISOR
from grader.engine.sandbox.docker import DockerBackend
from grader.engine.sandbox.select import make

ROOT = Path(__file__).resolve().parents[3]


def _usable(name: str) -> SandboxBackend:
    required = os.environ.get("REQUIRE_SANDBOX") == "1"
    if name == "docker" and required:
        # No-ops where the engine answers and the image of the present code exists.
        for script in ("start-engine.sh", "build-sandbox.sh"):
            subprocess.run([str(ROOT / "docker" / script)], check=True, cwd=ROOT)
    backend = make(name)
    readiness = backend.check()
    if not readiness.usable:
        told = f"{name}: {readiness.problems}"
        if required:
            pytest.fail(f"REQUIRE_SANDBOX=1, but {told}")
        pytest.skip(told)
    return backend


@pytest.fixture(scope="session")
def bwrap() -> SandboxBackend:
    return _usable("bwrap")


@pytest.fixture(scope="session")
def fork() -> SandboxBackend:
    """One fork server for all tests that take the backend as it is."""
    return _usable("fork")


@pytest.fixture(scope="session")
def docker() -> SandboxBackend:
    return _usable("docker")


@pytest.fixture(scope="session")
def gvisor(docker: SandboxBackend) -> DockerBackend:
    """Docker with gVisor, where the engine offers it."""
    backend = DockerBackend(runtime=GVISOR)
    offered = backend.check()
    if not offered.usable:
        pytest.skip(str(offered.problems))
    backend.settle()
    return backend
