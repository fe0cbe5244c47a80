"""The worker's side of the process that harnesses are forked from. Imports neither torch nor pytest."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading

from grader.engine.harness.control import Control, ControlClosed, Word
from grader.kit.text import plain

# What a harness may see of our environment. Everything else, credentials above all, stays here.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "GRADER_DATA_DIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
# An answer is a kill and a wait; more than this and the server hangs.
ANSWER_S = 30.0


class ForkServer:
    """Started at once, ready once it has imported torch: what is asked meanwhile is done then. Safe between threads.

    With the worker it ends, and with it every harness.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "grader.engine.harness", str(theirs.fileno())],
                env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=self._stderr, cwd="/", start_new_session=True,
            )  # fmt: skip
        self._control = Control(ours)
        # For a request and its answer.
        self._asking = threading.Lock()
        self._numbers = itertools.count(1)
        self._is_closed = False

    @property
    def is_alive(self) -> bool:
        with self._asking:
            return not self._is_closed and self._process.poll() is None

    def fork(self, connection: socket.socket, stderr: int) -> int:
        """Have a harness forked that talks over `connection` and complains to `stderr`; its number for `end`.

        Does not wait for it. A server that is gone is noticed by the end of the connection.
        """
        with self._asking:
            number = next(self._numbers)
            with contextlib.suppress(ControlClosed, OSError):
                self._control.send(Word.FORK, (connection.fileno(), stderr), number=number)
            return number

    def end(self, number: int, *, wait: bool) -> None:
        """Kill that harness and whatever it started. Idempotent.

        `wait` until that is done; not for one that never spoke, because the server may still be importing.
        """
        with self._asking, contextlib.suppress(ControlClosed, OSError):
            self._control.send(Word.END, number=number, answer=wait)
            if wait:
                self._control.receive(ANSWER_S)

    def close(self) -> None:
        """Kill the server and every harness. Idempotent."""
        with self._asking:
            if self._is_closed:
                return
            self._is_closed = True
            self._process.kill()
            self._process.wait()
            self._control.close()
            self._stderr.close()

    def last_words(self) -> str:
        return "it was stopped" if self._stderr.closed else last_line(self._stderr.fileno())


def last_line(descriptor: int) -> str:
    """Of what a process wrote to a file of ours."""
    size = os.fstat(descriptor).st_size
    text = plain(os.pread(descriptor, 2000, max(0, size - 2000)).decode(errors="replace")).strip()
    return text.splitlines()[-1] if text else ""
