"""One job, from the fork to the probe: the walls of a single sandbox, built from inside by trusted code.

Two processes. The first one is number 1 of the job's own process namespace: it builds the walls, forks the second,
takes in orphans as they end, and tells the host the second one's status. Python is the second because the kernel
keeps SIGXCPU and SIGXFSZ from a number 1, and because a probe would let orphans pile up.

The invariant: nothing of a submission is read before every wall stands. The first process cannot be signalled or
looked into from inside, and its socket is in no other process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import resource
import signal
import sys
from typing import NoReturn

from grader.engine.sandbox.forking import kernel, orders

INSIDE_UID = 65534
SCRATCH = "/tmp"  # noqa: S108  # the job's own
SHARED_MEMORY = "/dev/shm"  # noqa: S108
FAILED = 125
# Named one by one: to look through all modules would touch, and so copy, thousands of pages.
_OURS = ("", ".forking", ".forking.kernel", ".forking.orders", ".forking.job", ".forking.server")
# In /proc/self/stat, counted from behind the name: fields 48 and 49 of the manual.
_ARGUMENTS_START_FIELD, _ARGUMENTS_END_FIELD = 45, 46


def run_job(order: orders.Order, descriptors: list[int], job_filter: bytes) -> NoReturn:
    """In the child: everything until the job's end. Never comes back."""
    stdin, stdout, stderr, host = descriptors
    try:
        kernel.die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # By these bytes the kernel tells the host this process's number, which goes into the job's control group.
        os.write(host, orders.HERE)
        if os.read(host, len(orders.GO)) != orders.GO:
            os._exit(FAILED)
        _enter_user()
        kernel.unshare_the_rest()
        _mount(order)
        kernel.drop_capabilities()
        kernel.show_to_own_user(shown=False)
        # The kernel keeps signals from a number 1 that has no handler for them; Python has one for SIGINT.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        child = os.fork()
        if child == 0:
            _become_job(order, (stdin, stdout, stderr), job_filter)
        _watch(child, host, job_filter)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(stderr, f"fork server: the job could not be set up: {error}\n".encode())
    finally:
        os._exit(FAILED)


def _enter_user() -> None:
    """The one user there is: neither root here, nor anybody else of the wall."""
    # The kernel gives the files below to the user of the process only while others of that user may look at it.
    kernel.show_to_own_user(shown=True)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{INSIDE_UID} {INSIDE_UID} 1")
    _write("/proc/self/gid_map", f"{INSIDE_UID} {INSIDE_UID} 1")


def _mount(order: orders.Order) -> None:
    bare = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", SCRATCH, "tmpfs", bare, f"mode=1777,size={order.scratch_bytes}")
    kernel.mount("tmpfs", SHARED_MEMORY, "tmpfs", bare, f"mode=1777,size={order.shm_bytes}")
    kernel.mount("proc", "/proc", "proc", bare)
    # A second net below the list of calls, which refuses namespaces too.
    _write("/proc/sys/user/max_user_namespaces", "0")
    for name in order.hidden_files:
        if os.path.exists(f"/proc/{name}"):  # noqa: PTH110
            kernel.mount("/dev/null", f"/proc/{name}", flags=kernel.MS_BIND)
    kernel.mount("none", "/proc", flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | bare)


def _watch(child: int, host: int, job_filter: bytes) -> None:
    """The first process, once the second lives: as locked as that one, with one socket and nothing to read."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    if host != 3:
        os.dup2(host, 3)
    kernel.close_from(4)
    kernel.filter_calls(job_filter)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            os.write(3, orders.status_message(status))
            os._exit(0)


def _become_job(order: orders.Order, pipes: tuple[int, int, int], job_filter: bytes) -> NoReturn:
    kernel.show_to_own_user(shown=True)
    # The server's own 0, 1 and 2 are open, so that what came with the order lies above them.
    for target, descriptor in enumerate(pipes):
        os.dup2(descriptor, target)
    kernel.close_from(3)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir(SCRATCH)
    for name, soft, hard in order.limits:
        number = getattr(resource, f"RLIMIT_{name}")
        _, ceiling = resource.getrlimit(number)
        most = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(number, (min(soft, most), most))
    os.environ.clear()
    os.environ.update(order.environment)
    _set_title("grader.engine.probe" if order.program is None else order.program)
    _fresh_numbers()
    kernel.filter_calls(job_filter)
    main = importlib.import_module("grader.engine.probe.__main__")
    for name in _OURS:
        sys.modules.pop(f"grader.engine.sandbox{name}", None)
    if order.program is None:
        sys.argv = [str(main.__file__)]
        sys.modules["__main__"] = main
        main.main()
    else:
        _run_program(order.program)
    os._exit(FAILED)


def _run_program(source: str) -> NoReturn:
    """As `python -u -c` does it, but for exit hooks: what this process imported before has some."""
    gc.enable()
    main = type(sys)("__main__")
    sys.modules["__main__"] = main
    sys.argv = ["-c"]
    code = 0
    try:
        exec(compile(source, "<string>", "exec"), vars(main))  # noqa: S102
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if leaving.code is not None and not isinstance(leaving.code, int):
            sys.stderr.write(f"{leaving.code}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading = importlib.import_module("threading")
    threading._shutdown()  # noqa: SLF001 - waits for threads, as the interpreter does
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def _fresh_numbers() -> None:
    """Random numbers as in a new process, where each of these seeds itself by the kernel's."""
    importlib.import_module("random").seed()
    for name, seed in (("numpy.random", "seed"), ("torch", "seed")):
        # What the fork server has not imported seeds itself when the job does.
        if name in sys.modules:
            getattr(sys.modules[name], seed)()


def _set_title(title: str) -> None:
    """What the host's process table shows: the first words of what runs, where the server's own arguments were."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        fields = file.read().rpartition(") ")[2].split()
    start, end = int(fields[_ARGUMENTS_START_FIELD]), int(fields[_ARGUMENTS_END_FIELD])
    room = end - start
    ctypes.memmove(start, title.encode()[: room - 1].ljust(room, b"\0"), room)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)
