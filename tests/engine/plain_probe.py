"""The real probe in a plain process, forked from one that has imported torch: the import is most of a short test."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["torch"])


class PlainProcess:
    """A probe that nothing confines: `read_fd` and `write_fd` are its pipes. Close it when it is not needed.

    `prepare` is called in its process before anything of the probe runs.
    """

    def __init__(self, scratch: Path, prepare: Callable[[], None] | None = None) -> None:
        requests, self._requests = _FORKING.Pipe(duplex=False)
        self._replies, replies = _FORKING.Pipe(duplex=False)
        with requests, replies:
            self._process = _FORKING.Process(target=_probe, args=(requests, replies, str(scratch), prepare))
            self._process.start()
        self._reading = threading.Lock()

    @property
    def read_fd(self) -> int:
        return self._replies.fileno()

    @property
    def write_fd(self) -> int:
        return self._requests.fileno()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self.wait(0) is None

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit status, negative for a signal; None if it still runs when the time is up."""
        wait([self._process.sentinel], timeout_s)
        # The status can be read once, and more than one thread may ask.
        with self._reading:
            return self._process.exitcode

    def kill(self) -> int | None:
        """Its exit status: that of its own end, if that came first."""
        self._process.kill()
        return self.wait()

    def close(self) -> None:
        self.kill()
        self._requests.close()
        self._replies.close()


def _probe(requests: Connection, replies: Connection, scratch: str, prepare: Callable[[], None] | None) -> None:
    """What `python -m grader.engine.probe` does, in a process that has nothing open but its three descriptors."""
    for own, number in ((requests, 0), (replies, 1)):
        os.dup2(own.fileno(), number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(scratch)
    os.environ |= {"OMP_NUM_THREADS": "1", "GRADER_PROBE_WARM": "0"}
    if prepare is not None:
        prepare()
    from grader.engine.probe.__main__ import main

    main()
