"""What a container with a GPU is asked for, and what docs/gpu.md says the system call list lets CUDA do."""

from __future__ import annotations

import json
from pathlib import Path

import docker
from grader.domain.assignment import Limits
from grader.engine.pipeline import DRIVER_BYTES, profile_for
from grader.engine.sandbox.devices import open_devices
from grader.engine.sandbox.docker_settings import container_settings
from tests.engine.gpu.fake_gpu import FIRST, SECOND

LIST = json.loads((Path(__file__).parents[3] / "docker" / "seccomp.json").read_text())
ALLOWED = {name for rule in LIST["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def test_a_sandbox_is_given_one_device_by_its_uuid_and_sees_sysfs(smi):
    smi.has(SECOND)
    limits = Limits(memory_bytes=2**30)
    _, share = open_devices("all", 1)
    profile = profile_for(limits, background=True, share=share)
    assert profile.memory_bytes == 2**30 + DRIVER_BYTES
    assert 0.9 < profile.gpu_share < 1.0
    # A version that is named is not asked for: there need not be an engine.
    api = docker.APIClient(base_url="unix:///nowhere.sock", version="1.41")
    with_gpu = container_settings(api, profile, image="i", runtime=None, seccomp="{}")
    without = container_settings(api, profile_for(limits, background=True), image="i", runtime=None, seccomp="{}")
    (request,) = with_gpu["host_config"]["DeviceRequests"]
    assert request["DeviceIDs"] == [SECOND]
    assert with_gpu["environment"]["CUDA_VISIBLE_DEVICES"] == SECOND
    assert FIRST not in json.dumps(with_gpu, default=str)
    assert "/sys" in without["host_config"]["MaskedPaths"]
    assert "/sys" not in with_gpu["host_config"]["MaskedPaths"]
    assert not without["host_config"].get("DeviceRequests")
    for settings in (with_gpu, without):
        assert "no-new-privileges:true" in settings["host_config"]["SecurityOpt"]


def test_the_system_calls_that_cuda_is_said_to_need_are_allowed_and_those_it_is_said_not_to_are_not():
    needed = {"ioctl", "mmap", "memfd_create", "eventfd2", "poll", "sched_getaffinity", "sched_setaffinity"}
    assert needed <= ALLOWED
    assert {"socket", "socketpair", "mbind", "set_mempolicy", "process_vm_readv", "shmget"} & ALLOWED == set()
