"""The GPUs a worker grades on, in shares: who may use one, and whether it is fit to be used.

The invariants: a share holds one sandbox at a time, waiting or at work, so a GPU never has more than it has shares;
and after each use the host is asked whether the device is still there and its memory is back. A device that fails
that is out of service until it answers rightly again, and what was under way on it is nobody's result.
The accepted gap: while other shares of the same device are at work, only what exceeds all their limits is noticed.
Then nothing new starts there until they have ended, which shows whose memory it was.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from grader.domain.errors import DeviceLost, SetupError
from grader.engine.sandbox.nvidia import MIB, Found, Gpu, NoAnswer, found, reading

__all__ = ["BadGpus", "Device", "Found", "Gpu", "Share", "chosen", "found", "open_devices"]

log = logging.getLogger(__name__)
# A CUDA context with its libraries, beside what torch allocates in it. Reasoned from what torch's users report (300 to
# 600 MB), not measured here.
CONTEXT_BYTES = 768 * MIB
# What the driver itself needs may change a little, and a sandbox that ended gives its memory back in a moment.
SLACK_BYTES = 256 * MIB
RELEASE_S = 15.0
_LOOK_AGAIN_S = 0.25
# How long a device that failed is left alone before it is asked again.
REST_S = 60.0
LEAST_SHARE = 0.02


class BadGpus(SetupError):
    """GRADER_GPUS or GRADER_GPU_SHARES asks for what is not there."""

    code = "bad-gpus"


def chosen(wanted: str, seen: Found) -> tuple[Gpu, ...]:
    """The GPUs that a setting names: `none`, `all`, or numbers and UUIDs with commas.

    Raises:
        BadGpus: one of them is not there; the message says which there are.

    """
    if wanted.strip() in ("", "none"):
        return ()
    if wanted.strip() == "all":
        names = [gpu.uuid for gpu in seen.gpus]
    else:
        names = list(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    known = {key: gpu for gpu in seen.gpus for key in (gpu.index, gpu.uuid)}
    missing = [name for name in names if name not in known]
    if missing or not names:
        there = ", ".join(f"{gpu.index} ({gpu.name}, {gpu.uuid})" for gpu in seen.gpus) or "none"
        why = "".join(f" {what}: {mend}." for what, mend in seen.problems)
        raise BadGpus(f"GRADER_GPUS is {wanted!r}, but the GPUs here are: {there}.{why}")
    return tuple({known[name].uuid: known[name] for name in names}.values())


class Device:
    """One GPU in this worker's hands, divided into shares. Safe to use from several threads.

    Args:
        gpu: as it is before anything of ours runs there: what is in use then stays somebody else's.
        shares: how many sandboxes may be there at the same time.
        read: asks for the state of now; raises NoAnswer.
        release_s: how long memory may take to come back.

    """

    def __init__(
        self, gpu: Gpu, shares: int, *, read: Callable[[Gpu], Gpu] = reading, release_s: float = RELEASE_S
    ) -> None:
        self.gpu = gpu
        self._read = read
        self._release_s = release_s
        self._baseline = gpu.used_bytes or 0
        part = _part(gpu, shares, self._baseline)
        self.shares = tuple(Share(device=self, number=number, part=part, of=shares) for number in range(shares))
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._problem = ""
        self._is_suspect = False
        self._asked_at = 0.0

    def is_in_service(self) -> bool:
        """Whether something may start there. A device that failed is asked again after a rest."""
        with self._lock:
            if not self._problem and not self._is_suspect:
                return True
            if self._held or time.monotonic() - self._asked_at < REST_S:
                return False
            self._asked_at = time.monotonic()
        return self._has_recovered()

    @property
    def problem(self) -> str:
        """Why it is out of service; empty while it is not."""
        return self._problem

    @contextmanager
    def held(self, number: int) -> Iterator[None]:
        """A share is at work while the block lasts. Raises DeviceLost where the device is out of service."""
        if not self.is_in_service():
            raise DeviceLost(f"The GPU {self.gpu.uuid} is out of service: {self._problem or 'its memory is in doubt'}.")
        with self._lock:
            self._held.add(number)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(number)

    def check_released(self, number: int) -> None:
        """Ask whether the device is there and its memory is back, after a sandbox on this share was killed.

        Raises:
            DeviceLost: no; it is out of service from now on.

        """
        ends_at = time.monotonic() + self._release_s
        while True:
            try:
                problem = self._problem_of(self._read(self.gpu), number)
            except NoAnswer as error:
                # No patience: a driver that does not answer took its own time already.
                raise self._out_of_service(str(error)) from error
            if not problem:
                self._note_clean(number)
                return
            if time.monotonic() >= ends_at:
                break
            time.sleep(_LOOK_AGAIN_S)
        if self._others(number):
            self._suspect(problem)
            return
        raise self._out_of_service(problem)

    def _problem_of(self, now: Gpu, number: int) -> str:
        """What is wrong with the device; empty if nothing is."""
        before, errors = self.gpu.ecc_errors, now.ecc_errors
        if before is not None and errors is not None and errors > before:
            return f"{errors - before} uncorrectable memory errors (ECC) since the worker started"
        if now.used_bytes is None:
            return ""
        excess = now.used_bytes - self._expected(number)
        return f"{math.ceil(excess / MIB)} MiB of its memory did not come back" if excess > 0 else ""

    def _expected(self, number: int) -> int:
        """The most that may be in use while nothing is on this share."""
        expected = self._baseline + SLACK_BYTES
        with self._lock:
            for share in self.shares:
                if share.number == number:
                    continue
                at_work = share.memory_bytes + CONTEXT_BYTES
                # One that waits has a context and nothing of any student's.
                expected += at_work if share.number in self._held else min(at_work, CONTEXT_BYTES)
        return expected

    def _others(self, number: int) -> bool:
        with self._lock:
            return bool(self._held - {number})

    def _note_clean(self, number: int) -> None:
        with self._lock:
            if self._is_suspect and not self._held - {number}:
                self._is_suspect = False
                log.info("the memory of GPU %s is back, so it is used again", self.gpu.uuid)

    def _suspect(self, problem: str) -> None:
        with self._lock:
            already, self._is_suspect = self._is_suspect, True
        if not already:
            log.warning(
                "GPU %s: more memory is in use than all its shares allow (%s). Nothing starts there until what is at "
                "work has ended. GRADER_GPU_SHARES=1 or MIG keeps submissions from each other's memory.",
                self.gpu.uuid, problem,
            )  # fmt: skip

    def _out_of_service(self, problem: str) -> DeviceLost:
        with self._lock:
            self._problem, self._is_suspect, self._asked_at = problem, False, time.monotonic()
        log.error(
            "GPU %s (%s, %s) is out of service: %s. What ran there is graded again elsewhere. Look at nvidia-smi and "
            "at the kernel's log (dmesg | grep -i -e xid -e nvrm); end what holds its memory, reset it (nvidia-smi "
            "--gpu-reset -i %s) or restart the machine. It is asked again every %g s.",
            self.gpu.index, self.gpu.name, self.gpu.uuid, problem, self.gpu.index, REST_S,
        )  # fmt: skip
        return DeviceLost(f"The GPU {self.gpu.uuid} is out of service: {problem}.")

    def _has_recovered(self) -> bool:
        """Asked while nothing is at work there."""
        try:
            problem = self._problem_of(self._read(self.gpu), -1)
        except NoAnswer as error:
            problem = str(error)
        if problem and not self._problem:
            self._out_of_service(problem)
        if problem:
            return False
        with self._lock:
            self._problem, self._is_suspect = "", False
        log.warning("GPU %s answers rightly again and is back in service", self.gpu.uuid)
        return True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Share:
    """A place for one sandbox on a GPU. `part` is how much of the device's memory torch may use there, 0 to 1."""

    device: Device
    number: int
    part: float
    of: int

    @property
    def gpu(self) -> Gpu:
        return self.device.gpu

    @property
    def memory_bytes(self) -> int:
        return int(self.part * self.gpu.memory_bytes)

    def held(self) -> AbstractContextManager[None]:
        return self.device.held(self.number)

    def check_released(self) -> None:
        """See `Device.check_released`."""
        self.device.check_released(self.number)


def _part(gpu: Gpu, shares: int, baseline: int) -> float:
    """How much of a device torch may use on one of its shares: what is left beside others' memory and the contexts."""
    if not gpu.memory_bytes:
        return 1.0 / shares
    part = (gpu.memory_bytes - baseline - shares * CONTEXT_BYTES) / (shares * gpu.memory_bytes)
    if part < LEAST_SHARE:
        raise BadGpus(
            f"GRADER_GPU_SHARES is {shares}, but GPU {gpu.index} ({gpu.name}) has "
            f"{(gpu.memory_bytes - baseline) // MIB} MiB left, and each sandbox needs {CONTEXT_BYTES // MIB} MiB "
            "before it computes anything."
        )
    return part


def open_devices(wanted: str, shares: int) -> tuple[Share, ...]:
    """The shares of the GPUs a setting names, those of different devices first.

    Raises:
        BadGpus: what is asked for is not there.

    """
    if wanted.strip() in ("", "none"):
        return ()
    devices = [Device(gpu, shares) for gpu in chosen(wanted, found())]
    return tuple(share for together in zip(*(device.shares for device in devices), strict=True) for share in together)
