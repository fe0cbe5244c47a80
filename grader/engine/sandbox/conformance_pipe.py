"""What a probe needs: bytes that arrive unharmed both ways, an exit that is seen, and a Python that works."""

from __future__ import annotations

import os
import resource
import select
import time
from collections.abc import Callable
from dataclasses import replace

from grader.domain.ending import EndingReason
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.conformance_trial import (
    PROGRAM_S,
    Behaviour,
    outcome,
    read_until_end,
    require,
    started,
)

ECHO = """
import os
left = {size}
while left:
    chunk = os.read(0, min(left, 1 << 20))
    left -= len(chunk)
    view = memoryview(chunk)
    while view:
        view = view[os.write(1, view):]
"""
FLOOD_BYTES = 64 * 2**20
FLOOD = f"""
import os
left = {FLOOD_BYTES}
while left:
    left -= os.write(1, b"x" * min(left, 1 << 16))
"""
NOISE = "import sys\nfor n in range(200000): sys.stderr.write('noise %d\\n' % n)\nsys.stderr.write('the end')"
TORCH = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 2))
optimizer = torch.optim.Adam(model.parameters())
before = None
for _ in range(3):
    optimizer.zero_grad()
    loss = model(torch.ones(8, 1, 8, 8)).square().mean()
    loss.backward()
    optimizer.step()
    before = loss.item() if before is None else before
from grader.engine.compat import prepare_torchvision
prepare_torchvision()
import torchvision, scipy, sklearn, matplotlib.pyplot, cv2, PIL, os
print("trained" if loss.item() < before else "stuck", flush=True)
os._exit(0)
"""
WORKERS = """
import os, threading, multiprocessing, subprocess, sys, tempfile
done = []
thread = threading.Thread(target=lambda: done.append("thread"))
thread.start(); thread.join()
if os.fork() == 0:
    os._exit(0)
os.wait()
done.append("fork")
with tempfile.TemporaryFile() as file:
    file.write(b"x")
done.append("file")
lock = multiprocessing.Lock()
with lock:
    done.append("lock")
done.append(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout.strip())
print(" ".join(done))
"""


def _roundtrip(size: int) -> Callable[[SandboxBackend], None]:
    def judge(backend: SandboxBackend) -> None:
        data = bytes(range(256)) + os.urandom(size - 256)
        with started(backend, ECHO.format(size=size)) as sandbox:
            returned = _exchange(sandbox, data, time.monotonic() + 4 * PROGRAM_S)
            require(returned == data, f"{len(returned)} bytes came back for {size}, or other ones")

    return judge


def _exchange(sandbox: Sandbox, data: bytes, deadline: float) -> bytes:
    """Write and read at once, as neither side may wait for the other."""
    os.set_blocking(sandbox.write_fd, False)
    os.set_blocking(sandbox.read_fd, False)
    rest, returned = memoryview(data), bytearray()
    poller = select.poll()
    poller.register(sandbox.read_fd, select.POLLIN)
    poller.register(sandbox.write_fd, select.POLLOUT)
    while len(returned) < len(data) and time.monotonic() < deadline:
        events = dict(poller.poll(1000))
        if events.get(sandbox.write_fd, 0) & select.POLLOUT and rest:
            rest = rest[os.write(sandbox.write_fd, rest[: 1 << 16]) :]
            if not rest:
                poller.unregister(sandbox.write_fd)
        if events.get(sandbox.read_fd, 0) & (select.POLLIN | select.POLLHUP):
            chunk = os.read(sandbox.read_fd, 1 << 20)
            if not chunk:
                break
            returned += chunk
    return bytes(returned)


def _back_pressure(backend: SandboxBackend) -> None:
    """A flood nobody reads waits in the sandbox, not in our memory; then all of it arrives."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with started(backend, FLOOD) as sandbox:
        time.sleep(1.0)
        require(sandbox.is_alive(), "the flood ended although nobody read it")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        require(grown < FLOOD_BYTES // 4, f"{grown} bytes of an unread flood are held in our memory")
        data = read_until_end(sandbox, time.monotonic() + PROGRAM_S, most=FLOOD_BYTES)
        require(data is not None and len(data) == FLOOD_BYTES, f"{len(data or b'')} of {FLOOD_BYTES} bytes arrived")


def _exit_code(backend: SandboxBackend) -> None:
    for code in (0, 7, 255):
        ending = outcome(backend, f"import os; os._exit({code})").ending
        require(ending.reason is EndingReason.EXITED and ending.exit_code == code, f"{ending} for exit status {code}")


def _crash(backend: SandboxBackend) -> None:
    ending = outcome(backend, "import ctypes; ctypes.string_at(0)").ending
    require(ending.reason is EndingReason.CRASHED and ending.exit_code == -11, f"{ending} for a segmentation fault")


def _no_false_memory(backend: SandboxBackend) -> None:
    ending = outcome(backend, "import os; os._exit(137)").ending
    require(ending.reason is not EndingReason.OUT_OF_MEMORY, "exit status 137 was taken for a memory limit")


def _stderr(backend: SandboxBackend) -> None:
    told = outcome(backend, NOISE).stderr
    require(told.endswith("the end"), f"the end of standard error is {told[-60:]!r}")
    require(len(told) <= 8192, f"{len(told)} characters of standard error were kept")


def _python_works(backend: SandboxBackend) -> None:
    result = outcome(backend, WORKERS)
    told = result.output.decode().strip()
    require(told == "thread fork file lock child", f"Python could only do: {told!r} ({result.stderr[-300:]})")


def _torch_works(backend: SandboxBackend) -> None:
    profile = SandboxProfile(warm=False)
    result = outcome(backend, TORCH, replace(profile, cpu_s=120), seconds=120)
    require(result.output.strip() == b"trained", f"{result.output!r}, {result.stderr[-400:]}")


PIPE: tuple[Behaviour, ...] = (
    Behaviour(name="roundtrip_1mb", promise="1 MB comes back unharmed.", judge=_roundtrip(10**6), quick=True),
    Behaviour(name="roundtrip_50mb", promise="50 MB come back unharmed.", judge=_roundtrip(50 * 10**6)),
    Behaviour(
        name="back_pressure", promise="Unread output waits in the sandbox, not in our memory.", judge=_back_pressure
    ),
    Behaviour(name="exit_code", promise="The exit status is seen.", judge=_exit_code),
    Behaviour(name="crash", promise="A crash is told from an exit.", judge=_crash),
    Behaviour(name="no_false_memory", promise="An exit status alone blames no limit.", judge=_no_false_memory),
    Behaviour(name="stderr", promise="The end of standard error is kept, and no more.", judge=_stderr),
    Behaviour(name="python_works", promise="Threads, children, locks and scratch files work.", judge=_python_works),
    Behaviour(name="torch_works", promise="torch trains, the other packages import.", judge=_torch_works),
)
