"""The proxy between a worker and the real engine: what grading needs works, what an intruder wants does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import docker as sdk
from grader.domain.ending import EndingReason
from grader.domain.errors import SandboxLost
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.conformance import BEHAVIOURS
from grader.engine.sandbox.conformance_trial import SMALL, outcome, read_line, started
from grader.engine.sandbox.docker import DockerBackend
from tests.engine.proxy.conftest import running_proxy
from tests.engine.proxy.described import body, exchange, get, post

pytestmark = [pytest.mark.sandbox, pytest.mark.docker]
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
NAME = "grader-0123456789ab"
TRIED = (
    "no_sockets", "no_capabilities", "plain_user", "read_only", "host_invisible", "memory_main", "fork_bomb", "kill",
    "roundtrip_1mb", "back_pressure", "exit_code", "no_false_memory", "stderr",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(direct: DockerBackend):
    client = sdk.from_env()
    yield client.api
    client.close()


def there(engine: sdk.APIClient, name: str) -> bool:
    return any(f"/{name}" in one["Names"] for one in engine.containers(all=True))


def gone(engine: sdk.APIClient, name: str, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while there(engine, name) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not there(engine, name)


@pytest.mark.parametrize("behaviour", [one for one in BEHAVIOURS if one.name in TRIED], ids=lambda one: one.name)
def test_sandboxes_behave_through_it_as_without(behaviour, through):
    behaviour.judge(through)


def test_a_sandbox_can_be_brought_to_the_foreground_and_its_use_is_known(through):
    profile = SandboxProfile(warm=False, background=True, program=SLEEP)
    with started(through, SLEEP, profile) as sandbox:
        read_line(sandbox)
        sandbox.to_foreground()
        sandbox.kill(EndingReason.TIMED_OUT)
        assert sandbox.ending().reason is EndingReason.TIMED_OUT


def test_information_about_the_machine_stays_behind(proxy_socket):
    _, text = exchange(proxy_socket, get("/info"))
    told = json.loads(text)
    assert told["ServerVersion"] and "runc" in told["Runtimes"]
    assert not {"HttpProxy", "RegistryConfig", "Name", "Labels", "Plugins"} & told.keys()
    assert all(facts.keys() == {"runtimeArgs"} for facts in told["Runtimes"].values())


@pytest.mark.parametrize(
    "target",
    ["/containers/{id}/kill", "/containers/{id}/start", "/containers/{id}/wait", "/containers/{id}/exec",
     "/containers/{id}/attach?stdin=1&stdout=1&stderr=1&stream=1", "/commit?container={id}", "/build", "/volumes/create",
     "/images/create?fromImage=debian", "/swarm/init", "/networks/create", "/containers/{id}/rename?name=x"],
)  # fmt: skip
def test_another_container_and_other_calls_are_out_of_reach(target, proxy_socket, direct, engine):
    upgrade = ("Connection: Upgrade", "Upgrade: tcp") if "attach" in target else ()
    with started(direct, SLEEP) as foreign:
        read_line(foreign)
        identity = engine.inspect_container(foreign.name)["Id"]
        for called in (identity, foreign.name):
            status, text = exchange(proxy_socket, post(target.format(id=called), None, *upgrade))
            assert status == 403 and "engine proxy: " in text, text
        assert exchange(proxy_socket, get(f"/containers/{identity}/json"))[0] == 403
        assert exchange(proxy_socket, get(f"/containers/{identity}/archive?path=/"))[0] == 403
        assert exchange(proxy_socket, get(f"/containers/{identity}", method="DELETE"))[0] == 403
        assert identity not in exchange(proxy_socket, get("/containers/json?all=1"))[1]
        assert foreign.is_alive()


def test_a_container_that_is_no_sandbox_is_never_made(proxy_socket, direct, engine):
    good = body(SMALL, image=direct._image)
    bad = {
        "privileged": {**good, "HostConfig": {**good["HostConfig"], "Privileged": True}},
        "in another case": {**good, "hostconfig": {"Binds": ["/:/host"]}},
        "no network wall": {**good, "HostConfig": {**good["HostConfig"], "NetworkMode": "host"}},
        "another image": {**good, "Image": "grader-base:bookworm"},
    }
    for description in bad.values():
        status, text = exchange(proxy_socket, post(f"/v1.41/containers/create?name={NAME}", description))
        assert status == 403 and text.count(".") >= 1, text
    # The engine would take the last of two keys, in whatever case.
    doubled = json.dumps(good).encode()[:-1] + b', "HostConfig": {"Privileged": true}}'
    assert exchange(proxy_socket, post(f"/containers/create?name={NAME}", doubled))[0] == 403
    assert exchange(proxy_socket, post("/containers/create", good))[0] == 403
    assert exchange(proxy_socket, post("/containers/create?name=postgres", good))[0] == 403
    assert not there(engine, NAME)


def test_a_second_request_in_the_same_breath_is_not_heard(proxy_socket, direct, engine):
    with started(direct, SLEEP) as foreign:
        read_line(foreign)
        identity = engine.inspect_container(foreign.name)["Id"]
        smuggled = post(f"/containers/{identity}/kill")
        for first in (get("/_ping"), post("/containers/create", b"{}"), get("/_ping", "Content-Length: 0")):
            status, text = exchange(proxy_socket, first + smuggled)
            assert status == 400 and "more than one request" in text
        for header in ("Transfer-Encoding: chunked", "Content-Length: 4\r\nContent-Length: 400"):
            assert exchange(proxy_socket, get("/_ping", header) + b"0\r\n\r\n" + smuggled)[0] == 400
        assert foreign.is_alive()


def test_large_and_endless_requests_are_refused(proxy_socket):
    assert exchange(proxy_socket, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n")[0] == 400
    assert exchange(proxy_socket, b"POST /containers/create HTTP/1.1\r\nContent-Length: 300000\r\n\r\n")[0] == 400
    assert exchange(proxy_socket, get("/_ping", "Connection: Upgrade", "Upgrade: h2c"))[0] == 403


def test_streams_are_held_once_and_a_container_runs_once(through, proxy_socket):
    with started(through, SLEEP) as sandbox:
        read_line(sandbox)
        for call, headers in (
            ("attach?stdin=1&stdout=1&stderr=1&stream=1", ("Connection: Upgrade", "Upgrade: tcp")), ("start", ()),
        ):  # fmt: skip
            status, text = exchange(proxy_socket, post(f"/containers/{sandbox.name}/{call}", None, *headers))
            assert status == 403, text
        status, _ = exchange(proxy_socket, post(f"/containers/{sandbox.name}/update", {"CpuShares": 9}))
        assert status == 403
        status, _ = exchange(proxy_socket, post(f"/containers/{sandbox.name}/update", {"Memory": 2**40}))
        assert status == 403
        assert sandbox.is_alive()


def test_there_are_only_so_many_at_a_time(tmp_path, backend_at):
    with running_proxy(tmp_path, "--most-containers", "1") as (_, path):
        backend = backend_at(path)
        with started(backend, SLEEP) as sandbox:
            read_line(sandbox)
            with pytest.raises(SandboxLost, match="1 containers at a time"):
                backend.start(SMALL)
        assert outcome(backend, "print(1)").output == b"1\n"


WORKER = """
import os, sys
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.docker import DockerBackend
sandbox = DockerBackend(runtime="runc").start(SandboxProfile(warm=False, program=sys.argv[1]))
os.read(sandbox.read_fd, 10)
print(sandbox.name, flush=True)
sys.stdin.readline()
print(sandbox.ending().reason, flush=True)
"""


def worker_at(path: Path) -> subprocess.Popen[str]:
    """A process that starts a sandbox, tells its name, and, asked by a line, why it ended."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, SLEEP], env={**os.environ, "DOCKER_HOST": f"unix://{path}"}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_sandbox_of_a_killed_worker_goes(proxy_socket, engine):
    with worker_at(proxy_socket) as worker:
        name = worker.stdout.readline().strip()
        assert there(engine, name)
        worker.send_signal(signal.SIGKILL)
    assert gone(engine, name)


def test_nothing_is_left_by_a_proxy_that_stops_or_is_killed(tmp_path: Path, engine: sdk.APIClient):
    names = []
    for number in (signal.SIGTERM, signal.SIGKILL):
        with running_proxy(tmp_path) as (proxy, path), worker_at(path) as worker:
            names.append(worker.stdout.readline().strip())
            assert there(engine, names[-1])
            proxy.send_signal(number)
            proxy.wait(30)
            assert there(engine, names[-1]) == (number == signal.SIGKILL)
            told, _ = worker.communicate("\n", timeout=30)
            assert told.strip() == "lost"
    # The next one of the same name takes away what the killed one left, its socket included.
    with running_proxy(tmp_path) as (_, path):
        assert not any(there(engine, name) for name in names)
        assert path.stat().st_mode & 0o777 == 0o660


def test_without_an_engine_it_says_so_and_ends(tmp_path, monkeypatch):
    from grader.engine.proxy import __main__ as program

    monkeypatch.setattr(program, "PATIENCE_S", 0)
    arguments = ["--listen", str(tmp_path / "a.sock"), "--engine", str(tmp_path / "none.sock")]
    assert program.main(arguments) == 3
    (tmp_path / "file").write_text("kept")
    assert program.main(["--listen", str(tmp_path / "file")]) == 3
    assert (tmp_path / "file").read_text() == "kept"
