"""Every behaviour on every backend, for real."""

from __future__ import annotations

import pytest

from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.conformance import BEHAVIOURS, KNOWN_GAPS, QUICK, examine
from grader.engine.sandbox.conformance_trial import Behaviour, Nonconforming

BACKENDS = ["bwrap", "fork", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.mark.sandbox
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.name)
def test_behaviour(behaviour: Behaviour, name: str, request: pytest.FixtureRequest) -> None:
    backend: SandboxBackend = request.getfixturevalue(name)
    reason = KNOWN_GAPS.get(name, {}).get(behaviour.name)
    if reason is None:
        behaviour.judge(backend)
        return
    # A gap that has closed must leave the table.
    with pytest.raises(Nonconforming):
        behaviour.judge(backend)


# The whole suite takes minutes there: `GRADER_DOCKER_RUNTIME=runsc grader doctor --full`.
UNDER_GVISOR = (
    "no_sockets", "no_ptrace", "no_namespaces", "locked_process", "memory_main", "processes", "cpu_limit", "file_size",
    "kill", "exit_code", "roundtrip_1mb", "python_works",
)  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.docker
@pytest.mark.parametrize("name", UNDER_GVISOR)
def test_behaviour_under_gvisor(name: str, gvisor: SandboxBackend) -> None:
    behaviour = next(behaviour for behaviour in BEHAVIOURS if behaviour.name == name)
    if name not in KNOWN_GAPS[gvisor.name]:
        behaviour.judge(gvisor)
        return
    with pytest.raises(Nonconforming):
        behaviour.judge(gvisor)


def test_names_are_unique_and_gaps_name_real_behaviours() -> None:
    names = [behaviour.name for behaviour in BEHAVIOURS]
    assert len(names) == len(set(names))
    assert all(set(gaps) <= set(names) for gaps in KNOWN_GAPS.values())
    assert 5 <= len(QUICK) < len(BEHAVIOURS)


def test_examine_reports_a_problem_and_goes_on() -> None:
    def fail(_: SandboxBackend) -> None:
        raise Nonconforming("sockets could be made")

    behaviours = [
        Behaviour(name="one", promise="p", judge=fail),
        Behaviour(name="two", promise="p", judge=lambda _: None),
    ]
    backend = type("Stub", (), {"name": "stub"})()
    findings = examine(backend, behaviours)
    assert [finding.conforms for finding in findings] == [False, True]
    assert findings[0].problem == "sockets could be made"
