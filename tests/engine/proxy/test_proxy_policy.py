"""What a container may be: the body our own backend sends, and nothing beside it."""

from __future__ import annotations

import copy

import pytest

from grader.engine.proxy.messages import Refused, parse_object
from grader.engine.proxy.policy import Policy, refusal
from grader.engine.sandbox.base import SandboxProfile
from tests.engine.proxy.described import body, changed

POLICY = Policy(memory_bytes=4 * 2**30, cpus=4, processes=512, gpus=frozenset({"0"}))
PROFILES = {
    "plain": (SandboxProfile(), "runc"),
    "warm in the background": (SandboxProfile(background=True), None),
    "gvisor": (SandboxProfile(), "runsc"),
    "a program": (SandboxProfile(program="print(1)"), "runc"),
    "a GPU": (SandboxProfile(gpu="0"), "runc"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_what_the_backend_asks_for_passes(name):
    profile, runtime = PROFILES[name]
    assert refusal(body(profile, runtime=runtime), POLICY) is None


ATTACKS = {
    "privileged": ("HostConfig.Privileged", True),
    "bind of the root": ("HostConfig.Binds", ["/:/host"]),
    "no binds at all, but the key": ("HostConfig.Binds", []),
    "mounts": ("HostConfig.Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
    "volumes": ("Volumes", {"/x": {}}),
    "volumes of another": ("HostConfig.VolumesFrom", ["other"]),
    "host network": ("HostConfig.NetworkMode", "host"),
    "another's network": ("HostConfig.NetworkMode", "container:other"),
    "host processes": ("HostConfig.PidMode", "host"),
    "host ipc": ("HostConfig.IpcMode", "host"),
    "host user namespace": ("HostConfig.UsernsMode", "host"),
    "host control groups": ("HostConfig.CgroupnsMode", "host"),
    "a control group's parent": ("HostConfig.CgroupParent", "/"),
    "devices": ("HostConfig.Devices", [{"PathOnHost": "/dev/sda"}]),
    "device rules": ("HostConfig.DeviceCgroupRules", ["a *:* rwm"]),
    "capabilities": ("HostConfig.CapAdd", ["SYS_ADMIN"]),
    "capabilities kept": ("HostConfig.CapDrop", []),
    "writable root": ("HostConfig.ReadonlyRootfs", False),
    "read-only as a number": ("HostConfig.ReadonlyRootfs", 1),
    "no seccomp": ("HostConfig.SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"]),
    "no security options": ("HostConfig.SecurityOpt", []),
    "another's label": ("HostConfig.SecurityOpt", ["no-new-privileges:true", "label=disable"]),
    "root": ("User", "0:0"),
    "another image": ("Image", "debian:latest"),
    "an image of that name elsewhere": ("Image", "evil.example/grader-sandbox:1"),
    "an image by a tag with a path": ("Image", "grader-sandbox:1/../x"),
    "another runtime": ("HostConfig.Runtime", "io.containerd.runc.v2"),
    "runtime as nothing": ("HostConfig.Runtime", None),
    "an entry point": ("Entrypoint", ["/bin/sh"]),
    "a shell": ("Cmd", ["/bin/sh"]),
    "another module": ("Cmd", ["python3", "-u", "-m", "http.server"]),
    "all GPUs by the environment": ("Env", ["NVIDIA_VISIBLE_DEVICES=all"]),
    "a library before all others": ("Env", ["LD_PRELOAD=/tmp/x.so"]),
    "a variable twice": ("Env", ["HOME=/tmp", "HOME=/"]),
    "no memory limit": ("HostConfig.Memory", 0),
    "unlimited swap": ("HostConfig.MemorySwap", -1),
    "more memory than swap says": ("HostConfig.Memory", 3 * 2**30),
    "too much memory": ("HostConfig.Memory", 5 * 2**30),
    "memory as a truth": ("HostConfig.Memory", True),
    "unlimited processes": ("HostConfig.PidsLimit", -1),
    "too many processors": ("HostConfig.NanoCpus", 10**12),
    "shares": ("HostConfig.CpuShares", 262144),
    "never killed for memory": ("HostConfig.OomScoreAdj", -1000),
    "no kill for memory": ("HostConfig.OomKillDisable", True),
    "scratch that executes": ("HostConfig.Tmpfs", {"/tmp": "rw,exec,size=1000,mode=1777"}),
    "scratch without a size": ("HostConfig.Tmpfs", {"/tmp": ""}),
    "scratch elsewhere": ("HostConfig.Tmpfs", {"/etc": "rw,noexec,nosuid,nodev,size=1000,mode=1777"}),
    "open limits": ("HostConfig.Ulimits", []),
    "core dumps": ("HostConfig.Ulimits", [{"Name": "core", "Soft": -1, "Hard": -1}]),
    "open paths": ("HostConfig.MaskedPaths", []),
    "sysfs without a GPU": ("HostConfig.MaskedPaths", ["/proc/kcore"]),
    "writable kernel settings": ("HostConfig.ReadonlyPaths", []),
    "kernel settings": ("HostConfig.Sysctls", {"kernel.core_pattern": "|/x"}),
    "restart": ("HostConfig.RestartPolicy", {"Name": "always"}),
    "a log driver": ("HostConfig.LogConfig", {"Type": "syslog", "Config": {"syslog-address": "tcp://x"}}),
    "a network by another key": ("NetworkingConfig", {"EndpointsConfig": {"bridge": {}}}),
    "a health check": ("Healthcheck", {"Test": ["CMD", "sh"]}),
    "labels of another": ("Labels", {"grader.sandbox": "1", "com.docker.compose.project": "x"}),
    "the proxy's own label": ("Labels", {"grader.sandbox": "1", "grader.proxy": "other"}),
    "a key in another case": ("hostconfig", {"Privileged": True}),
    "a key inside in another case": ("HostConfig.privileged", True),
    "all GPUs": ("HostConfig.DeviceRequests", [{"Count": -1, "Capabilities": [["gpu"]]}]),
    "another GPU": (
        "HostConfig.DeviceRequests",
        [{"Driver": "", "Count": 0, "DeviceIDs": ["1"], "Capabilities": [["gpu"]], "Options": {}}],
    ),
    "host configuration as a list": ("HostConfig", []),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_anything_else_is_refused_in_one_sentence(name):
    told = refusal(changed(*ATTACKS[name]), POLICY)
    assert told is not None
    assert "\n" not in told and len(told) < 200


def _keys(part: dict[str, object], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = part.get("HostConfig")
    return [(*before, key) for key in part] + (_keys(inner, ("HostConfig",)) if isinstance(inner, dict) else [])


def test_no_key_can_be_left_out_but_the_runtime():
    whole = body()
    spared = []
    for keys in _keys(whole):
        less = copy.deepcopy(whole)
        part = less["HostConfig"] if len(keys) == 2 else less
        del part[keys[-1]]
        if refusal(less, POLICY) is None:
            spared.append(keys[-1])
    assert spared == ["Runtime"]


def test_a_runtime_that_is_demanded_must_be_named():
    strict = Policy(runtimes=frozenset({"runsc"}))
    assert refusal(body(runtime="runsc"), strict) is None
    assert "default" in (refusal(body(runtime=None), strict) or "")
    assert refusal(body(runtime="runc"), strict) is not None


def test_no_gpu_unless_allowed():
    assert refusal(body(SandboxProfile(gpu="0")), Policy()) is not None


@pytest.mark.parametrize(
    "text",
    [
        b'{"Image": "a", "Image": "b"}', b'{"Image": "a", "image": "b"}', b'{"a": {"x": 1, "X": 2}}', b"[]", b"1",
        b'{"a": NaN}', b'{"a": 1.5}', b'{"a": 1e3}', b"\xff{}", b'{"a": 1} {"b": 2}', b"[" * 100_000, b"",
    ],
)  # fmt: skip
def test_a_body_that_others_could_read_otherwise_is_refused(text):
    with pytest.raises(Refused):
        parse_object(text)
