"""The environment variables of a probe: the whole of them, the same in every backend."""

from __future__ import annotations

from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.trees import PACKAGES_ROOT, PROBE_ROOT

SCRATCH = "/tmp"  # noqa: S108  # the sandbox's own


def probe_environment(profile: SandboxProfile) -> dict[str, str]:
    """One thread count for every library that would otherwise count the host's cores."""
    threads = str(profile.threads)
    return {
        **_gpu_environment(profile),
        "PATH": "/opt/python/bin:/usr/local/bin:/usr/bin",
        "PYTHONPATH": f"{PROBE_ROOT}:{PACKAGES_ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        # The same run repeated gives the same verdict: set and dict-of-set order must not change between runs.
        "PYTHONHASHSEED": "0",
        "LANG": "C.UTF-8",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        # There is no /etc/passwd inside; torch asks for a user name to name its cache folder.
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "MPLCONFIGDIR": f"{SCRATCH}/matplotlib",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "GRADER_PROBE_WARM": "1" if profile.warm else "0",
    }


def _gpu_environment(profile: SandboxProfile) -> dict[str, str]:
    if profile.gpu is None:
        return {}
    return {
        "GRADER_PROBE_GPU": f"{profile.gpu_share:.4f}",
        # The engine shows one device, which is number 0 inside unless it is named.
        "CUDA_VISIBLE_DEVICES": profile.gpu if profile.gpu.startswith(("GPU-", "MIG-")) else "0",
        # Kernels are loaded when they are first used: a context costs less memory and starts sooner.
        "CUDA_MODULE_LOADING": "LAZY",
        # A sandbox is used once, so nothing would read what it keeps there.
        "CUDA_CACHE_DISABLE": "1",
        # cuBLAS gives the same sums each time only with a workspace of a fixed size.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }


def probe_command(profile: SandboxProfile, python: str) -> list[str]:
    """What runs inside: the probe, or the profile's own program."""
    if profile.program is not None:
        return [python, "-u", "-c", profile.program]
    return [python, "-u", "-m", "grader.engine.probe"]
