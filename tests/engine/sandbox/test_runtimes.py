"""Which runtime a container gets, and that nothing about it is silent."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import pytest

from grader.domain.ending import EndingReason
from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import docker_settings, runtimes, select
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.conformance import KNOWN_GAPS
from grader.engine.sandbox.conformance_trial import SMALL, outcome
from grader.engine.sandbox.docker import DockerBackend
from grader.engine.sandbox.runtimes import choose_runtime, takes_gpus


class Saying:
    """A sandbox whose program said these words; None for one that says nothing for ever."""

    def __init__(self, words: str | None) -> None:
        self.read_fd, self._write_fd = os.pipe()
        if words is not None:
            os.write(self._write_fd, words.encode())
            os.close(self._write_fd)
        self._hangs = words is None

    def stderr(self) -> str:
        return ""

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        os.close(self.read_fd)
        if self._hangs:
            os.close(self._write_fd)


def saying(words: str | None) -> Callable[[str, SandboxProfile], Saying]:
    return lambda runtime, profile: Saying(words)


def never(runtime: str, profile: SandboxProfile) -> Saying:
    raise AssertionError("a sandbox was started for nothing")


def test_gvisor_is_taken_where_it_works():
    choice = choose_runtime(None, True, saying("threads\nfiltered\n"))
    assert (choice.runtime, choice.warning) == ("runsc", "")
    assert "GRADER_DOCKER_RUNTIME=runc" in choice.why


def test_nothing_is_tried_where_it_is_not_offered_or_another_is_asked_for():
    choice = choose_runtime(None, False, never)
    assert choice.runtime is None and "docs/sandbox.md" in choice.why and not choice.warning
    assert choose_runtime("runc", True, never).runtime == "runc"


@pytest.mark.parametrize(
    ("words", "told"), [("threads\nopen\n", "--oci-seccomp"), ("", "did not end well"), (None, "did not end well")]
)
def test_gvisor_that_does_not_hold_is_not_taken_and_not_silently(words, told, monkeypatch):
    monkeypatch.setattr(runtimes, "TRY_S", 0.2)
    choice = choose_runtime(None, True, saying(words))
    assert choice.runtime is None
    assert told in choice.warning and "share the host's kernel" in choice.warning and told in choice.why
    demanded = choose_runtime("runsc", True, saying(words))
    assert demanded.runtime == "runsc" and told in demanded.warning
    assert demanded.is_open == (words == "threads\nopen\n")


def test_an_engine_that_cannot_start_it_is_told():
    def fails(runtime: str, profile: SandboxProfile) -> Saying:
        raise SandboxLost("the engine could not start a sandbox (no ptrace)")

    assert "no ptrace" in choose_runtime(None, True, fails).warning


def test_the_choice_is_made_and_logged_when_a_backend_is_chosen(monkeypatch, caplog):
    class Chooses:
        name = "docker"

        def check(self):
            return select.Readiness(backend="docker", usable=True)

        def settle(self):
            return runtimes.RuntimeChoice(runtime=None, why="because", warning="gVisor does not work here")

    monkeypatch.setattr(select, "make", lambda name: Chooses())
    monkeypatch.delenv("GRADER_SANDBOX", raising=False)
    with caplog.at_level(logging.INFO):
        select.choose("docker")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "sandboxes run under the engine's own runtime: because"), ("WARNING", "gVisor does not work here"),
    ]  # fmt: skip


def test_gpus_are_handed_on_by_a_gvisor_that_was_registered_so():
    assert takes_gpus({"Runtimes": {"runsc": {"runtimeArgs": ["--network=none", "--nvproxy=true"]}}})
    assert not takes_gpus({"Runtimes": {"runsc": {"runtimeArgs": ["--network=none"]}}})
    assert not takes_gpus({"Runtimes": {"runsc": {}}})
    assert not takes_gpus({})


def test_limits_are_set_inside_before_the_program_of_gvisor():
    command = docker_settings._command(SandboxProfile(program="print('x')", processes=7), "runsc")
    assert command[:3] == ["python3", "-u", "-c"]
    assert command[3].index("RLIMIT_NPROC', 7, 7") < command[3].index("print('x')")
    assert "grader.engine.probe" in docker_settings._command(SandboxProfile(), "runsc")[3]
    assert docker_settings._command(SandboxProfile(), "runc")[-1] == "grader.engine.probe"


@pytest.mark.sandbox
@pytest.mark.docker
def test_what_is_chosen_here_works(gvisor: DockerBackend, docker: DockerBackend):
    """Whatever this engine's registration allows: gVisor with our list of calls, or the engine's own runtime, told."""
    backend = DockerBackend(image=gvisor._image)
    choice = backend.settle()
    assert gvisor.name in KNOWN_GAPS and backend.name in KNOWN_GAPS
    assert (choice.runtime == "runsc") == (gvisor.name == "docker/runsc") == (not choice.warning)
    assert choice.why in backend.check().facts["chosen because"]
    release = outcome(backend, "import os; print(os.uname().release)", SMALL).output.decode().strip()
    assert (release == os.uname().release) == (choice.runtime is None)


@pytest.mark.sandbox
@pytest.mark.docker
def test_gvisor_without_gpus_is_left_for_a_gpu_unless_demanded(gvisor: DockerBackend):
    api = gvisor._api()
    if takes_gpus(api.info()):
        pytest.skip("this engine's gVisor hands GPUs on")
    profile = SandboxProfile(gpu="0")
    with pytest.raises(NoSandbox, match="--nvproxy"):
        gvisor.start(profile)
    by_itself = DockerBackend(image=gvisor._image)
    by_itself._take("runsc")
    assert by_itself._runtime_for(api, profile) is None
    assert by_itself._runtime_for(api, SandboxProfile()) == "runsc"
