"""What a sandbox must keep closed: network, kernel interfaces, the file system, other processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from grader.engine.sandbox import seccomp
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.conformance_trial import (
    SMALL,
    Behaviour,
    outcome,
    processes_with,
    read_line,
    real_identity,
    require,
    started,
    status_of,
)
from grader.engine.sandbox.trees import PACKAGE_ROOT

SOCKETS = """
import json, socket
families = {"inet": 2, "inet6": 10, "unix": 1, "netlink": 16, "packet": 17, "alg": 38, "vsock": 40, "xdp": 44}
made = []
for name, family in families.items():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            made.append(f"{name}/{kind}")
        except OSError:
            pass
try:
    socket.socketpair()
    made.append("socketpair")
except OSError:
    pass
interfaces = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
print(json.dumps({"made": made, "interfaces": interfaces}))
"""

CONNECTS = """
import json, socket
connected = []
for family, address in {targets!r}:
    try:
        with socket.socket(family) as link:
            link.settimeout(1)
            link.connect(tuple(address) if isinstance(address, list) else address)
            connected.append(str(address))
    except OSError:
        pass
print(json.dumps(connected))
"""

REFUSED = """
import ctypes, errno, json, os
libc = ctypes.CDLL(None, use_errno=True)
reached = {{}}
for name, number, arguments in {calls!r}:
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(value) for value in arguments])
    if result == 0 and name == "clone":
        os._exit(0)
    code = ctypes.get_errno()
    if result != -1 or code not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        reached[name] = result if result != -1 else errno.errorcode.get(code, str(code))
print(json.dumps(reached))
"""

# Each call is made with arguments that do nothing; reaching the kernel shows as EINVAL, EFAULT or success.
CLONE_NEWUSER, CLONE_NEWNS, SIGCHLD, PTRACE_TRACEME = 0x10000000, 0x00020000, 17, 0
REFUSED_GROUPS: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "io_uring": (("io_uring_setup", (1, 0)), ("io_uring_enter", (-1,)), ("io_uring_register", (-1,))),
    "ptrace": (("ptrace", (PTRACE_TRACEME, 0, 0, 0)), ("process_vm_readv", (1,)), ("process_vm_writev", (1,))),
    "namespaces": (
        ("unshare", (CLONE_NEWUSER,)), ("unshare", (CLONE_NEWNS,)), ("setns", (-1, 0)),
        ("clone", (CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)), ("clone3", (0, 0)),
    ),
    "mounts": (
        ("mount", (0, 0, 0, 0, 0)), ("umount2", (0, 0)), ("pivot_root", (0, 0)), ("chroot", (0,)),
        ("move_mount", (-1, 0, -1, 0, 0)), ("fsopen", (0, 0)), ("open_tree", (-1, 0, 0)),
        ("fsmount", (-1, 0, 0)), ("mount_setattr", (-1, 0, 0, 0, 0)),
    ),
    "keyrings": (("keyctl", (0, -3, 0)), ("add_key", (0, 0, 0, 0, 0)), ("request_key", (0, 0, 0, 0))),
    "bpf": (("bpf", (0, 0, 0)), ("perf_event_open", (0, 0, -1, -1, 0)), ("userfaultfd", (-1,))),
    "kernel_changes": (
        ("init_module", (0, 0, 0)), ("finit_module", (-1, 0, 0)), ("delete_module", (0, 0)),
        ("kexec_load", (0, 0, 0, 0)), ("reboot", (0, 0, 0, 0)), ("swapon", (0, 0)), ("settimeofday", (0, 0)),
        ("sethostname", (0, 0)), ("syslog", (3, 0, 0)),
        ("iopl", (3,)), ("acct", (0,)),
    ),
    "file_handles": (
        ("open_by_handle_at", (-1, 0, 0)), ("name_to_handle_at", (-1, 0, 0, 0, 0)), ("fanotify_init", (0, 0)),
        ("mknodat", (-100, 0, 0, 0)), ("quotactl", (0, 0, 0, 0)),
    ),
    "splicing": (("splice", (-1, 0, -1, 0, 0, 0)), ("vmsplice", (-1, 0, 0, 0)), ("personality", (0x40000,))),
}  # fmt: skip

FOREIGN = """
import ctypes, json, mmap, os, platform
ran = []
if platform.machine() == "x86_64":
    libc = ctypes.CDLL(None)
    child = os.fork()
    if child == 0:
        os._exit(1 if libc.syscall(ctypes.c_long(0x40000000 + 39)) == os.getpid() else 0)
    if os.waitpid(child, 0)[1] == 256:
        ran.append("x32")
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        os._exit(1 if call() == os.getpid() else 0)
    if os.waitpid(child, 0)[1] == 256:
        ran.append("int 0x80")
print(json.dumps(ran))
"""

STATUS = """
import ctypes, json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
status = {key: value.strip() for key, value in status.items()}
print(json.dumps({"status": status, "hostname": os.uname().nodename,
                  "locked": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)}), flush=True)
"""
LOCKED_LIVING = STATUS + "import time; time.sleep(60)"

IDENTITY = """
import os, time
print(*os.getresuid(), *os.getresgid(), *os.getgroups(), flush=True)
time.sleep(60)
"""

WRITES = """
import json, os
written = []
for folder, folders, files in os.walk("/"):
    if folder.count("/") > 4 or folder == "/proc":
        folders.clear()
        if folder == "/proc":
            continue
    try:
        descriptor = os.open(os.path.join(folder, ".written"), os.O_CREAT | os.O_WRONLY)
        os.close(descriptor)
        written.append(folder)
    except OSError:
        pass
opened = []
for folder, folders, files in os.walk("/proc/sys"):
    for name in files:
        try:
            os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
            opened.append(os.path.join(folder, name))
        except OSError:
            pass
for name in ("/proc/sysrq-trigger",):
    try:
        os.close(os.open(name, os.O_WRONLY))
        opened.append(name)
    except OSError:
        pass
print(json.dumps({"written": written, "opened": opened}))
"""

SEES = """
import json, os
found, processes, variables = [], [], dict(os.environ)
for path in {paths!r}:
    try:
        # An empty folder of the image is nothing of the host's.
        if os.listdir(path) if os.path.isdir(path) else open(path).read(0) is not None:
            found.append(path)
    except OSError:
        pass
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/opt/packages", "/sys"):
        folders.clear()
    suspects = [name for name in files + folders if {marker!r} in name or name in ("test_specs", "docker.sock")]
    found += [os.path.join(folder, name) for name in suspects]
environments = ""
for entry in os.listdir("/proc"):
    if entry.isdigit():
        try:
            processes.append(open(f"/proc/{{entry}}/cmdline").read().split("\\0")[0])
            environments += open(f"/proc/{{entry}}/environ").read()
        except OSError:
            pass
leaked = {marker!r} in environments
print(json.dumps({{"found": found, "processes": processes, "variables": variables, "leaked": leaked}}))
"""

KERNEL_SECRETS = """
import json
told = []
for name in ("kallsyms", "config.gz", "iomem", "kmsg", "kcore", "keys", "modules", "slabinfo", "timer_list"):
    try:
        if open(f"/proc/{name}", "rb").read(64):
            told.append(name)
    except OSError:
        pass
print(json.dumps(told))
"""

LEAVES_MARKS = """
import os, time
for folder in ("/tmp", "/dev/shm"):
    open(folder + "/{marker}", "w").close()
print("here", flush=True)
time.sleep(60)
"""

SIGNALS_ALL = """
import os
os.fork() or os._exit(0)
try:
    os.kill(-1, 9)
except OSError:
    pass
for number in range(2, 70000):
    try:
        os.kill(number, 9) if number != os.getpid() else None
    except OSError:
        pass
"""


def _no_sockets(backend: SandboxBackend) -> None:
    told = outcome(backend, SOCKETS).told()
    require(set(told["interfaces"]) <= {"lo"}, f"network interfaces are visible: {told['interfaces']}")
    require(not told["made"], f"sockets could be made: {told['made']}")


def _host_unreachable(backend: SandboxBackend) -> None:
    """Listens on every address of this machine; a connection that arrives here is the proof."""
    arrived: list[str] = []
    with contextlib.ExitStack() as stack:
        name = f"conformance-{secrets.token_hex(4)}"
        targets: list[tuple[int, object]] = []
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("172.17.0.1", 0)), (socket.AF_UNIX, f"\0{name}"),
        ):  # fmt: skip
            listener = stack.enter_context(socket.socket(family))
            try:
                listener.bind(address)
            except OSError:
                continue  # no such interface here: nothing to reach
            listener.listen()
            targets.append((int(family), list(listener.getsockname()) if family == socket.AF_INET else address))
            threading.Thread(target=_accept_one, args=(listener, arrived), daemon=True).start()
        told = outcome(backend, CONNECTS.format(targets=targets)).told()
        require(not told and not arrived, f"the host could be reached: {told or arrived}")


def _accept_one(listener: socket.socket, arrived: list[str]) -> None:
    with contextlib.suppress(OSError):
        arrived.append(str(listener.accept()[1]))


def _refuses(group: str) -> Callable[[SandboxBackend], None]:
    def judge(backend: SandboxBackend) -> None:
        numbers = seccomp.syscall_numbers([name for name, _ in REFUSED_GROUPS[group]])
        calls = [(name, numbers[name], arguments) for name, arguments in REFUSED_GROUPS[group] if name in numbers]
        reached = outcome(backend, REFUSED.format(calls=calls)).told()
        require(not reached, f"system calls reached the kernel: {reached}")

    return judge


def _no_foreign_entry(backend: SandboxBackend) -> None:
    ran = outcome(backend, FOREIGN).told()
    require(not ran, f"calls by another architecture's entry got through: {ran}")


def _no_capabilities(backend: SandboxBackend) -> None:
    status = outcome(backend, STATUS).told()["status"]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        require(int(status.get(kind, "0"), 16) == 0, f"{kind} is {status.get(kind)}")


def _locked_process(backend: SandboxBackend) -> None:
    """As the kernel that answers says; and as this machine's says, where the program is a process of this machine."""
    with started(backend, LOCKED_LIVING) as sandbox:
        told = json.loads(read_line(sandbox))
        # Whatever started it on this machine waits outside, unlocked, with the same words in its command line.
        outside = [status for pid in processes_with(sandbox.marker) if (status := status_of(pid))]
    locked = [status for status in outside if status.get("NoNewPrivs") == "1" and status.get("Seccomp") == "2"]
    require(locked or not outside, "this machine's kernel says that no process of it is locked")
    require(told["locked"] == 1, "no_new_privs is not set")
    require(told["status"].get("Seccomp") == "2", "no system call filter is active")
    require(told["hostname"] == "sandbox", f"the host name is {told['hostname']}")


def _plain_user(backend: SandboxBackend) -> None:
    """Not root inside; and not root outside, where this machine's process table shows it."""
    with started(backend, IDENTITY) as sandbox:
        inside = read_line(sandbox)
        require("0" not in inside.split(), f"a user or group number is 0 inside: {inside}")
        for pid in processes_with(sandbox.marker):
            outside = real_identity(pid)
            require("0" not in outside, f"a user or group number is 0 outside: {outside}")


def _read_only(backend: SandboxBackend) -> None:
    told = outcome(backend, WRITES).told()
    elsewhere = [path for path in told["written"] if path not in ("/tmp", "/dev/shm")]  # noqa: S108
    require(not elsewhere, f"files could be made in {elsewhere}")
    require("/tmp" in told["written"], "/tmp is not writable")  # noqa: S108
    require(not told["opened"], f"kernel settings could be opened for writing: {told['opened']}")


def _host_invisible(backend: SandboxBackend) -> None:
    marker = f"conformance-{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory(prefix=marker) as folder:
        Path(folder, marker).write_text("secret", encoding="utf-8")
        paths = [
            str(PACKAGE_ROOT), str(PACKAGE_ROOT.parent / "test_specs"), str(Path.home() / ".ssh"), folder,
            "/etc/shadow", "/var/run/docker.sock", f"/proc/{os.getpid()}/root{folder}", "/root",
        ]  # fmt: skip
        os.environ[marker] = marker
        try:
            told = outcome(backend, SEES.format(paths=paths, marker=marker)).told()
        finally:
            del os.environ[marker]
    require(not told["found"], f"files of the host are visible: {told['found']}")
    require(len(told["processes"]) <= 3, f"processes of the host are visible: {told['processes']}")
    require(marker not in told["variables"] and not told["leaked"], "the environment of the host is visible")
    odd = [
        name
        for name in told["variables"]
        if any(word in name for word in ("TOKEN", "SECRET", "PASSWORD", "GRADER_DATABASE"))
    ]
    require(not odd, f"variables that may hold secrets are visible: {odd}")


def _kernel_secrets(backend: SandboxBackend) -> None:
    told = outcome(backend, KERNEL_SECRETS).told()
    require(not told, f"kernel information can be read: {told}")


def _sandboxes_apart(backend: SandboxBackend) -> None:
    marker = f"conformance-{secrets.token_hex(6)}"
    with started(backend, LEAVES_MARKS.format(marker=marker), SMALL) as first:
        read_line(first)
        told = outcome(backend, SEES.format(paths=[], marker=marker)).told()
        require(not told["found"], f"files of another sandbox are visible: {told['found']}")
        outcome(backend, SIGNALS_ALL)
        require(first.is_alive(), "a sandbox could kill another one's process")


WALLS: tuple[Behaviour, ...] = (
    Behaviour(name="no_sockets", promise="No socket of any family can be made.", judge=_no_sockets, quick=True),
    Behaviour(name="host_unreachable", promise="Nothing on this machine can be connected to.", judge=_host_unreachable),
    *(
        Behaviour(
            name=f"no_{group}",
            promise=f"The kernel never sees calls of the group {group}.",
            judge=_refuses(group),
        )
        for group in REFUSED_GROUPS
    ),
    Behaviour(
        name="no_foreign_entry", promise="32-bit and x32 calls do not get round the filter.", judge=_no_foreign_entry
    ),
    Behaviour(name="no_capabilities", promise="Every capability set is empty.", judge=_no_capabilities, quick=True),
    Behaviour(name="locked_process", promise="No new privileges, and a system call filter.", judge=_locked_process),
    Behaviour(name="plain_user", promise="Neither inside nor outside is it root.", judge=_plain_user, quick=True),
    Behaviour(
        name="read_only",
        promise="Only scratch and shared memory can be written.",
        judge=_read_only,
        quick=True,
    ),
    Behaviour(
        name="host_invisible", promise="No file, process or variable of the host.", judge=_host_invisible, quick=True
    ),
    Behaviour(name="kernel_secrets", promise="No kernel symbols, configuration or log.", judge=_kernel_secrets),
    Behaviour(
        name="sandboxes_apart", promise="Two sandboxes neither see nor signal each other.", judge=_sandboxes_apart
    ),
)
