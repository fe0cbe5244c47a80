"""Control groups: the memory, process and CPU limits that hold for a whole sandbox, on kernels with v1 or v2.

The invariant: a group is made and limited before a process joins it, and is read before it is removed. Process
limits (rlimits) hold for one process; only a group counts children, shared memory and tmpfs pages as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
FAMILY = "grader"
PERIOD_US = 100_000
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")


class NoCgroup(Exception):
    """No group with a memory limit can be made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """Of one sandbox: bytes, tasks, cores."""

    memory_bytes: int
    tasks: int
    cpus: float
    background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """What a group counted. None where the kernel does not say."""

    oom_kills: int = 0
    peak_bytes: int | None = None
    cpu_s: float | None = None
    refused_tasks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One sandbox's group: a directory for each v1 controller, or one for v2."""

    directories: dict[str, Path]
    version: int

    @property
    def join_files(self) -> tuple[Path, ...]:
        return tuple(sorted({directory / "cgroup.procs" for directory in self.directories.values()}))

    def limit(self, limits: GroupLimits) -> None:
        """Set every limit.

        Raises:
            NoCgroup: the kernel refused one.

        """
        try:
            self._limit_v2(limits) if self.version == 2 else self._limit_v1(limits)
        except OSError as error:
            raise NoCgroup(f"the kernel refused a control group limit ({error})") from error
        if limits.background:
            self.weigh(background=True)

    def weigh(self, *, background: bool) -> None:
        """How much of the processor it gets where others want it too. A kernel that cannot is let be."""
        with contextlib.suppress(OSError, KeyError):
            if self.version == 2:
                (self.directories["memory"] / "cpu.weight").write_text("1" if background else "100")
            else:
                (self.directories["cpu"] / "cpu.shares").write_text("2" if background else "1024")

    def facts(self) -> GroupFacts:
        if self.version == 2:
            directory = self.directories["memory"]
            usage_us = _keyed(directory / "cpu.stat").get("usage_usec")
            return GroupFacts(
                oom_kills=_keyed(directory / "memory.events").get("oom_kill", 0),
                peak_bytes=_number(directory / "memory.peak"),
                cpu_s=None if usage_us is None else usage_us / 1e6,
                refused_tasks=_refused_tasks(directory),
            )
        usage_ns = _number(self.directories["cpuacct"] / "cpuacct.usage") if "cpuacct" in self.directories else None
        return GroupFacts(
            # memory.failcnt stays 0 when the kernel kills: only this counter tells.
            oom_kills=_keyed(self.directories["memory"] / "memory.oom_control").get("oom_kill", 0),
            peak_bytes=_number(self.directories["memory"] / "memory.max_usage_in_bytes"),
            cpu_s=None if usage_ns is None else usage_ns / 1e9,
            refused_tasks=_refused_tasks(self.directories["pids"]) if "pids" in self.directories else 0,
        )

    def kill(self, *, within_s: float = 2.0) -> bool:
        """Kill every process in the group until none is left; False if some outlived the time."""
        deadline = time.monotonic() + within_s
        while True:
            pids = self._pids()
            if not pids:
                return True
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)

    def remove(self) -> bool:
        """Remove the directories; False if a process still holds one. They are empty once every process is gone."""
        gone = True
        for directory in set(self.directories.values()):
            for _ in range(50):
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    # EBUSY for some milliseconds after the last process was reaped.
                    time.sleep(0.005)
                else:
                    break
            gone = gone and not directory.exists()
        return gone

    def _pids(self) -> list[int]:
        try:
            return [int(line) for line in (self.directories["memory"] / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def _limit_v1(self, limits: GroupLimits) -> None:
        memory = self.directories["memory"]
        (memory / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
        if (memory / "memory.memsw.limit_in_bytes").exists():
            (memory / "memory.memsw.limit_in_bytes").write_text(str(limits.memory_bytes))
        (self.directories["pids"] / "pids.max").write_text(str(limits.tasks))
        quota = self.directories.get("cpu")
        if quota is not None and (quota / "cpu.cfs_quota_us").exists():
            (quota / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (quota / "cpu.cfs_quota_us").write_text(str(_quota_us(quota, limits.cpus)))

    def _limit_v2(self, limits: GroupLimits) -> None:
        directory = self.directories["memory"]
        (directory / "memory.max").write_text(str(limits.memory_bytes))
        if (directory / "memory.swap.max").exists():
            (directory / "memory.swap.max").write_text("0")
        (directory / "pids.max").write_text(str(limits.tasks))
        if (directory / "cpu.max").exists():
            (directory / "cpu.max").write_text(f"{int(limits.cpus * PERIOD_US)} {PERIOD_US}")


class GroupTree:
    """Where this machine's groups for sandboxes are made: below our own group, so that a limit on us holds too."""

    def __init__(self, mount: Path = MOUNT, own: Path = OWN_GROUPS, *, is_root: bool | None = None) -> None:
        self._mount = mount
        self._own = own
        self._is_root = os.geteuid() == 0 if is_root is None else is_root

    def make(self, name: str) -> Group:
        """A new, empty group.

        Raises:
            NoCgroup: there is no memory or pids controller here that we may use.

        """
        version, parents = self._parents()
        made: dict[str, Path] = {}
        try:
            for controller, parent in parents.items():
                made[controller] = parent / name
                made[controller].mkdir(exist_ok=version == 2 or controller == "cpuacct")
        except OSError as error:
            Group(directories=made, version=version).remove()
            raise NoCgroup(f"a control group cannot be made at {made[controller]} ({error.strerror})") from error
        return Group(directories=made, version=version)

    def strays(self) -> list[tuple[str, Group]]:
        """Every sandbox group below ours, by name; those of living workers too."""
        try:
            version, parents = self._parents()
        except NoCgroup:
            return []
        names = {child.name for parent in parents.values() for child in parent.iterdir() if child.is_dir()}
        return [
            (
                name,
                Group(
                    directories={controller: parent / name for controller, parent in parents.items()}, version=version
                ),
            )
            for name in sorted(names)
        ]

    def _parents(self) -> tuple[int, dict[str, Path]]:
        try:
            own = self._own.read_text()
        except OSError as error:
            raise NoCgroup("/proc is not mounted") from error
        lines = [line.split(":", 2) for line in own.splitlines()]
        parents = {
            controller: self._v1_parent(controller, path)
            for _, controllers, path in lines
            for controller in controllers.split(",")
            if controller in CONTROLLERS and (self._mount / controller).is_dir()
        }
        if {"memory", "pids"} <= parents.keys():
            return 1, parents
        path = next((path for number, controllers, path in lines if number == "0" and not controllers), "/")
        parent = self._v2_parent(path)
        return 2, {"memory": parent}

    def _v1_parent(self, controller: str, path: str) -> Path:
        # Inside a container the path is the host's, and the mount begins at our own group.
        own = self._mount / controller / path.lstrip("/")
        parent = (own if own.is_dir() else self._mount / controller) / FAMILY
        try:
            parent.mkdir(exist_ok=True)
        except OSError as error:
            raise NoCgroup(f"a control group cannot be made at {parent} ({error.strerror})") from error
        return parent

    def _v2_parent(self, path: str) -> Path:
        """A group that may hand memory, pids and cpu to its children.

        Only the root may hold processes as well, so elsewhere our own processes first move into a leaf beside the
        sandboxes.
        """
        if not (self._mount / "cgroup.controllers").exists():
            raise NoCgroup(f"{self._mount} holds neither version of control groups with a memory controller")
        own = self._mount / path.lstrip("/")
        own = own if own.is_dir() else self._mount
        # A second backend of this process, or a worker's child, finds itself in the leaf already.
        own = own.parent if own.name == f"{FAMILY}-trusted" else own
        candidates = (self._mount, own) if self._is_root else (own,)
        refusals = []
        for candidate in dict.fromkeys(candidates):
            try:
                return self._delegate(candidate)
            except OSError as error:
                refusals.append(f"{candidate}: {error.strerror}")
        raise NoCgroup(f"no control group here may limit memory ({'; '.join(refusals)})")

    def _delegate(self, group: Path) -> Path:
        wanted = "+memory +pids +cpu"
        try:
            (group / "cgroup.subtree_control").write_text(wanted)
        except OSError:
            leaf = group / f"{FAMILY}-trusted"
            leaf.mkdir(exist_ok=True)
            for pid in (group / "cgroup.procs").read_text().split():
                (leaf / "cgroup.procs").write_text(pid)
            (group / "cgroup.subtree_control").write_text(wanted)
        parent = group / FAMILY
        parent.mkdir(exist_ok=True)
        (parent / "cgroup.subtree_control").write_text(wanted)
        return parent


def _keyed(path: Path) -> dict[str, int]:
    """The kernel's `key value` lines."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {
        parts[0]: int(parts[1]) for parts in (line.split() for line in lines) if len(parts) == 2 and parts[1].isdigit()
    }


def _quota_us(directory: Path, cpus: float) -> int:
    """Of each period, for so many cores or what a group above has: version 1 refuses a child more than that."""
    allowed = int(cpus * PERIOD_US)
    for above in directory.parents:
        quota, period = _number(above / "cpu.cfs_quota_us"), _number(above / "cpu.cfs_period_us")
        if quota is None or period is None:
            break
        if quota > 0:
            allowed = min(allowed, quota * PERIOD_US // period)
    return allowed


def _refused_tasks(directory: Path) -> int:
    """How often a process or thread was refused for this group's own limit."""
    return _keyed(directory / "pids.events").get("max", 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
