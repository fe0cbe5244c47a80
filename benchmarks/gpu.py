"""What a GPU gives: a cold against a warm start, the sandbox's cost against bare training, gradings by shares.

    .venv/bin/python benchmarks/gpu.py [--gpu 0] [--slug cmp784-practical2] [--gradings 12] [--shares 1 2 4] [--rounds 5]

Needs an NVIDIA GPU, a Docker engine that can give it to a container, and a sandbox image with a CUDA build of torch
(GRADER_SANDBOX_IMAGE). Exit status 2, with a sentence, where one of them is missing. Figures are medians of runs by turns.
"""

from __future__ import annotations

import argparse
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from side_by_side import by_turns, show

from grader.domain.check import Stage
from grader.domain.errors import GraderError
from grader.domain.run import RunStatus
from grader.engine.engines import Engines
from grader.engine.handins import reference_hand_in
from grader.engine.pipeline import GradeOptions
from grader.engine.sandbox.base import Sandbox, SandboxBackend, SandboxProfile
from grader.engine.sandbox.devices import Device, Gpu, chosen, found
from grader.engine.sandbox.nvidia import reading
from grader.engine.sandbox.pool import WarmPool
from grader.engine.sandbox.select import choose
from grader.engine.student.client import ProbeClient
from grader.engine.student.session import LoadOrder, Session
from grader.engine.student.student import Student, SubmissionFacts
from grader.engine.wire.frames import FramePipe
from grader.specs.load import load_spec

MODEL = Path(__file__).parent / "plain_pytest" / "model.py"
STEPS, BATCH = 200, 50
MEMORY_BYTES = 6 * 2**30
# The same model, data and settings as FIT; {steps} and {batch} are put in, and the model's source goes before.
BARE = """
import time
import torch, torch.nn.functional as F
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
torch.use_deterministic_algorithms(True, warn_only=True)
torch.manual_seed(0)
x, y = torch.randn(1000, 1, 32, 32).cuda(), torch.randint(24, (1000, 32, 32)).cuda()
model = UNet(3, 32, 24, 1).cuda()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
def steps(number):
    for _ in range(number):
        pick = torch.randperm(1000)[:{batch}].cuda()
        optimizer.zero_grad(set_to_none=True)
        output = model(x[pick]).movedim(1, -1).flatten(0, -2)
        F.cross_entropy(output, y[pick].flatten()).backward()
        optimizer.step()
    torch.cuda.synchronize()
steps(5)
began = time.monotonic()
steps({steps})
print("SECONDS", time.monotonic() - began, flush=True)
"""


class NoGpu(Exception):
    """Nothing can be measured here; the message says why."""


def machine(wanted: str) -> tuple[Gpu, SandboxBackend]:
    """The GPU to measure, and a backend that can give it to a sandbox."""
    seen = found()
    if not seen.gpus:
        why = "; ".join(f"{what} ({mend})" for what, mend in seen.problems)
        raise NoGpu(f"There is no GPU to measure on this machine: {why}.")
    (gpu, *_) = chosen(wanted, seen)
    return gpu, choose("docker")


def profile_on(gpu: Gpu, *, warm: bool = True, program: str | None = None) -> SandboxProfile:
    return SandboxProfile(memory_bytes=MEMORY_BYTES, gpu=gpu.uuid, gpu_share=0.9, warm=warm, program=program)


def student_in(sandbox: Sandbox) -> Student:
    """A loaded session in a started sandbox."""
    pipe = FramePipe(os.dup(sandbox.read_fd), os.dup(sandbox.write_fd))

    def lost(reason: object) -> object:
        raise SystemExit(f"the sandbox was lost: {reason}; {sandbox.ending()}; {sandbox.stderr()}")

    body = {
        "archive": MODEL.read_bytes(), "name": "model.py", "kind": "py",
        "entries": [{"path": "model.py", "role": "code"}], "prefer": [], "starter": "", "starter_names": [],
        "statement_s": 5.0,
    }  # fmt: skip
    session = Session(LoadOrder(body=body, load_s=60.0), lambda: ProbeClient(pipe, lost))  # type: ignore[arg-type]
    session.begin(600.0)
    return Student(session, SubmissionFacts(name="model.py", kind="py", files=("model.py",)))


def trained(student: Student, steps: int) -> float:
    """Seconds of the loop itself, as the sandbox says."""
    torch.manual_seed(0)
    x, y = torch.randn(1000, 1, 32, 32), torch.randint(24, (1000, 32, 32))
    model = student.UNet(3, 32, 24, 1)
    return student.fit(model, x, y, steps=steps, batch_size=BATCH, budget_s=600, report_every=steps).seconds


def starts(gpu: Gpu, backend: SandboxBackend, rounds: int) -> None:
    """From wanting a sandbox to its first training step: cold, imports done, and context made too."""

    def cold() -> float:
        began = time.monotonic()
        sandbox = backend.start(profile_on(gpu, warm=False))
        try:
            trained(student_in(sandbox), 1)
            return time.monotonic() - began
        finally:
            sandbox.kill()

    def warm_on_the_cpu() -> float:
        return _leased(backend, SandboxProfile(memory_bytes=MEMORY_BYTES))

    def warm() -> float:
        return _leased(backend, profile_on(gpu))

    actions: dict[str, Callable[[], float | None]] = {
        "cold, on the GPU": cold, "warm, context made": warm, "warm, on the CPU": warm_on_the_cpu,
    }  # fmt: skip
    show("from wanting a sandbox to its first training step", by_turns(actions, rounds), "cold, on the GPU")
    idle = _idle_bytes(gpu, backend)
    sys.stdout.write(f"An idle warm sandbox holds {idle / 2**20:,.0f} MiB of the device.\n")


def _leased(backend: SandboxBackend, profile: SandboxProfile) -> float:
    pool = WarmPool(backend, profile, 1, expected=1)
    try:
        pool.await_ready()
        began = time.monotonic()
        with pool.lease() as sandbox:
            trained(student_in(sandbox), 1)
            return time.monotonic() - began
    finally:
        pool.stop()


def _idle_bytes(gpu: Gpu, backend: SandboxBackend) -> int:
    time.sleep(3)
    before = reading(gpu).used_bytes or 0
    pool = WarmPool(backend, profile_on(gpu), 1, expected=1)
    try:
        pool.await_ready()
        return (reading(gpu).used_bytes or 0) - before
    finally:
        pool.stop()


def against_bare(gpu: Gpu, backend: SandboxBackend, rounds: int) -> None:
    """The same loop three ways: on the host, in a sandbox without our probe, and by `student.fit`."""
    source = MODEL.read_text() + BARE.format(steps=STEPS, batch=BATCH)

    def on_the_host() -> float:
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu.uuid, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", source], check=True, capture_output=True, text=True, env=environment
        )
        return _seconds_in(done.stdout)

    def in_a_sandbox() -> float:
        sandbox = backend.start(profile_on(gpu, program=source))
        said = b""
        try:
            while chunk := os.read(sandbox.read_fd, 4096):
                said += chunk
        finally:
            sandbox.kill()
        return _seconds_in(said.decode())

    def by_fit() -> float:
        pool = WarmPool(backend, profile_on(gpu), 1, expected=1)
        try:
            with pool.lease() as sandbox:
                student = student_in(sandbox)
                trained(student, 5)
                return trained(student, STEPS)
        finally:
            pool.stop()

    actions: dict[str, Callable[[], float | None]] = {
        "bare, in a sandbox": in_a_sandbox, "student.fit": by_fit,
    }  # fmt: skip
    if torch.cuda.is_available():
        actions["bare, on the host"] = on_the_host
    else:
        sys.stdout.write("The torch of this Python has no CUDA, so the bare loop is measured in a sandbox alone.\n")
    show(f"training, {STEPS} steps of {BATCH}", by_turns(actions, rounds), next(reversed(actions)))


def _seconds_in(said: str) -> float:
    for line in said.splitlines():
        if line.startswith("SECONDS "):
            return float(line.split()[1])
    raise SystemExit(f"the bare loop did not come to its end: {said[-500:]}")


def gradings(gpu: Gpu, backend: SandboxBackend, slug: str, number: int, all_shares: list[int]) -> None:
    """Train stages of the reference hand-in an hour, with so many sandboxes sharing the GPU."""
    table = Table(title=f"train stage of {slug}, {number} gradings, {gpu.name}")
    for column in ("sandboxes at a time", "gradings an hour", "median s", "x the first"):
        table.add_column(column, justify="right")
    first = 0.0
    for shares in all_shares:
        took, each = _graded(gpu, backend, slug, number, shares)
        hourly = 3600 * number / took
        first = first or hourly
        table.add_row(str(shares), f"{hourly:,.0f}", f"{statistics.median(each):.2f}", f"{hourly / first:.2f}")
    Console(width=120).print(table)


def _graded(gpu: Gpu, backend: SandboxBackend, slug: str, number: int, shares: int) -> tuple[float, list[float]]:
    """Wall seconds of all, and of each."""
    spec, each = load_spec(slug), list[float]()
    left = queue.SimpleQueue[int]()
    for one in range(number):
        left.put(one)
    made = reference_hand_in(spec)
    device = Device(reading(gpu), shares)
    with Engines(backend, jobs=0, shares=shares) as engines:
        for share in device.shares:
            engines.warm(share, spec.assignment.limits)

        def grade(place: int) -> None:
            share = device.shares[place]
            while not left.empty():
                try:
                    left.get_nowait()
                except queue.Empty:
                    return
                options = GradeOptions(stages=(Stage.TRAIN,), share=share)
                began = time.monotonic()
                report = engines.grade(spec, made.name, made.content, options)
                each.append(time.monotonic() - began)
                if report.status is not RunStatus.GRADED:
                    sys.stderr.write(f"a grading was {report.status}: {report.message}\n")

        threads = [threading.Thread(target=grade, args=(place,)) for place in range(shares)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - began, each


def main() -> int:
    """Exit status 2 where nothing can be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", default="all", help="number or UUID; the first one found if nothing is said")
    parser.add_argument("--slug", default="cmp784-practical2")
    parser.add_argument("--gradings", type=int, default=12)
    parser.add_argument("--shares", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    try:
        gpu, backend = machine(given.gpu)
    except (NoGpu, GraderError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB, {gpu.uuid}\n")
    starts(gpu, backend, given.rounds)
    against_bare(gpu, backend, given.rounds)
    gradings(gpu, backend, given.slug, given.gradings, given.shares)
    return 0


if __name__ == "__main__":
    sys.exit(main())
