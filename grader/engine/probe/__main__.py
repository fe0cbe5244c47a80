"""The probe: `python -m grader.engine.probe` inside a sandbox, requests on descriptor 0, replies on descriptor 1.

Both descriptors are moved away before anything is imported that might print. `GRADER_PROBE_WARM=1` makes the probe
load and run what the first check would otherwise wait for, before it says READY.
"""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from grader.engine.probe.room import StudentCode

PRIVATE_FD = 200


class Descriptors(NamedTuple):
    """Where the protocol and the probe's own errors went."""

    requests: int
    replies: int
    errors: int


def move_descriptors() -> Descriptors:
    """Take the protocol off descriptors 0 and 1, keep a private standard error, and read nothing on 0."""
    moved = Descriptors(*(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD) for fd in (0, 1, 2)))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return moved


def main(make_code: Callable[[], StudentCode] | None = None) -> None:
    """Serve until the pipe ends; tests put something else in the place of the loading half."""
    moved = move_descriptors()
    import faulthandler

    # A crash in C code tells staff where; the student's code never sees this descriptor by name.
    faulthandler.enable(file=moved.errors)
    status = 1
    try:
        status = _serve(moved, make_code)
    except BaseException:
        import traceback

        os.write(moved.errors, traceback.format_exc()[-8000:].encode("utf-8", "replace"))
    finally:
        # Interpreter shutdown with torch loaded takes 0.3 s, and would run the student's exit hooks.
        os._exit(status)


def _serve(moved: Descriptors, make_code: Callable[[], StudentCode] | None) -> int:
    # Looking for garbage among modules that stay costs a third of the time of their import.
    gc.disable()
    import torch

    from grader.engine.compat import prepare_torchvision
    from grader.engine.probe.output import Output
    from grader.engine.wire.frames import FrameLimits, FramePipe, WireClosed, WireError

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    # Cheap, and must come before the student's own `import torchvision`.
    prepare_torchvision()
    if share := os.environ.get("GRADER_PROBE_GPU"):
        from grader.engine.probe import gpu

        gpu.prepare(float(share))
    if os.environ.get("GRADER_PROBE_WARM") == "1":
        from grader.engine.probe.warmup import warm_up

        warm_up()
    from grader.engine.probe.blame import where_of
    from grader.engine.probe.serve import Server

    not_defined: type[LookupError] = LookupError
    if make_code is None:
        from grader.engine.probe.workspace import NotDefinedHere, Workspace

        make_code, not_defined = Workspace, NotDefinedHere
    output = Output()
    pipe = FramePipe(moved.requests, moved.replies, FrameLimits(header_bytes=2**31, payload_bytes=2**32))
    server = Server(pipe, make_code(), output, where_of, not_defined)
    output.start()
    gc.freeze()
    gc.enable()
    server.ready()
    try:
        server.serve()
    except WireClosed:
        return 0
    except WireError as error:
        os.write(moved.errors, f"probe: {error}\n".encode())
        return 3
    return 0


if __name__ == "__main__":
    main()
