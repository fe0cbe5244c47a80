"""What every container of ours has in common, in the engine's own terms.

Apart from docker_settings.py because the engine proxy holds containers to the same terms without Docker's SDK.
docs/sandbox.md says what each line closes.
"""

from __future__ import annotations

USER = "65534:65534"  # both numbers: with a bare uid that is not in the image's passwd the group would be 0
HOSTNAME = "sandbox"
LABEL = "grader.sandbox"
WORKER_LABEL = "grader.worker"
STARTED_LABEL = "grader.worker-started"
BOOT_LABEL = "grader.boot"
NAMESPACE_LABEL = "grader.pid-namespace"
HOST_LABEL = "grader.host"
NAME_PREFIX = "grader-"
NAME_BYTES = 6
# The engine's own list, and what it leaves open: kernel symbols, its configuration, memory layout.
MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/cmdline", "/proc/config.gz", "/proc/iomem", "/proc/ioports", "/proc/kallsyms",
    "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kmsg", "/proc/kpagecount", "/proc/kpageflags",
    "/proc/latency_stats", "/proc/modules", "/proc/sched_debug", "/proc/scsi", "/proc/slabinfo", "/proc/swaps",
    "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo", "/proc/zoneinfo", "/dev/mqueue",
)  # fmt: skip
READ_ONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# Not needed by torch on a CPU; CUDA looks for its devices there.
SYSFS = "/sys"
SCRATCH_OPTIONS = "rw,noexec,nosuid,nodev,size={size},mode=1777"
FOREGROUND_SHARES = 1024
BACKGROUND_SHARES = 2
# Memory pressure on the whole machine takes sandboxes first.
OOM_SCORE = 1000
NO_NEW_PRIVILEGES = "no-new-privileges:true"
GVISOR = "runsc"
