"""What a container may use and do, in the engine's own terms. docs/sandbox.md says what each line closes."""

from __future__ import annotations

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
# a largest file size would be the size of the file it keeps the sandbox's memory in.
GVISOR_TASKS = 256


def container_settings(
    api: APIClient, profile: SandboxProfile, *, image: str, runtime: str | None, seccomp: str
) -> dict[str, Any]:
    """Arguments for `APIClient.create_container`, all but the name."""
    return {
        "image": image,
        "command": probe_command(profile, "python3"),
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


def _host_config(api: APIClient, profile: SandboxProfile, *, runtime: str | None, seccomp: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "network_mode": "none",
        "ipc_mode": "private",
        "shm_size": profile.shm_bytes,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": [NO_NEW_PRIVILEGES, f"seccomp={seccomp}"],
        "pids_limit": profile.processes + (GVISOR_TASKS if runtime == GVISOR else EXTRA_TASKS),
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
