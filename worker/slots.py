"""What a worker's threads serve: one for each share of a GPU, which only trains, and the others without a device."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from grader.domain.errors import NoSandbox
from grader.domain.grading import Queue
from grader.engine.sandbox.base import SandboxBackend
from grader.engine.sandbox.devices import Share, open_devices
from worker.settings import WorkerSettings

log = logging.getLogger(__name__)
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One stage at a time from these queues, on `share` if it is there."""

    queues: tuple[Queue, ...]
    share: Share | None = None


def queues_of_slots(queues: tuple[Queue, ...], jobs: int) -> list[tuple[Queue, ...]]:
    """The queues each slot serves: of several slots, the first is kept free of mass reruns."""
    live = tuple(queue for queue in queues if queue is not Queue.RERUN)
    if jobs == 1 or not live:
        return [queues] * jobs
    return [live, *([queues] * (jobs - 1))]


def slots_of(queues: tuple[Queue, ...], jobs: int, shares: Sequence[Share]) -> list[Slot]:
    """With shares, the queue `gpu` is theirs alone, and `jobs` slots serve what other queues there are.

    Without, `gpu` is a queue like the others: its stages train on the CPU, as on a machine with nothing else.
    """
    others = tuple(queue for queue in queues if not (shares and queue is Queue.GPU))
    training = [Slot(queues=(Queue.GPU,), share=share) for share in shares]
    return training + [Slot(queues=served) for served in (queues_of_slots(others, jobs) if others else [])]


def open_shares(settings: WorkerSettings, backend: SandboxBackend) -> tuple[Share, ...]:
    """The shares of GPUs that this worker trains on.

    Raises:
        BadGpus: the settings ask for GPUs that are not there.
        NoSandbox: the sandboxes here cannot be given a GPU.

    """
    if Queue.GPU not in settings.queues:
        if settings.gpus != "none":
            log.warning("GRADER_GPUS is %s, but the queue gpu is not served here, so no GPU is used", settings.gpus)
        return ()
    shares = open_devices(settings.gpus, settings.gpu_shares)
    if shares and not backend.name.startswith("docker"):
        raise NoSandbox(
            f"GRADER_GPUS is {settings.gpus}, but {backend.name} sandboxes have no GPU; set GRADER_SANDBOX=docker, or "
            "GRADER_GPUS=none to train on the CPU."
        )
    for share in shares:
        if share.number == 0:
            log.info(
                "GPU %s (%s, %s): %d at a time, %.1f GiB each", share.gpu.index, share.gpu.name, share.gpu.uuid,
                share.of, share.memory_bytes / _GIB,
            )  # fmt: skip
    return shares
