"""An engine proxy of our own, before the real engine, and the worker's side of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.engine.sandbox.docker import DockerBackend

ROOT = Path(__file__).resolve().parents[3]
RUNC = "runc"


@contextmanager
def running_proxy(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The proxy as a process; afterwards it is stopped as an operator stops it."""
    path = folder / "engine.sock"
    name = f"tests-{os.getpid()}-{folder.name}"
    command = [sys.executable, "-m", "grader.engine.proxy", "--listen", str(path), "--name", name, *arguments]
    with (folder / "proxy.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while subprocess.run([*command, "--check"], cwd=ROOT, capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline and process.poll() is None, (folder / "proxy.log").read_text()
        yield process, path
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def direct() -> DockerBackend:
    """Past the proxy: what is really there."""
    backend = DockerBackend(runtime=RUNC)
    if os.environ.get("REQUIRE_SANDBOX") == "1":
        for script in ("start-engine.sh", "build-sandbox.sh"):
            subprocess.run([str(ROOT / "docker" / script)], check=True, cwd=ROOT)
    readiness = backend.check()
    if not readiness.usable:
        pytest.skip(str(readiness.problems))
    return backend


@pytest.fixture(scope="session")
def proxy_socket(direct: DockerBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running_proxy(tmp_path_factory.mktemp("proxy"), "--grace-s", "1") as (_, path):
        yield path


@pytest.fixture(scope="session")
def backend_at(direct: DockerBackend) -> Callable[[Path], DockerBackend]:
    """A worker's backend that knows no other engine than that socket."""

    def made(path: Path) -> DockerBackend:
        backend = DockerBackend(runtime=RUNC)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"unix://{path}")
            readiness = backend.check()
        assert readiness.usable, readiness.problems
        return backend

    return made


@pytest.fixture(scope="session")
def through(proxy_socket: Path, backend_at: Callable[[Path], DockerBackend]) -> DockerBackend:
    return backend_at(proxy_socket)
