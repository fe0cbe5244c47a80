"""The environment variables of a probe: the whole of them, the same in every backend."""

from __future__ import annotations

from grader.engine.sandbox.base import SandboxProfile
from grader.engine.sandbox.trees import PACKAGES_ROOT, PROBE_ROOT

SCRATCH = "/tmp"  # noqa: S108  # the sandbox's own


def probe_environment(profile: SandboxProfile) -> dict[str, str]:
    """One thread count for every library that would otherwise count the host's cores."""
    threads = str(profile.threads)
    return {
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


def probe_command(profile: SandboxProfile, python: str) -> list[str]:
    """What runs inside: the probe, or the profile's own program."""
    if profile.program is not None:
        return [python, "-u", "-c", profile.program]
    return [python, "-u", "-m", "grader.engine.probe"]
