"""Sandboxes by the Docker engine: one container for each, killed and removed through the engine's API.

The invariants: a container is inspected before it is removed (removal forgets why it ended), and killed by name
through the engine (ending a client would leave it running).
Accepted gaps: peak memory and processor time are known only while the container runs (peak memory, from within another
container, only with version 1 of the control groups); with a default runtime the host's kernel is shared.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
import weakref
from datetime import datetime
from typing import Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound

import docker
from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import NoSandbox, SandboxLost
from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import Readiness, Sandbox, SandboxProfile
from grader.engine.sandbox.cgroups import MOUNT, Group, GroupFacts
from grader.engine.sandbox.container_terms import FOREGROUND_SHARES, GVISOR, LABEL, NAME_BYTES, NAME_PREFIX
from grader.engine.sandbox.docker_settings import container_settings
from grader.engine.sandbox.endings import HostFacts, classify, shell_exit_code
from grader.engine.sandbox.image import image_name
from grader.engine.sandbox.owner import is_dead
from grader.engine.sandbox.relay import Relay
from grader.engine.sandbox.runtimes import RuntimeChoice, choose_runtime, takes_gpus
from grader.engine.sandbox.stderr_tail import StderrTail

ENGINE_S = 30
DEFAULT_HOST = "unix:///var/run/docker.sock"
DYING_S = 2
# The engine hears of an out-of-memory kill by another way than of the exit, sometimes later, and later still
# under load. Only what was killed by somebody else than us waits for it.
OOM_NEWS_S = 2.0
# Workers in other containers cannot be looked at: a sandbox of theirs is a stray at this age, or so long after its end.
ABANDONED_S = 6 * 3600
UNREAD_S = 120
ENGINE_ERRORS = (DockerException, requests.RequestException)


class DockerSandbox:
    """One container, attached to before it was started."""

    def __init__(
        self, api: docker.APIClient, container: str, name: str, profile: SandboxProfile, socket_fd: int
    ) -> None:
        self._api = api
        self._container = container
        self._name = name
        self._profile = profile
        self._lock = threading.RLock()
        self._stderr = StderrTail()
        self._write_fd = os.dup(socket_fd)
        self._relay = Relay(socket_fd, self._stderr)
        self._read_fd = self._relay.read_fd
        self._ending: Ending | None = None
        self._closed = False
        self._started = time.monotonic()

    @property
    def name(self) -> str:
        return self._name

    @property
    def read_fd(self) -> int:
        return self._read_fd

    @property
    def write_fd(self) -> int:
        return self._write_fd

    def to_foreground(self) -> None:
        if self._profile.background:
            with contextlib.suppress(*ENGINE_ERRORS):
                self._api.update_container(self._container, cpu_shares=FOREGROUND_SHARES)

    def is_alive(self) -> bool:
        """Cheap, without asking the engine: it closes the stream when the process ends."""
        return self._ending is None and self._relay.is_open()

    def kill(self, reason: EndingReason = EndingReason.KILLED) -> None:
        with self._lock:
            self._end(reason)
            if not self._closed:
                self._closed = True
                self._relay.stop()
                os.close(self._read_fd)
                os.close(self._write_fd)

    def ending(self) -> Ending:
        with self._lock:
            if self._ending is None:
                with contextlib.suppress(*ENGINE_ERRORS):  # a timeout: it did not end by itself
                    self._api.wait(self._container, timeout=DYING_S)
            return self._end(EndingReason.KILLED)

    def stderr(self) -> str:
        if not self.is_alive() and not self._closed:
            self._relay.join(0.5)
        return self._stderr.text()

    def _end(self, reason: EndingReason) -> Ending:
        if self._ending is None:
            wall_s = time.monotonic() - self._started
            try:
                facts = self._stop(reason)
            except ENGINE_ERRORS:
                facts = {"lost": True}
            self._ending = classify(
                HostFacts(
                    wall_s=wall_s,
                    cpu_limit_s=self._profile.cpu_s,
                    memory_limit_bytes=self._profile.memory_bytes,
                    file_limit_bytes=self._profile.file_bytes,
                    **facts,
                )
            )
            with contextlib.suppress(*ENGINE_ERRORS):  # what cannot be removed now, `reap` removes later
                self._api.remove_container(self._container, force=True, v=True)
        return self._ending

    def _stop(self, reason: EndingReason) -> dict[str, Any]:
        killed_for = None
        group = _group_facts(self._container)
        state = self._state()
        if state["Running"]:
            # A sandbox that has done its work is ended so, many times a minute, and nobody asks what it used.
            if group.cpu_s is None and reason is not EndingReason.KILLED:
                group = _engine_facts(self._api, self._container)
            killed_for = reason
            with contextlib.suppress(APIError):  # it ended between the two calls
                self._api.kill(self._container)
            self._api.wait(self._container, timeout=ENGINE_S)
            state = self._state()
        code = shell_exit_code(int(state["ExitCode"]))
        deadline = time.monotonic() + OOM_NEWS_S
        while code == -9 and killed_for is None and not state["OOMKilled"] and time.monotonic() < deadline:
            time.sleep(0.02)
            state = self._state()
        oom_kills = max(group.oom_kills, int(bool(state["OOMKilled"])))
        return {
            "exit_code": code, "oom_kills": oom_kills, "killed_for": killed_for,
            "cpu_s": group.cpu_s, "peak_bytes": group.peak_bytes, "refused_tasks": group.refused_tasks,
        }  # fmt: skip

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._api.inspect_container(self._container)["State"]
        return state


class DockerBackend:
    """Starts containers on a local engine. `image` and `runtime` default to the built image and the engine's own.

    With `runtime` None `settle` may choose gVisor.
    """

    def __init__(self, *, image: str | None = None, runtime: str | None = None) -> None:
        self._image = image or image_name()
        self._demanded = runtime
        self._choice: RuntimeChoice | None = None
        self._take(runtime)
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None

    def settle(self) -> RuntimeChoice:
        """Choose the runtime, by trying gVisor where the engine offers it: about a second, once.

        Raises NoSandbox where no engine answers.
        """
        if self._choice is None:
            try:
                offered = GVISOR in self._api().info()["Runtimes"]
            except ENGINE_ERRORS as error:
                raise NoSandbox(f"no Docker engine answers ({_short(error)})") from error
            self._choice = choose_runtime(self._demanded, offered, self._start_under)
            self._take(self._choice.runtime, is_open=self._choice.is_open)
        return self._choice

    def _take(self, runtime: str | None, *, is_open: bool = False) -> None:
        self._runtime = runtime
        # gVisor without our list of calls shows other behaviour: its known gaps are listed under a name of its own.
        self.name = "docker" if runtime != GVISOR else f"docker/{GVISOR}{'-open' if is_open else ''}"

    def _start_under(self, runtime: str, profile: SandboxProfile) -> Sandbox:
        return DockerBackend(image=self._image, runtime=runtime).start(profile)

    def check(self) -> Readiness:
        """Ask the engine for its version, limits, runtimes and the image; starts nothing."""
        try:
            api = self._api()
            told = api.info()
            facts = {
                "engine": str(told["ServerVersion"]),
                "image": self._image,
                "runtime": self._runtime or str(told["DefaultRuntime"]),
                **({"chosen because": self._choice.why} if self._choice else {}),
                "runtimes": ", ".join(sorted(told["Runtimes"])),
            }
            problems = self._problems(api, told)
        except ENGINE_ERRORS as error:
            mend = "start it (sudo systemctl start docker, or docker/start-engine.sh as root)"
            return Readiness(
                backend=self.name, usable=False, problems=((f"no Docker engine answers ({_short(error)})", mend),)
            )
        return Readiness(backend=self.name, usable=not problems, facts=facts, problems=tuple(problems))

    def start(self, profile: SandboxProfile) -> Sandbox:
        name = f"{NAME_PREFIX}{secrets.token_hex(NAME_BYTES)}"
        try:
            api = self._api()
            runtime = self._runtime_for(api, profile)
            settings = container_settings(
                api, profile, image=self._image, runtime=runtime, seccomp=seccomp.profile_for(runtime)
            )
            container = api.create_container(name=name, **settings)["Id"]
        except ImageNotFound as error:
            raise NoSandbox(f"the image {self._image} is not there; run docker/build-sandbox.sh") from error
        except APIError as error:
            raise SandboxLost(f"the Docker engine could not create a sandbox ({_short(error)})") from error
        except ENGINE_ERRORS as error:
            raise NoSandbox(
                f"no Docker engine answers ({_short(error)}); start it, or run docker/start-engine.sh"
            ) from error
        try:
            socket_fd = _attach(api, container)
            api.start(container)
        except ENGINE_ERRORS as error:
            with contextlib.suppress(*ENGINE_ERRORS):
                api.remove_container(container, force=True)
            raise SandboxLost(f"the Docker engine could not start a sandbox ({_short(error)})") from error
        return DockerSandbox(api, container, name, profile, socket_fd)

    def reap(self) -> int:
        """Remove containers of dead workers: seen to be dead, or beyond our sight and long since idle or too old."""
        try:
            api = self._api()
            found = api.containers(all=True, filters={"label": f"{LABEL}=1"})
        except ENGINE_ERRORS:
            return 0
        count = 0
        for container in found:
            with contextlib.suppress(APIError):  # another worker removed it meanwhile
                if _is_stray(api, container):
                    api.remove_container(container["Id"], force=True, v=True)
                    count += 1
        return count

    def _runtime_for(self, api: docker.APIClient, profile: SandboxProfile) -> str | None:
        """The engine's own for a GPU that gVisor was not registered to hand on, unless gVisor was asked for by name."""
        if profile.gpu is None or self._runtime != GVISOR or takes_gpus(api.info()):
            return self._runtime
        if self._demanded == GVISOR:
            raise NoSandbox(
                "GRADER_DOCKER_RUNTIME is runsc, which is not registered with --nvproxy and so has no GPU; "
                "register it so, or unset GRADER_DOCKER_RUNTIME on workers with a GPU"
            )
        return None

    def _api(self) -> docker.APIClient:
        with self._lock:
            if self._client is None:
                _knock(os.environ.get("DOCKER_HOST") or DEFAULT_HOST)
                client = docker.from_env(timeout=ENGINE_S)
                weakref.finalize(self, client.close)
                self._client = client.api
            return self._client

    def _problems(self, api: docker.APIClient, told: dict[str, Any]) -> list[tuple[str, str]]:
        problems = []
        if not str(api.base_url).startswith("http+docker://"):
            problems.append(
                ("the engine is not on a local socket", "unset DOCKER_HOST, or run a worker on the engine's host")
            )
        if not told.get("MemoryLimit") or not told.get("PidsLimit", True):
            problems.append(
                ("the engine cannot limit memory and processes", "enable the memory and pids control groups")
            )
        if not any("seccomp" in option for option in told.get("SecurityOptions") or []):
            problems.append(("the engine has no seccomp", "use a kernel with CONFIG_SECCOMP_FILTER"))
        if self._runtime is not None and self._runtime not in told["Runtimes"]:
            problems.append(
                (f"the engine has no runtime {self._runtime}", "unset GRADER_DOCKER_RUNTIME or register it")
            )
        try:
            api.inspect_image(self._image)  # type: ignore[no-untyped-call]  # the stubs forgot this one
        except ImageNotFound:
            problems.append((f"the image {self._image} is not there", "run docker/build-sandbox.sh"))
        return problems


def _is_stray(api: docker.APIClient, container: dict[str, Any]) -> bool:
    dead = is_dead(container["Labels"])
    if dead is not None:
        return dead
    if time.time() - container["Created"] > ABANDONED_S:
        return True
    # The engine closes the probe's input when its worker goes, so a probe ends by itself; a living worker would have
    # read why, and removed it, within seconds.
    state = api.inspect_container(container["Id"])["State"]
    if state["Status"] != "exited":
        return False
    ended = datetime.fromisoformat(f"{state['FinishedAt'][:19]}+00:00")
    return time.time() - ended.timestamp() > UNREAD_S


def _knock(host: str) -> None:
    """Find out whether an engine listens; the SDK forgets to close its socket where none does."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            try:
                knocking.connect(host.removeprefix("unix://"))
            except OSError as error:
                raise DockerException(f"{host}: {error.strerror}") from error


def _attach(api: docker.APIClient, container: str) -> int:
    """A descriptor of the hijacked connection: raw bytes in, multiplexed streams out."""
    stream = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    try:
        return os.dup(stream.fileno())
    finally:
        # The SDK keeps the connection's own end in a private attribute, and closing the stream leaves that open.
        response = getattr(stream, "_response", None)
        if response is not None:
            response.close()
        stream.close()


def _group_facts(container: str) -> GroupFacts:
    """What the container's control group counted, where the engine runs here and the container still does."""
    for version, directories in (
        (1, {name: MOUNT / name / "docker" / container for name in ("memory", "cpuacct", "pids")}),
        (2, {"memory": MOUNT / "system.slice" / f"docker-{container}.scope"}),
        (2, {"memory": MOUNT / "docker" / container}),
    ):
        if directories["memory"].is_dir():
            return Group(directories=directories, version=version).facts()
    return GroupFacts()


def _engine_facts(api: docker.APIClient, container: str) -> GroupFacts:
    """The same by the engine, for a worker in a container, which sees no groups but its own.

    Takes 10 ms, or up to a second where the engine is just asked for another's.
    """
    try:
        told = api.stats(container, stream=False, one_shot=True)
        peak = told["memory_stats"].get("max_usage")
        return GroupFacts(cpu_s=told["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, peak_bytes=peak)
    except (*ENGINE_ERRORS, KeyError):
        return GroupFacts()


def _short(error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error)
    return text if len(text) <= 200 else f"{text[:200]}..."
