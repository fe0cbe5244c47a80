"""The process that harnesses are forked from: everything is imported once, and a harness is there at once.

It never holds an answer: a job reaches only the fork that judges it. It runs no tensor kernel, because the threads that
such a kernel starts would be missing in a fork; so it has one thread, which is checked before the first fork.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import numpy.random  # noqa: F401  # NumPy imports it at its first use
import pytest
import torch
import torch.fx.experimental.symbolic_shapes
import torch.testing

import grader.engine.harness.answers  # noqa: F401  # as above: gradcheck and the written answers import for half a second
from grader.engine.harness import serve
from grader.engine.harness.control import Control, ControlClosed, Note, Word
from grader.engine.harness.plugin import arguments

_PR_SET_PDEATHSIG = 1


class _Forks:
    """Harnesses by the number that the worker gave them; each is reaped only when the worker lets go of it."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._pids: dict[int, int] = {}

    def obey(self, note: Note) -> None:
        number = int(note.fields["number"])
        if note.word is Word.FORK:
            self._fork(number, *note.descriptors)
        elif note.word is Word.END:
            self._end(number)
            if note.fields["answer"]:
                self._control.send(Word.ENDED, number=number)

    def _fork(self, number: int, connection: int, stderr: int) -> None:
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_a_harness(server, self._control, connection, stderr)
        os.close(connection)
        os.close(stderr)
        self._pids[number] = pid

    def _end(self, number: int) -> None:
        pid = self._pids.pop(number, None)
        if pid is not None:
            # Not reaped yet, dead or alive: the number is nobody else's.
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _become_a_harness(server: int, control: Control, connection: int, stderr: int) -> NoReturn:
    try:
        os.setsid()
        control.close()
        os.dup2(stderr, 2)
        os.close(stderr)
        # Whatever ends the worker ends the server, and that ends its forks.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == server:
            gc.enable()
            serve.serve(Control(socket.socket(fileno=connection)))
    finally:
        # Never back into the server's loop; and the interpreter's tear-down with torch loaded takes 0.3 s.
        os._exit(0)


def main() -> None:
    """Fork whenever the worker asks, over the socket whose descriptor is the first argument, until it goes away."""
    control = Control(socket.socket(fileno=int(sys.argv[1])))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="grader-harness-") as empty:
        # What pytest imports and works out at its first run, every fork has from here.
        pytest.main(list(arguments(empty)))
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise SystemExit(f"an import has started {threads - 1} threads, which forks would miss")
    gc.freeze()
    forks = _Forks(control)
    try:
        while True:
            forks.obey(control.receive())
    except ControlClosed:
        os._exit(0)
