"""Both versions of control groups, on directories that look like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.engine.sandbox.cgroups import Group, GroupFacts, GroupLimits, GroupTree, NoCgroup

LIMITS = GroupLimits(memory_bytes=1000, tasks=7, cpus=0.5)


def v1(root: Path, *, own: str = "/service") -> GroupTree:
    for controller in ("memory", "pids", "cpu", "cpuacct"):
        (root / controller / own.lstrip("/")).mkdir(parents=True)
    (root / "own").write_text(f"4:memory:{own}\n8:pids:{own}\n1:cpu,cpuacct:{own}\n0::/\n")
    return GroupTree(root, root / "own", is_root=True)


def v2(root: Path, *, is_root: bool = True) -> GroupTree:
    (root / "cgroup.controllers").write_text("cpu memory pids")
    (root / "service").mkdir()
    (root / "own").write_text("0::/service\n")
    return GroupTree(root, root / "own", is_root=is_root)


def test_v1_makes_a_directory_for_each_controller_below_our_own_group(tmp_path: Path) -> None:
    group = v1(tmp_path).make("w1-one")
    assert group.version == 1
    assert group.directories["memory"] == tmp_path / "memory/service/grader/w1-one"
    assert {file.parent for file in group.join_files} == set(group.directories.values())


def test_v1_inside_a_container_uses_the_mount_itself(tmp_path: Path) -> None:
    tree = v1(tmp_path)
    (tmp_path / "own").write_text("4:memory:/docker/abc\n8:pids:/docker/abc\n")
    assert tree.make("w1-one").directories["memory"] == tmp_path / "memory/grader/w1-one"


def test_v1_limits_memory_swap_tasks_and_cores(tmp_path: Path) -> None:
    group = v1(tmp_path).make("w1-one")
    (group.directories["memory"] / "memory.memsw.limit_in_bytes").touch()
    (group.directories["cpu"] / "cpu.cfs_quota_us").touch()
    group.limit(LIMITS)
    assert (group.directories["memory"] / "memory.limit_in_bytes").read_text() == "1000"
    assert (group.directories["memory"] / "memory.memsw.limit_in_bytes").read_text() == "1000"
    assert (group.directories["pids"] / "pids.max").read_text() == "7"
    assert (group.directories["cpu"] / "cpu.cfs_quota_us").read_text() == "50000"


def test_v1_asks_for_no_more_than_a_group_above_has(tmp_path: Path) -> None:
    group = v1(tmp_path).make("w1-one")
    directory = group.directories["cpu"]
    (directory / "cpu.cfs_quota_us").touch()
    for above, quota in ((directory.parent, "-1"), (directory.parent.parent, "20000")):
        (above / "cpu.cfs_quota_us").write_text(quota)
        (above / "cpu.cfs_period_us").write_text("50000")
    group.limit(LIMITS)
    assert (directory / "cpu.cfs_quota_us").read_text() == "40000"


def test_v1_facts(tmp_path: Path) -> None:
    group = v1(tmp_path).make("w1-one")
    (group.directories["memory"] / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (group.directories["memory"] / "memory.max_usage_in_bytes").write_text("900\n")
    (group.directories["cpuacct"] / "cpuacct.usage").write_text("1500000000\n")
    (group.directories["pids"] / "pids.events").write_text("max 31\n")
    assert group.facts() == GroupFacts(oom_kills=2, peak_bytes=900, cpu_s=1.5, refused_tasks=31)


def test_v2_limits_and_facts(tmp_path: Path) -> None:
    group = v2(tmp_path).make("w1-one")
    directory = tmp_path / "grader/w1-one"
    assert group.join_files == (directory / "cgroup.procs",)
    for name in ("memory.swap.max", "cpu.max"):
        (directory / name).touch()
    group.limit(LIMITS)
    assert (directory / "memory.max").read_text() == "1000"
    assert (directory / "memory.swap.max").read_text() == "0"
    assert (directory / "cpu.max").read_text() == "50000 100000"
    (directory / "memory.events").write_text("low 0\noom 3\noom_kill 1\n")
    (directory / "memory.peak").write_text("800")
    (directory / "pids.events").write_text("max 4\n")
    (directory / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    assert group.facts() == GroupFacts(oom_kills=1, peak_bytes=800, cpu_s=2.5, refused_tasks=4)


def test_v2_hands_the_controllers_on(tmp_path: Path) -> None:
    v2(tmp_path).make("w1-one")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    assert (tmp_path / "grader/cgroup.subtree_control").read_text() == "+memory +pids +cpu"


def test_v2_not_as_root_stays_below_its_own_group(tmp_path: Path) -> None:
    group = v2(tmp_path, is_root=False).make("w1-one")
    assert group.directories["memory"] == tmp_path / "service/grader/w1-one"


def test_facts_of_a_group_that_has_gone_are_unknown(tmp_path: Path) -> None:
    assert Group(directories={"memory": tmp_path / "gone"}, version=2).facts() == GroupFacts()


def test_no_memory_controller_is_said(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    with pytest.raises(NoCgroup, match="memory controller"):
        GroupTree(tmp_path, tmp_path / "own").make("w1-one")


def test_a_refused_limit_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoCgroup, match="refused"):
        Group(directories={"memory": tmp_path / "gone"}, version=2).limit(LIMITS)


def test_remove_and_strays(tmp_path: Path) -> None:
    tree = v1(tmp_path)
    group = tree.make("w1-one")
    assert [name for name, _ in tree.strays()] == ["w1-one"]
    assert group.remove()
    assert tree.strays() == []
