"""What jobs of one fork server could try because they come from one process: each idea, and that it gets nowhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grader.domain.ending import EndingReason
from grader.engine.sandbox import fork_calls, seccomp
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.conformance_trial import SMALL, outcome, processes_with, read_line, started, status_of
from grader.engine.sandbox.fork import ForkBackend

pytestmark = pytest.mark.sandbox
SLEEPS = "import time; print('up', flush=True); time.sleep(60)"


def told(backend: SandboxBackend, program: str) -> Any:
    return outcome(backend, program).told()


@pytest.fixture
def sibling(fork: SandboxBackend) -> Iterator[Any]:
    """A job that lives while others are tried."""
    with started(fork, SLEEPS) as job:
        assert read_line(job) == "up"
        yield job
        assert job.is_alive()


SEES = """
import json, os
processes = [n for n in os.listdir("/proc") if n.isdigit()]
reached = []
for number in (1, *range(3, 400)):
    for name in ("environ", "maps", "mem", "fd", "cwd", "root", "exe", "io", "syscall"):
        path = f"/proc/{number}/{name}"
        try:
            os.listdir(path) if name == "fd" else os.readlink(path) if name in ("cwd", "root", "exe") else open(path)
            reached.append(path)
        except OSError:
            pass
print(json.dumps({"processes": processes, "pid": os.getpid(), "reached": reached, "parent": os.getppid()}))
"""


def test_a_job_sees_itself_and_a_first_process_that_it_cannot_look_into(fork: SandboxBackend, sibling: Any) -> None:
    seen = told(fork, SEES)
    assert sorted(seen["processes"]) == ["1", "2"]
    assert (seen["pid"], seen["parent"], seen["reached"]) == (2, 1, [])


SIGNALS = """
import json, os, signal
for number in range(1, 65):
    for target in (1, -1):
        try:
            os.kill(target, number)
        except OSError:
            pass
print(json.dumps("here"))
"""


def test_signals_reach_neither_siblings_nor_the_first_process_nor_the_server(
    fork: SandboxBackend, sibling: Any
) -> None:
    """kill(-1) spares its caller and number 1, whatever the number."""
    ended = outcome(fork, SIGNALS)
    assert ended.told() == "here"
    assert ended.ending.exit_code == 0
    with started(fork, SLEEPS) as later:
        assert read_line(later) == "up"


LIMITS_OF_ONE = """
import json, resource, time
resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))
resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
resource.prlimit(1, resource.RLIMIT_FSIZE, (0, 0))
raise SystemExit(7)
"""


def test_a_job_that_starves_its_first_process_is_not_taken_for_our_failure(fork: SandboxBackend) -> None:
    """Whoever ends the only one who could tell its status has crashed; it was not the machine that lost it."""
    ending = outcome(fork, LIMITS_OF_ONE).ending
    assert ending.reason in (EndingReason.EXITED, EndingReason.CRASHED)


DESCRIPTORS = """
import json, os
found = {}
for name in os.listdir("/proc/self/fd"):
    try:
        found[name] = os.readlink(f"/proc/self/fd/{name}").split(":")[0]
    except OSError:
        pass  # the listing's own
print(json.dumps(found))
"""


def test_a_job_has_its_three_pipes_and_nothing_else_while_others_run(fork: SandboxBackend, sibling: Any) -> None:
    with started(fork, SLEEPS) as second:
        read_line(second)
        assert told(fork, DESCRIPTORS) == {"0": "pipe", "1": "pipe", "2": "pipe"}
        # As this machine sees them, the first process of each too: its one socket is of its own job.
        sockets = []
        for job in (sibling, second):
            for pid in jobs_processes(job.name):
                links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
                assert all(link.startswith(("pipe:", "socket:", "/dev/null")) for link in links), links
                assert len(links) == len({0, 1, 2}) + any(link.startswith("socket:") for link in links)
                sockets += [link for link in links if link.startswith("socket:")]
        assert len(sockets) == len(set(sockets)) == 2


def jobs_processes(name: str) -> list[int]:
    """This machine's numbers of the processes in a job's control group."""
    from grader.engine.sandbox.cgroups import GroupTree

    group = dict(GroupTree().strays())[name]
    return [int(line) for line in (group.directories["memory"] / "cgroup.procs").read_text().split()]


NUMBERS = """
import json, os, random, tempfile, uuid
import numpy, torch
print(json.dumps({
    "random": random.getrandbits(64), "numpy": float(numpy.random.rand()), "system": os.urandom(8).hex(),
    "uuid": uuid.uuid4().hex, "generator": float(numpy.random.default_rng().random()), "torch": torch.initial_seed(),
    "drawn": torch.rand(3).tolist(),
}))
"""


def test_siblings_draw_different_numbers(fork: SandboxBackend) -> None:
    first, second = (told(fork, NUMBERS) for _ in range(2))
    assert {name for name in first if first[name] == second[name]} == set()


SECRETS = """
import json, os, re
control = "".join(["of-its", "-own"]) * 2
# A class for each letter: what is looked for lies nowhere because it is looked for.
patterns = [re.compile(b"".join(b"[%c]" % code for code in reversed(needle.encode()))) for needle in {needles!r}]
found = set()
for line in open("/proc/self/maps"):
    places, rights, *rest = line.split()
    if not rights.startswith("rw"):
        continue
    start, end = (int(text, 16) for text in places.split("-"))
    try:
        with open("/proc/self/mem", "rb") as memory:
            memory.seek(start)
            held = memory.read(min(end - start, 1 << 28))
    except (OSError, ValueError, OverflowError):
        continue
    found |= {{number for number, pattern in enumerate(patterns) if pattern.search(held)}}
print(json.dumps({{"found": sorted(found), "environment": dict(os.environ),
                  "first": open("/proc/self/environ").read()}}))
"""


def test_nothing_of_the_host_is_in_a_jobs_memory(fork: SandboxBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fork server holds, every job holds: it is searched for our environment, paths and names of jobs.

    The last needle is the program's own, so that a search which finds nothing at all is seen.
    """
    here, mark = str(Path.cwd()), "mark-" + os.urandom(8).hex()
    monkeypatch.setenv("GRADER_DATABASE_URL", f"{mark}-variable")
    backend = ForkBackend(preload=False)
    try:
        with started(backend, SLEEPS) as other:
            read_line(other)
            needles = [text[::-1] for text in (f"{mark}-variable", here, other.name, "of-its-ownof-its-own")]
            seen = json.loads(outcome(backend, SECRETS.format(needles=needles)).output)
    finally:
        backend.close()
    assert seen["found"] == [3]
    assert not [text for text in (*seen["environment"].values(), seen["first"]) if mark in text or here in text]


WRITES = """
import json, os
done = []
for path in ("/proc/1/oom_score_adj", "/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/hostname", "/proc/1/mem",
             "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/sysrq-trigger",
             "/proc/sys/net/ipv4/ip_forward", "/dev/shm/../null2", "/opt/probe/x", "/opt/packages/x"):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        done.append(path)
    except OSError:
        pass
terminals = [name for name in ("/dev/ptmx", "/dev/pts", "/dev/tty", "/dev/console") if os.path.exists(name)]
print(json.dumps({"done": done, "terminals": terminals, "devices": sorted(os.listdir("/dev")),
                  "session": os.getsid(0) == os.getpid(),
                  "namespaces": open("/proc/sys/user/max_user_namespaces").read().strip(),
                  "mounts": [line.split()[3:6] for line in open("/proc/self/mountinfo")]}))
"""


def test_a_job_can_change_nothing_and_shares_no_terminal(fork: SandboxBackend) -> None:
    seen = told(fork, WRITES)
    assert seen["done"] == []
    assert seen["terminals"] == []
    assert seen["session"]
    assert seen["namespaces"] == "0"
    # The last mount on a place is what is seen there.
    rights = {place: options.split(",") for _, place, options in seen["mounts"]}
    devices = {place for root, place, _ in seen["mounts"] if root in ("/null", "/zero", "/full", "/random", "/urandom")}
    writable = [place for place, options in rights.items() if "ro" not in options and place not in devices]
    assert writable == ["/tmp", "/dev/shm"]
    assert {"nosuid", "nodev", "noexec"} <= set(rights["/tmp"]) & set(rights["/dev/shm"])


NAMESPACES = """
import json, os, time
print(json.dumps({name: os.readlink(f"/proc/self/ns/{name}") for name in
                  ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")}), flush=True)
time.sleep(60)
"""


def test_every_namespace_is_a_jobs_own(fork: SandboxBackend) -> None:
    with started(fork, NAMESPACES) as first, started(fork, NAMESPACES) as second:
        theirs = [json.loads(read_line(job)) for job in (first, second)]
    ours = {name: str(Path("/proc/self/ns", name).readlink()) for name in theirs[0]}
    for name, number in ours.items():
        assert len({number, theirs[0][name], theirs[1][name]}) == 3, name


def test_a_job_is_locked_as_this_machine_sees_it(fork: SandboxBackend) -> None:
    """Both of its processes: no right, two filters, no new privileges, the first to go when memory is short."""
    with started(fork, SLEEPS) as job:
        read_line(job)
        processes = jobs_processes(job.name)
        assert len(processes) == 2
        assert set(processes_with(job.marker)) <= set(processes)
        assert len(processes_with(job.marker)) == 1
        for pid in processes:
            status = status_of(pid)
            assert [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
            assert int(status.get("Seccomp_filters", "2")) == 2
            assert status["Groups"] == ""
            assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"


EXTRA = """
import ctypes, errno, json, os
libc = ctypes.CDLL(None, use_errno=True)
reached = []
for name, number, arguments in {calls!r}:
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(value) for value in arguments])
    if result == 0 and name == "clone":
        os._exit(0)
    if result != -1 or ctypes.get_errno() != errno.EPERM:
        reached.append(name)
print(json.dumps(reached))
"""


def test_what_only_the_fork_server_may_call_is_refused_to_a_job(fork: SandboxBackend) -> None:
    from grader.engine.sandbox.forking import kernel

    arguments = {
        "recvmsg": (0, 0, 0), "mount": (0, 0, 0, 0, 0), "capset": (0, 0), "unshare": (kernel.UNSHARE_FLAGS,),
        "clone": (kernel.FORK_FLAGS, 0, 0, 0, 0),
    }  # fmt: skip
    assert set(arguments) == {*fork_calls.CALLS, "unshare", "clone"}
    numbers = seccomp.syscall_numbers(list(arguments))
    calls = [(name, numbers[name], values) for name, values in arguments.items()]
    assert told(fork, EXTRA.format(calls=calls)) == []


ORPHANS = """
import os, time
for _ in range(30):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
print("reaped", flush=True)
"""


def test_orphans_are_taken_in_and_do_not_fill_the_process_limit(fork: SandboxBackend) -> None:
    assert outcome(fork, ORPHANS).output == b"reaped\n"


def test_a_job_over_its_memory_harms_neither_a_sibling_nor_the_server(fork: SandboxBackend, sibling: Any) -> None:
    hog = "held = []\nwhile True: held.append(bytearray(b'x' * (4 << 20)))"
    for _ in range(2):
        ending = outcome(fork, hog, replace(SMALL, memory_bytes=96 * 2**20)).ending
        assert ending.reason is EndingReason.OUT_OF_MEMORY
        assert ending.peak_bytes is not None
        assert ending.peak_bytes <= 96 * 2**20
    assert outcome(fork, "print('well')").output == b"well\n"


FORGES = """
import os, socket
said = []
for number in range(3, 1024):
    for message in (b"status 0", b"here", b"ready"):
        try:
            os.write(number, message)
            said.append(number)
        except OSError:
            pass
os._exit(9 if not said else 0)
"""


def test_a_job_cannot_tell_its_own_status(fork: SandboxBackend) -> None:
    assert outcome(fork, FORGES).ending.exit_code == 9


def test_the_servers_filter_lets_a_wall_do_no_more_than_it_must() -> None:
    """Read by the kernel's own words: the list is the strict one and the calls that are named, with these flags."""
    strict, wider = (json.loads(text) for text in (seccomp.profile_text(), fork_calls.profile_text()))
    assert wider["syscalls"][: len(strict["syscalls"])] == strict["syscalls"]
    assert {**wider, "syscalls": []} == {**strict, "syscalls": []}
    added = wider["syscalls"][len(strict["syscalls"]) :]
    new_user, new_pid, new_mounts, new_groups = 0x10000000, 0x20000000, 0x00020000, 0x02000000
    new_names, new_ipc, new_net, sigchld = 0x04000000, 0x08000000, 0x40000000, 17
    forking = {"index": 0, "value": new_user | new_pid | sigchld, "valueTwo": 0, "op": "SCMP_CMP_EQ"}
    rest = new_mounts | new_groups | new_names | new_ipc | new_net
    unsharing = {"index": 0, "value": rest, "valueTwo": 0, "op": "SCMP_CMP_EQ"}
    assert added == [
        {"names": ["recvmsg", "mount", "capset"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [forking]},
        {"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "args": [unsharing]},
    ]
