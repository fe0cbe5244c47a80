"""The fork server: has imported what every job needs, and forks one job for each order. Run inside the outer wall.

The invariants: it has one thread, has run no operation on a tensor, holds no secret, and reads nothing but orders of
the host. It knows no job's end; the job's own first process tells the host.

    python -u -m grader.engine.sandbox.forking.server CONTROL FILTER LOAD ROOM
        CONTROL   number of the socket that orders come by
        FILTER    number of a file with the compiled list of system calls of a job
        LOAD      "everything": import what jobs need; else each does so for itself
        ROOM      any text: the room for a job's title in the process table
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys

from grader.engine.sandbox.forking import kernel, orders
from grader.engine.sandbox.forking.job import run_job

# What the probe's warm-up, its handlers and usual hand-ins load. `torch._dynamo` comes with the first optimiser.
_PROBE = ("__main__", "output", "serve", "blame", "warmup", "workspace", "fit", "trace", "oldapis", "devices")
_USUAL = (
    "numpy", "numpy.random", "random", "torch", "torch.func", "torch.overrides", "torch.utils._python_dispatch",
    "torch.utils.data", "torch._dynamo", "torchvision", "torchvision.transforms", "torchvision.models",
    "matplotlib.pyplot", "PIL.Image", "scipy", "pypdf", "tomllib", "argparse", "six",
)  # fmt: skip


def load() -> None:
    """Import everything, with one thread for every library. Objects that stay are never looked at again."""
    gc.disable()
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    importlib.import_module("grader.engine.compat").prepare_torchvision()
    for name in (*_USUAL, *(f"grader.engine.probe.{name}" for name in _PROBE)):
        try:
            importlib.import_module(name)
        except ImportError:
            # Packages without torchvision still serve submissions that do without.
            continue
    importlib.import_module("grader.engine.probe.oldapis").restore()
    importlib.import_module("grader.engine.probe.devices").make_moves_harmless()
    gc.collect()
    gc.freeze()
    # A fork with all of its memory in small pages takes 18 ms of processor time, its end included; so it takes 5.
    kernel.use_large_pages()


def serve(control: socket.socket, job_filter: bytes) -> None:
    """Fork a job for each order, until the host closes its end."""
    # The kernel takes ended jobs away by itself: their ends are told by their own first process.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    kernel.show_to_own_user(shown=False)
    # `send` is no call of the list.
    os.write(control.fileno(), orders.READY)
    while True:
        message, descriptors, flags, _ = socket.recv_fds(control, orders.MOST_BYTES, orders.DESCRIPTORS)
        if not message:
            return
        try:
            order = _read(message, len(descriptors), flags)
            if kernel.fork_into_namespaces() == 0:
                run_job(order, descriptors, job_filter)
        except (OSError, LookupError, TypeError, ValueError) as error:
            # The host sees the job's socket close without a word, and reads this.
            sys.stderr.write(f"fork server: {error}\n")
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _read(message: bytes, descriptors: int, flags: int) -> orders.Order:
    if descriptors != orders.DESCRIPTORS or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
        raise ValueError("an order without its four descriptors, or too long")
    return orders.Order.decode(message)


def main(arguments: list[str]) -> int:
    control_fd, filter_fd = int(arguments[0]), int(arguments[1])
    with os.fdopen(filter_fd, "rb") as file:
        job_filter = file.read()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=control_fd)
    if arguments[2] == "everything":
        load()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1:
        # A lock held by another thread would stay held for ever in every job.
        sys.stderr.write(f"fork server: {threads} threads run where there must be one\n")
        return 1
    serve(control, job_filter)
    return 0


if __name__ == "__main__":
    # A job ends by itself and never comes back here.
    sys.exit(main(sys.argv[1:]))
