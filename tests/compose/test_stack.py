"""docker-compose.yml brought up as in production, with a real engine behind the proxy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.conftest import Stack, run
from tests.faults.conftest import source
from tests.waiting import until

pytestmark = [pytest.mark.docker, pytest.mark.sandbox]
OURS = ("migrate", "server", "worker-cpu", "sweep", "engine-proxy")
PASSWORD = "correct horse battery staple"
TRAIN_S = 6


def _token(stack: Stack, email: str, *scopes: str) -> dict[str, str]:
    words = [word for scope in scopes for word in ("--scope", scope)]
    made = stack.grader("token", "create", "test", "--local", "--person", email, "--json", *words)
    return {"Authorization": f"Bearer {json.loads(made)['secret']}"}


def _sent(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="session")
def course(stack: Stack) -> dict[str, dict[str, str]]:
    """A course with one student, made as an administrator would; headers that sign in the administrator and the student."""
    until(lambda: _is_ready(stack), "the server is ready")
    email = "root@example.org"
    stack.grader("user", "create", email, "--name", "Root", "--admin", "--local", "--password-stdin",
                 content=f"{PASSWORD}\n".encode())  # fmt: skip
    admin = _token(stack, email, "read", "submit", "grade", "manage")
    api = stack.api
    _sent(api.post("/courses", json={"slug": "faults", "title": "Faults"}, headers=admin), 201)
    _sent(
        api.post("/people", json={"email": "ada@example.org", "name": "Ada", "password": PASSWORD}, headers=admin), 201
    )
    roster = api.post(
        "/courses/faults/roster", content=b"email,name,role\nada@example.org,Ada,student\n",
        headers=admin | {"Content-Type": "text/csv"},
    )  # fmt: skip
    assert roster.is_success, roster.text
    offered = api.put("/courses/faults/assignments/tiny", json={"spec": "tiny", "uploads_per_day": 20}, headers=admin)
    assert offered.is_success, offered.text
    return {"admin": admin, "student": _token(stack, "ada@example.org", "read", "submit")}


def _is_ready(stack: Stack) -> bool:
    try:
        return stack.api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _hand_in(stack: Stack, course: dict, content: bytes) -> str:
    answer = stack.api.post(
        "/assignments/tiny/submissions", files={"file": ("model.py", content)}, headers=course["student"]
    )
    return _sent(answer, 202)["id"]


def _run_of(stack: Stack, course: dict, submission: str) -> dict:
    return _sent(stack.api.get(f"/submissions/{submission}/runs", headers=course["admin"]), 200)["items"][0]


def _holder(stack: Stack, course: dict, submission: str, stage: str) -> str | None:
    """The container id's beginning of the worker that grades this stage now."""
    for found in _run_of(stack, course, submission)["stages"]:
        if (found["stage"], found["state"]) == (stage, "leased"):
            return found["worker"].rpartition("-")[0]
    return None


def _sandboxes_of(worker: str) -> list[str]:
    return run(
        "docker", "ps", "-aq", "--filter", "label=grader.sandbox=1", "--filter", f"label=grader.host={worker}"
    ).split()


def test_a_hand_in_is_graded_in_a_container_though_its_worker_is_killed(stack: Stack, course) -> None:
    submission = _hand_in(stack, course, source(train=TRAIN_S))
    until(lambda: _holder(stack, course, submission, "train"), "the training is under way")
    first = _holder(stack, course, submission, "train")
    assert _sandboxes_of(first), "its sandbox is no container"
    run("docker", "kill", first)
    until(lambda: _holder(stack, course, submission, "train") not in {None, first}, "another worker took it over")
    until(lambda: not _sandboxes_of(first), "the sandboxes of the killed worker are removed", timeout_s=30)

    until(lambda: _run_of(stack, course, submission)["state"] == "graded", "the run is graded")
    found = _run_of(stack, course, submission)
    assert found["score"] == 5, found
    (train,) = [stage for stage in found["stages"] if stage["stage"] == "train"]
    assert train["attempts"] == 2
    assert train["worker"].rpartition("-")[0] != first

    book = _sent(stack.api.get("/assignments/tiny/gradebook", headers=course["admin"]), 200)
    (row,) = [row for row in book["items"] if row["person"]["email"] == "ada@example.org"]
    assert (row["state"], row["score"], row["max_score"], row["submission"]) == ("graded", 5, 5, submission)


def test_services_hold_no_more_than_they_need(stack: Stack) -> None:
    for service in OURS:
        for found in stack.inspect(service):
            host, config = found["HostConfig"], found["Config"]
            assert host["ReadonlyRootfs"], service
            assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"], service
            assert "no-new-privileges:true" in host["SecurityOpt"], service
            assert config["User"] == "10001:10001", service
            assert host["Memory"] > 0 and host["PidsLimit"] > 0, service
            sockets = [one["Source"] for one in found["Mounts"] if one["Destination"] == "/var/run/docker.sock"]
            assert bool(sockets) == (service == "engine-proxy"), service
            text = json.dumps(config["Env"]) + json.dumps(config["Cmd"])
            assert (_password_of(stack) in text) is False, service
    for service in ("postgres", "redis"):
        (found,) = stack.inspect(service)
        assert list(found["NetworkSettings"]["Networks"]) == [f"{stack.project}_back"]
        assert not found["HostConfig"]["PortBindings"]
        assert found["HostConfig"]["ReadonlyRootfs"] and found["HostConfig"]["CapDrop"] == ["ALL"]
    (proxy,) = stack.inspect("engine-proxy")
    assert proxy["HostConfig"]["NetworkMode"] == "none"


def _password_of(stack: Stack) -> str:
    return Path(stack.environment["SECRETS_FOLDER"], "database_password").read_text().strip()


def test_the_way_into_redis_and_postgres_is_a_password(stack: Stack) -> None:
    (redis,), (postgres,) = stack.containers("redis"), stack.containers("postgres")
    assert "NOAUTH" in run("docker", "exec", redis, "redis-cli", "ping")
    tried = subprocess.run(
        ["docker", "exec", "-e", "PGPASSWORD=grader", postgres, "psql", "-h", "127.0.0.1", "-U", "grader", "-c", "select 1"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert tried.returncode != 0
    assert "password authentication failed" in tried.stderr


def test_a_worker_is_alive_if_the_database_has_heard_of_it(stack: Stack, course) -> None:
    asked = ["python", "-m", "worker.alive"]
    (one, *_) = [found["Id"] for found in stack.inspect("worker-cpu") if found["State"]["Running"]]
    until(
        lambda: subprocess.run(["docker", "exec", one, *asked], check=False).returncode == 0, "the worker is heard of"
    )
    # Where there is no worker, nothing was heard of one.
    (server,) = stack.containers("server")
    told = subprocess.run(["docker", "exec", server, *asked], check=False, capture_output=True, text=True)
    assert told.returncode == 1
    assert "was heard of in the last minute" in told.stderr
