"""What is particular to Docker: the container is removed, and strays of dead workers are found by label."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import docker as sdk
from grader.domain.ending import EndingReason
from grader.domain.errors import NoSandbox
from grader.engine.sandbox import docker as docker_module
from grader.engine.sandbox.base import SandboxBackend, SandboxProfile
from grader.engine.sandbox.cgroups import GroupFacts
from grader.engine.sandbox.conformance_trial import SMALL, outcome, read_line, started
from grader.engine.sandbox.container_terms import BOOT_LABEL, NAMESPACE_LABEL, STARTED_LABEL, WORKER_LABEL
from grader.engine.sandbox.docker import DockerBackend
from grader.engine.sandbox.owner import is_dead, owner_labels

pytestmark = [pytest.mark.sandbox, pytest.mark.docker]
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture(scope="module")
def engine(docker: SandboxBackend) -> sdk.DockerClient:
    client = sdk.from_env()
    yield client
    client.close()


def names(engine: sdk.DockerClient) -> set[str]:
    return {container["Names"][0].removeprefix("/") for container in engine.api.containers(all=True)}


def test_the_container_is_removed_and_was_read_before(docker: SandboxBackend, engine: sdk.DockerClient) -> None:
    with started(docker, "x = bytearray(64 << 20)\nprint('up', flush=True)\nimport time\ntime.sleep(60)") as sandbox:
        read_line(sandbox)
        assert sandbox.name in names(engine)
    assert sandbox.name not in names(engine)
    assert sandbox.ending().reason is EndingReason.KILLED
    assert sandbox.ending().wall_s is not None


def test_one_that_ended_by_itself_is_removed_too(docker: SandboxBackend, engine: sdk.DockerClient) -> None:
    with started(docker, "print('done')") as sandbox:
        assert sandbox.ending().reason is EndingReason.EXITED
    assert sandbox.name not in names(engine)


def test_a_container_removed_behind_our_back_is_lost(docker: SandboxBackend, engine: sdk.DockerClient) -> None:
    sandbox = docker.start(SandboxProfile(warm=False, program=SLEEP))
    os.read(sandbox.read_fd, 10)
    engine.api.remove_container(sandbox.name, force=True)
    assert sandbox.ending().reason is EndingReason.LOST
    sandbox.kill()


def test_reap_removes_what_a_dead_worker_left(docker: DockerBackend, engine: sdk.DockerClient) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    # The second one had our number before we were started, as in a container that is made anew.
    left = [{WORKER_LABEL: str(dead.pid)}, {STARTED_LABEL: "1"}]
    # Neither of these can be seen from here: another container's worker, and one of before the machine's restart.
    spared = [{NAMESPACE_LABEL: "1"}, {BOOT_LABEL: "other"}]
    settings = {"image": docker._image, "command": ["python3", "-c", SLEEP]}
    made = [
        engine.api.create_container(
            name=f"grader-stray-{os.getpid()}-{number}", labels={**owner_labels(), **labels}, **settings
        )["Id"]
        for number, labels in enumerate(left + spared)
    ]
    try:
        with started(docker, SLEEP) as living:
            read_line(living)
            assert docker.reap() >= 2
            there = {container["Id"] for container in engine.api.containers(all=True)}
            assert [identity in there for identity in made] == [False, False, True, True]
            assert living.is_alive()
    finally:
        for identity in made[2:]:
            engine.api.remove_container(identity, force=True)


def test_a_worker_is_known_by_its_start_and_its_namespace() -> None:
    ours = owner_labels()
    assert is_dead(ours) is False
    assert is_dead({**ours, STARTED_LABEL: "7"}) is True
    assert is_dead({**ours, WORKER_LABEL: "0"}) is True
    assert is_dead({**ours, NAMESPACE_LABEL: "7"}) is None
    assert is_dead({}) is None


def test_what_it_used_is_asked_of_the_engine_where_groups_cannot_be_read(
    docker: SandboxBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_module, "_group_facts", lambda _: GroupFacts())
    with started(docker, "x = bytearray(64 << 20)\nprint('up', flush=True)\nwhile True: pass") as sandbox:
        read_line(sandbox)
        sandbox.kill(EndingReason.TIMED_OUT)
        ending = sandbox.ending()
    assert ending.cpu_s is not None and 0 < ending.cpu_s < 20
    # Version 2 of the control groups has no peak in the engine's answer.
    assert ending.peak_bytes is None or ending.peak_bytes > 64 << 20


def test_a_missing_image_is_told_with_what_to_run(docker: SandboxBackend) -> None:
    backend = DockerBackend(image="grader-sandbox:no-such-content")
    assert "build-sandbox.sh" in backend.check().problems[0][1]
    with pytest.raises(NoSandbox, match=r"build-sandbox\.sh"):
        backend.start(SMALL)


def test_an_unknown_runtime_is_told(docker: DockerBackend) -> None:
    readiness = DockerBackend(image=docker._image, runtime="no-such-runtime").check()
    assert not readiness.usable
    assert "no-such-runtime" in readiness.problems[0][0]


def test_no_engine_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    backend = DockerBackend()
    readiness = backend.check()
    assert not readiness.usable
    assert "start-engine.sh" in readiness.problems[0][1]
    with pytest.raises(NoSandbox, match=r"start-engine\.sh"):
        backend.start(SMALL)
    assert backend.reap() == 0


def test_the_image_holds_no_installer_no_compiler_and_nothing_of_ours_but_the_probe(docker: SandboxBackend) -> None:
    program = """
import importlib.util, os, shutil
print([name for name in ("pip", "gcc", "cc", "make", "git", "curl") if shutil.which(name)])
print([name for name in ("pip", "grader.checks", "grader.domain", "grader.engine.harness") if importlib.util.find_spec(name)])
print([os.path.join(f, n) for f, _, files in os.walk("/usr") for n in files if os.lstat(os.path.join(f, n)).st_mode & 0o6000])
"""
    assert outcome(docker, program).output.split() == [b"[]", b"[]", b"[]"]
