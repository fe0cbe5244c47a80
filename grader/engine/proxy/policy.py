"""What a container may be: a complete list. Any other key, and any other value, is refused.

The invariant: a body that passes describes a sandbox as docs/sandbox.md describes one and nothing else, whoever wrote
it. The caller sends the object that was checked, written anew, never the bytes it came in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.engine.sandbox import container_terms as terms
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.environment import SCRATCH, probe_environment
from grader.engine.sandbox.seccomp import profile_for

Test = Callable[[Any], bool]
GIB = 2**30
# What the engine calls its own runtime when a body names none.
DEFAULT_RUNTIME = ""
_LABEL_VALUE = re.compile(r"[\w.:-]{0,128}", re.ASCII)
_DEVICE = re.compile(r"[0-9]{1,3}|(?:GPU|MIG)-[0-9A-Za-z/-]{1,80}")
_SIZE = re.compile(re.escape(terms.SCRATCH_OPTIONS).replace(re.escape("{size}"), "([0-9]{1,15})"))
_LABELS = {
    terms.LABEL, terms.WORKER_LABEL, terms.STARTED_LABEL, terms.BOOT_LABEL, terms.NAMESPACE_LABEL, terms.HOST_LABEL,
}  # fmt: skip
# Bounds that no honest profile reaches; the memory and processor ones are set at the proxy's start.
_MOST_ULIMIT = {"nofile": 65_536, "core": 0, "cpu": 7 * 24 * 3600, "fsize": 64 * GIB, "nproc": 65_536}
_NO_HEALTHCHECK = {"Test": ["NONE"], "Interval": None, "Timeout": None, "Retries": None, "StartPeriod": None}
_LEAST_MEMORY = 6 * 2**20
_MOST_ARGUMENT = 128 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices of whoever runs the proxy. An image `name:*` stands for every tag; "" is the engine's own runtime.

    `gpus` is the devices that may be asked for: empty for none, or {"all"}. Sizes in bytes.
    """

    images: tuple[str, ...] = ("grader-sandbox:*",)
    runtimes: frozenset[str] = frozenset({DEFAULT_RUNTIME, "runc", terms.GVISOR})
    gpus: frozenset[str] = frozenset()
    memory_bytes: int = 64 * GIB
    scratch_bytes: int = 64 * GIB
    cpus: float = 64.0
    processes: int = 4096

    def allows_image(self, name: object) -> bool:
        return isinstance(name, str) and any(_is_image(name, allowed) for allowed in self.images)


def refusal(body: Mapping[str, Any], policy: Policy) -> str | None:
    """Why a container of this description is not made, in one sentence; None if it may be.

    `body` is the object of a request to create a container, with keys as the engine's documentation writes them.
    """
    problem = _shape(body, _container(policy), "")
    if problem is not None:
        return problem
    host: dict[str, Any] = body["HostConfig"]
    if host["MemorySwap"] != host["Memory"]:
        return "HostConfig.MemorySwap is not HostConfig.Memory: a sandbox has no swap"
    if host["SecurityOpt"] != [terms.NO_NEW_PRIVILEGES, f"seccomp={profile_for(host.get('Runtime'))}"]:
        return "HostConfig.SecurityOpt is not what a sandbox has: is the proxy of the worker's own version?"
    has_gpu = "DeviceRequests" in host
    masked = [*terms.MASKED_PATHS] if has_gpu else [*terms.MASKED_PATHS, terms.SYSFS]
    if host["MaskedPaths"] != masked:
        return "HostConfig.MaskedPaths is not what a sandbox has"
    limits = {limit["Name"] for limit in host["Ulimits"]}
    # gVisor keeps the sandbox's memory in one file, which a largest file size would bound.
    wanted = {"nofile", "core", "cpu"} | (set() if host.get("Runtime") == terms.GVISOR else {"fsize"})
    if not wanted <= limits or len(limits) != len(host["Ulimits"]):
        return "HostConfig.Ulimits does not name each limit once"
    if DEFAULT_RUNTIME not in policy.runtimes and "Runtime" not in host:
        return "HostConfig.Runtime is not named, and the engine's default is not allowed"
    return None


def _container(policy: Policy) -> dict[str, Any]:
    return {
        "Hostname": _exactly(terms.HOSTNAME), "User": _exactly(terms.USER), "Tty": _exactly(False),
        "OpenStdin": _exactly(True), "StdinOnce": _exactly(True), "AttachStdin": _exactly(True),
        "AttachStdout": _exactly(True), "AttachStderr": _exactly(True), "Env": _is_environment, "Cmd": _is_command,
        "Image": policy.allows_image, "NetworkDisabled": _exactly(True), "Entrypoint": _exactly([]),
        "WorkingDir": _exactly(SCRATCH), "Labels": _are_labels, "Healthcheck": _exactly(_NO_HEALTHCHECK),
        "HostConfig": _host_config(policy),
    }  # fmt: skip


def _host_config(policy: Policy) -> dict[str, Any]:
    """Keys with a question mark may be left out."""
    return {
        "NetworkMode": _exactly("none"), "IpcMode": _exactly("private"), "ReadonlyRootfs": _exactly(True),
        "CapDrop": _exactly(["ALL"]),
        "SecurityOpt": lambda given: isinstance(given, list),
        "Init": _exactly(True), "OomScoreAdj": _exactly(terms.OOM_SCORE),
        "LogConfig": _exactly({"Type": "none", "Config": {}}),
        "Memory": _between(_LEAST_MEMORY, policy.memory_bytes),
        "MemorySwap": _between(_LEAST_MEMORY, policy.memory_bytes),
        "ShmSize": _between(0, policy.scratch_bytes), "PidsLimit": _between(1, policy.processes),
        "NanoCpus": _between(1, int(policy.cpus * 1e9)),
        "CpuShares": lambda given: _exactly(terms.FOREGROUND_SHARES)(given) or _exactly(terms.BACKGROUND_SHARES)(given),
        "Tmpfs": lambda given: _is_scratch(given, policy.scratch_bytes),
        "Ulimits": lambda given: isinstance(given, list) and all(_is_limit(one) for one in given),
        "MaskedPaths": lambda given: isinstance(given, list),
        "ReadonlyPaths": _exactly(list(terms.READ_ONLY_PATHS)),
        "Runtime?": lambda given: isinstance(given, str) and given in policy.runtimes,
        "DeviceRequests?": lambda given: _is_device_request(given, policy.gpus),
    }  # fmt: skip


def _shape(given: object, wanted: Mapping[str, Any], path: str) -> str | None:
    """The first key that is missing, unknown or has a value that is not allowed."""
    if not isinstance(given, Mapping):
        return f"{path or 'the body'} is not an object"
    required = {name for name in wanted if not name.endswith("?")}
    tests = {name.removesuffix("?"): test for name, test in wanted.items()}
    for name in given:
        if name not in tests:
            return f"{path}{str(name)[:60]!r} is not a key that a sandbox's container has"
    for name in sorted(required):
        if name not in given:
            return f"{path}{name} is missing"
    for name, value in given.items():
        test = tests[name]
        if isinstance(test, Mapping):
            problem = _shape(value, test, f"{path}{name}.")
            if problem is not None:
                return problem
        elif not test(value):
            return f"{path}{name} is not what a sandbox has"
    return None


def _exactly(value: object) -> Test:
    """Compared as JSON: True is not 1 there."""
    text = json.dumps(value, sort_keys=True)
    return lambda given: json.dumps(given, sort_keys=True) == text


def _between(least: int, most: int) -> Test:
    return lambda given: type(given) is int and least <= given <= most


def _is_image(name: str, allowed: str) -> bool:
    if allowed.endswith(":*"):
        return re.fullmatch(re.escape(allowed[:-1]) + r"[\w.-]{1,128}", name, re.ASCII) is not None
    return name == allowed


def _is_environment(given: object) -> bool:
    """The probe's own variables, each once: others reach the runtime (NVIDIA_VISIBLE_DEVICES) or the loader."""
    known = probe_environment(SandboxProfile()).keys() | probe_environment(SandboxProfile(gpu="0")).keys()
    if not isinstance(given, list) or not all(isinstance(one, str) and "=" in one and "\0" not in one for one in given):
        return False
    names = [one.split("=", 1)[0] for one in given]
    return len(set(names)) == len(names) and known >= set(names)


def _is_command(given: object) -> bool:
    """The probe, or one program for Python: what it does is bounded by the rest."""
    if not isinstance(given, list) or not all(isinstance(one, str) and len(one) <= _MOST_ARGUMENT for one in given):
        return False
    return given == ["python3", "-u", "-m", "grader.engine.probe"] or (
        len(given) == 4 and given[:3] == ["python3", "-u", "-c"]
    )


def _are_labels(given: object) -> bool:
    return (
        isinstance(given, dict)
        and given.get(terms.LABEL) == "1"
        and given.keys() <= _LABELS
        and all(isinstance(value, str) and _LABEL_VALUE.fullmatch(value) for value in given.values())
    )


def _is_scratch(given: object, most: int) -> bool:
    if not isinstance(given, dict) or list(given) != [SCRATCH] or not isinstance(given[SCRATCH], str):
        return False
    match = _SIZE.fullmatch(given[SCRATCH])
    return match is not None and 0 < int(match[1]) <= most


def _is_limit(given: object) -> bool:
    if not isinstance(given, dict) or given.keys() != {"Name", "Soft", "Hard"} or not isinstance(given["Name"], str):
        return False
    most = _MOST_ULIMIT.get(given["Name"], -1)
    return _between(0, most)(given["Hard"]) and _between(0, given["Hard"])(given["Soft"])


def _is_device_request(given: object, gpus: frozenset[str]) -> bool:
    """One GPU, named."""
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], dict) or not gpus:
        return False
    request = dict(given[0])
    devices = request.pop("DeviceIDs", None)
    plain = {"Driver": "", "Count": 0, "Capabilities": [["gpu"]], "Options": {}}
    if not isinstance(devices, list) or len(devices) != 1 or not isinstance(devices[0], str):
        return False
    return (
        _exactly(plain)(request) and _DEVICE.fullmatch(devices[0]) is not None and ("all" in gpus or devices[0] in gpus)
    )
