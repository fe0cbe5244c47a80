"""What a container may use and do, in the engine's own terms. docs/sandbox.md says what each line closes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from docker.types import DeviceRequest, LogConfig, Ulimit

from docker import APIClient
from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.container_terms import (
    BACKGROUND_SHARES,
    FOREGROUND_SHARES,
    GVISOR,
    HOSTNAME,
    MASKED_PATHS,
    NO_NEW_PRIVILEGES,
    OOM_SCORE,
    READ_ONLY_PATHS,
    SCRATCH_OPTIONS,
    SYSFS,
    USER,
)
from grader.engine.sandbox.environment import SCRATCH, probe_command, probe_environment
from grader.engine.sandbox.owner import owner_labels

EXTRA_TASKS = 1  # the init
# gVisor's own kernel is a process of the container: its threads count as tasks (25 are too few for it to start), and
# so do two tasks of the host for each one inside. The number inside is limited inside.
GVISOR_TASKS = 256
GVISOR_TASKS_EACH = 2
# gVisor's kernel counts processor time, processes and the size of files under limits that are set from inside, and
# under no others. They are set before anything of a submission is there; raising one again takes a capability. As a
# limit of the container a largest file size would bound the file that holds the sandbox's memory.
_LIMITED = """
import resource
for _name, _soft, _hard in {limits!r}:
    resource.setrlimit(getattr(resource, _name), (_soft, _hard))
{program}
"""
_RUN_PROBE = "import runpy; runpy.run_module('grader.engine.probe', run_name='__main__', alter_sys=True)"


def container_settings(
    api: APIClient, profile: SandboxProfile, *, image: str, runtime: str | None, seccomp: str
) -> dict[str, Any]:
    """Arguments for `APIClient.create_container`, all but the name."""
    return {
        "image": image,
        "command": _command(profile, runtime),
        "entrypoint": [],
        "environment": probe_environment(profile),
        "user": USER,
        "hostname": HOSTNAME,
        "working_dir": SCRATCH,
        "stdin_open": True,
        "network_disabled": True,
        "healthcheck": {"test": ["NONE"]},
        "labels": owner_labels(),
        "host_config": _host_config(api, profile, runtime=runtime, seccomp=seccomp),
    }


def _most_tasks(profile: SandboxProfile, runtime: str | None) -> int:
    if runtime == GVISOR:
        return GVISOR_TASKS_EACH * profile.processes + GVISOR_TASKS
    return profile.processes + EXTRA_TASKS


def _command(profile: SandboxProfile, runtime: str | None) -> list[str]:
    if runtime != GVISOR:
        return probe_command(profile, "python3")
    limits = [
        ("RLIMIT_NPROC", profile.processes, profile.processes),
        ("RLIMIT_FSIZE", profile.file_bytes, profile.file_bytes),
        ("RLIMIT_CPU", profile.cpu_s, profile.cpu_s + 1),
    ]
    program = _LIMITED.format(limits=limits, program=profile.program or _RUN_PROBE)
    return probe_command(replace(profile, program=program), "python3")


def _host_config(api: APIClient, profile: SandboxProfile, *, runtime: str | None, seccomp: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "network_mode": "none",
        "ipc_mode": "private",
        "shm_size": profile.shm_bytes,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": [NO_NEW_PRIVILEGES, f"seccomp={seccomp}"],
        "pids_limit": _most_tasks(profile, runtime),
        "mem_limit": profile.memory_bytes,
        "memswap_limit": profile.memory_bytes,
        "nano_cpus": int(profile.cpus * 1e9),
        "cpu_shares": BACKGROUND_SHARES if profile.background else FOREGROUND_SHARES,
        "oom_score_adj": OOM_SCORE,
        # As process 1 of its namespace Python would not see SIGXCPU, and nobody would collect its orphans.
        "init": True,
        "tmpfs": {SCRATCH: SCRATCH_OPTIONS.format(size=profile.scratch_bytes)},
        "ulimits": [
            Ulimit(name="nofile", soft=profile.open_files, hard=profile.open_files),
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="cpu", soft=profile.cpu_s, hard=profile.cpu_s + 1),
        ],
        # Nothing a submission prints may fill the engine's disk.
        "log_config": LogConfig(type=LogConfig.types.NONE),
    }
    if runtime is not None:
        settings["runtime"] = runtime
    if runtime != GVISOR:
        settings["ulimits"].append(Ulimit(name="fsize", soft=profile.file_bytes, hard=profile.file_bytes))
    masked: tuple[str, ...] = MASKED_PATHS
    if profile.gpu is not None:
        settings["device_requests"] = [DeviceRequest(device_ids=[profile.gpu], capabilities=[["gpu"]])]
    else:
        masked = (*masked, SYSFS)
    config: dict[str, Any] = api.create_host_config(**settings)
    return {**config, "MaskedPaths": list(masked), "ReadonlyPaths": list(READ_ONLY_PATHS)}
