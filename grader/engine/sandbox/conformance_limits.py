"""What a sandbox must bound: memory, processes, processor time, space; and that the host can tell why it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from grader.domain.ending import EndingReason
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.conformance_trial import (
    SMALL,
    Behaviour,
    Nonconforming,
    outcome,
    read_line,
    require,
    started,
)

MIB = 2**20
HOG = """
held = []
while True:
    held.append(bytearray(b"x" * (4 << 20)))
"""
CHILD_HOG = """
import os
if os.fork() == 0:
    held = []
    while True:
        held.append(bytearray(b"x" * (4 << 20)))
os.wait()
"""
MEMFD_HOG = """
import os
for number in range(64):
    descriptor = os.memfd_create(str(number))
    for _ in range(7):
        os.write(descriptor, b"x" * (1 << 20))
"""
FILE_HOG = """
for number in range(64):
    open(f"{folder}/{{number}}", "wb", buffering=0).write(b"x" * (7 << 20))
"""
MEMORY_PROGRAMS = {
    "memory_main": HOG,
    "memory_child": CHILD_HOG,
    "memory_memfd": MEMFD_HOG,
    "memory_tmpfs": FILE_HOG.format(folder="/tmp"),  # noqa: S108
    "memory_shm": FILE_HOG.format(folder="/dev/shm"),  # noqa: S108
}
FORKS = """
import os, time
count = 0
try:
    for _ in range(500):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except OSError:
    pass
print(count, flush=True)
time.sleep(60)
"""
BOMB = """
import os
print("go", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
STUBBORN = """
import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 256)
        while True:
            time.sleep(1)
print("up", flush=True)
while True:
    time.sleep(1)
"""
SPIN = "while True: pass"
SPIN_ON = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
FILL = """
import json, os
def fill(folder):
    total = 0
    try:
        for number in range(40):
            descriptor = os.open(f"{folder}/{number}", os.O_CREAT | os.O_WRONLY)
            for _ in range(4):
                total += os.write(descriptor, b"x" * (1 << 20))
            os.close(descriptor)
    except OSError as error:
        return total, error.errno
    return total, 0
print(json.dumps({"/tmp": fill("/tmp"), "/dev/shm": fill("/dev/shm")}))
"""
BIG_FILE = """
import os
descriptor = os.open("/tmp/big", os.O_CREAT | os.O_WRONLY)
total = 0
try:
    while True:
        total += os.write(descriptor, b"x" * (1 << 20))
except OSError as error:
    print(total, error.errno)
"""
BIG_FILE_SIGNAL = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n" + BIG_FILE
DESCRIPTORS = """
import os
count = 0
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
        count += 1
except OSError:
    print(count)
"""
ENOSPC, EFBIG = 28, 27


def _memory(program: str) -> Callable[[SandboxBackend], None]:
    def judge(backend: SandboxBackend) -> None:
        profile = replace(SMALL, memory_bytes=96 * MIB, scratch_bytes=400 * MIB, shm_bytes=400 * MIB)
        ending = outcome(backend, program, profile).ending
        require(ending.reason is EndingReason.OUT_OF_MEMORY, f"it {ending.reason}, exit status {ending.exit_code}")

    return judge


def _processes(backend: SandboxBackend) -> None:
    with started(backend, FORKS) as sandbox:
        count = int(read_line(sandbox))
        require(count < SMALL.processes, f"{count} children could be made with a limit of {SMALL.processes}")
        require(count > SMALL.processes // 2, f"only {count} children could be made with a limit of {SMALL.processes}")


def _fork_bomb(backend: SandboxBackend) -> None:
    with started(backend, BOMB) as sandbox:
        read_line(sandbox)
        time.sleep(0.5)
        began = time.monotonic()
        sandbox.kill(EndingReason.TIMED_OUT)
        require(time.monotonic() - began < 10, "killing a fork bomb took more than ten seconds")
        require(sandbox.ending().reason is EndingReason.TIMED_OUT, f"it {sandbox.ending().reason}")


def _kill(backend: SandboxBackend) -> None:
    with started(backend, STUBBORN) as sandbox:
        read_line(sandbox)
        require(sandbox.is_alive(), "it is not seen to be alive")
        sandbox.kill(EndingReason.TIMED_OUT)
        sandbox.kill()
        require(not sandbox.is_alive(), "it is seen to be alive after kill")
        ending = sandbox.ending()
        require(ending.reason is EndingReason.TIMED_OUT, f"it {ending.reason}, not timed out")


def _cpu_limit(backend: SandboxBackend) -> None:
    ending = outcome(backend, SPIN, replace(SMALL, cpu_s=1)).ending
    require(ending.reason is EndingReason.CPU_LIMIT, f"it {ending.reason}, exit status {ending.exit_code}")


def _cpu_limit_caught(backend: SandboxBackend) -> None:
    ending = outcome(backend, SPIN_ON, replace(SMALL, cpu_s=1)).ending
    require(ending.reason is not EndingReason.TIMED_OUT, "a process that catches SIGXCPU went on")


def _cpu_share(backend: SandboxBackend) -> None:
    """By the host's clocks: one inside tells what it was told."""
    with started(backend, "print('up', flush=True)\n" + SPIN, replace(SMALL, cpus=0.5)) as sandbox:
        read_line(sandbox)
        time.sleep(2)
        sandbox.kill(EndingReason.TIMED_OUT)
        ending = sandbox.ending()
    if ending.cpu_s is None or ending.wall_s is None:
        raise Nonconforming("the host does not know how much of the processor it had")
    told = ending.cpu_s / ending.wall_s
    require(told < 0.75, f"it had {told:.2f} of a core with a limit of 0.5")


def _space(backend: SandboxBackend) -> None:
    told = outcome(backend, FILL).told()
    for folder, limit in (("/tmp", SMALL.scratch_bytes), ("/dev/shm", SMALL.shm_bytes)):  # noqa: S108
        total, code = told[folder]
        require(total <= limit and code == ENOSPC, f"{folder} took {total} bytes, limit {limit} (errno {code})")
        require(total >= limit // 2, f"{folder} took only {total} bytes of {limit}")


def _file_size(backend: SandboxBackend) -> None:
    total, code = outcome(backend, BIG_FILE).output.split()
    require(
        int(code) == EFBIG and int(total) == SMALL.file_bytes, f"a file took {int(total)} bytes (errno {int(code)})"
    )
    ending = outcome(backend, BIG_FILE_SIGNAL).ending
    require(ending.reason is EndingReason.FILE_LIMIT, f"it {ending.reason}, exit status {ending.exit_code}")


def _open_files(backend: SandboxBackend) -> None:
    count = int(outcome(backend, DESCRIPTORS, replace(SMALL, open_files=64)).output or b"-1")
    require(0 < count < 64, f"{count} files could be opened with a limit of 64")


def _no_core(backend: SandboxBackend) -> None:
    program = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    told = outcome(backend, program).output.strip()
    if told != b"(0, 0)":
        raise Nonconforming(f"core dumps are limited to {told!r}")


LIMITS: tuple[Behaviour, ...] = (
    *(
        Behaviour(
            name=name,
            promise="Memory is bounded, and the ending says so.",
            judge=_memory(program),
            quick=name == "memory_main",
        )
        for name, program in MEMORY_PROGRAMS.items()
    ),
    Behaviour(name="processes", promise="The number of processes is bounded.", judge=_processes, quick=True),
    Behaviour(name="fork_bomb", promise="A fork bomb is contained and can be killed.", judge=_fork_bomb),
    Behaviour(name="kill", promise="Kill leaves nothing of a stubborn process tree.", judge=_kill, quick=True),
    Behaviour(name="cpu_limit", promise="Processor time is bounded, and the ending says so.", judge=_cpu_limit),
    Behaviour(name="cpu_limit_caught", promise="Catching the signal does not help.", judge=_cpu_limit_caught),
    Behaviour(name="cpu_share", promise="It gets no more of the cores than its share.", judge=_cpu_share),
    Behaviour(name="space", promise="Scratch and shared memory have real sizes.", judge=_space),
    Behaviour(name="file_size", promise="A file has a largest size, and the ending says so.", judge=_file_size),
    Behaviour(name="open_files", promise="The number of open files is bounded.", judge=_open_files),
    Behaviour(name="no_core", promise="No core dump is written.", judge=_no_core),
)
