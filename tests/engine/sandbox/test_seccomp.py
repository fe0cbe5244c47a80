from __future__ import annotations

import json
import os

import pytest

from grader.engine.sandbox import seccomp
from grader.engine.sandbox.conformance_walls import REFUSED_GROUPS

PROFILE = json.loads(seccomp.profile_text())


def allowed() -> set[str]:
    return {name for entry in PROFILE["syscalls"] if entry["action"] == "SCMP_ACT_ALLOW" for name in entry["names"]}


def test_what_is_not_listed_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert len(allowed()) > 150


def test_no_refused_call_is_listed() -> None:
    refused = {name for calls in REFUSED_GROUPS.values() for name, _ in calls} - {"clone", "clone3"}
    sockets = {"socket", "socketpair", "connect", "bind", "sendmsg", "recvmsg"}
    assert not allowed() & (
        refused | sockets | {"execveat", "userfaultfd", "setuid", "setns", "tee", "shmget", "mq_open"}
    )


def test_clone_is_allowed_without_any_namespace_flag() -> None:
    entry = next(entry for entry in PROFILE["syscalls"] if entry["names"] == ["clone"])
    newns, newcgroup, newuts, newipc, newuser, newpid, newnet = (
        0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
    )  # fmt: skip
    mask = newns | newcgroup | newuts | newipc | newuser | newpid | newnet
    assert entry["args"] == [{"index": 0, "value": mask, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]


def test_clone3_says_not_known_so_that_libc_uses_clone() -> None:
    entry = next(entry for entry in PROFILE["syscalls"] if entry["names"] == ["clone3"])
    assert (entry["action"], entry["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_no_name_is_listed_twice() -> None:
    names = [name for entry in PROFILE["syscalls"] for name in entry["names"]]
    assert len(names) == len(set(names))


def test_the_profile_compiles_here_and_unknown_names_are_skipped() -> None:
    if seccomp.missing_library() is not None:
        pytest.skip(str(seccomp.missing_library()))
    program = seccomp.compile_filter(seccomp.profile_text())
    assert len(program) % 8 == 0
    assert len(program) > 8 * 50
    profile = {**PROFILE, "syscalls": [*PROFILE["syscalls"], {"names": ["no_such_call"], "action": "SCMP_ACT_ALLOW"}]}
    assert seccomp.compile_filter(json.dumps(profile)) == program


def test_the_filter_descriptor_is_at_its_start() -> None:
    descriptor = seccomp.filter_descriptor(b"12345678")
    try:
        assert os.read(descriptor, 100) == b"12345678"
    finally:
        os.close(descriptor)


def test_gvisor_gets_the_same_list_but_for_clone3() -> None:
    assert seccomp.profile_for(None) == seccomp.profile_for("runc") == seccomp.profile_text()
    ours, theirs = json.loads(seccomp.profile_text()), json.loads(seccomp.profile_for("runsc"))
    differing = [
        (before, after) for before, after in zip(ours["syscalls"], theirs["syscalls"], strict=True) if before != after
    ]
    assert [after for _, after in differing] == [{"names": ["clone3"], "action": "SCMP_ACT_ALLOW"}]
    assert ours["defaultAction"] == theirs["defaultAction"] != "SCMP_ACT_ALLOW"
