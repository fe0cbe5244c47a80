"""Starts harness processes and follows one through a run. Imports neither torch nor pytest."""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from grader.domain.check import CheckResult, Stage
from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import BadSpec, DeviceLost, NoSandbox, RunFailed, SandboxLost, SetupError, TransientError
from grader.domain.run import Event
from grader.engine.harness.control import Control, ControlClosed, Note, Word
from grader.engine.harness.forkserver import ForkServer, last_line
from grader.engine.harness.job import Job, definition_from_plain, result_from_plain
from grader.engine.sandbox.base import Sandbox

# A spec's own work (reference models, data) may take this much longer than the run's budget before it counts as stuck.
GRACE_S = 60.0
HELLO_S = 120.0

SandboxLease = Callable[[], AbstractContextManager[Sandbox]]


@dataclass(slots=True)
class Judgement:
    """What one run in a harness came to; one ending for each sandbox it used."""

    results: list[CheckResult] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    first_sandbox_s: float = 0.0
    endings: list[Ending] = field(default_factory=list)
    torch: str = ""


class HarnessProcess:
    """A harness waiting for its one job."""

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        ours, theirs = socket.socketpair()
        with theirs:
            self._number = server.fork(theirs, self._stderr.fileno())
        self._control = Control(ours)
        self._said_hello = False
        # One thread waits for the first word at a time, and nobody closes the socket under it.
        self._greeting = threading.Lock()
        self.pid = 0
        self.torch = ""

    def await_hello(self) -> None:
        """Wait until it is there.

        Raises:
            RunFailed: the process ended, or takes absurdly long.

        """
        with self._greeting:
            if self._said_hello:
                return
            try:
                note = self._control.receive(HELLO_S)
            except OSError as error:  # the end of the socket, on either side, or no word in time
                words = self._last_words() or self._server.last_words() or "it said nothing"
                raise RunFailed(f"The harness did not start: {words}") from error
            self._said_hello = note.word is Word.HELLO
            self.pid = int(note.fields.get("pid", 0))
            self.torch = str(note.fields.get("torch", ""))

    def judge(
        self, job: Job, sandboxes: SandboxLease, on_event: Callable[[Event], None], *, may_try_again: bool = False
    ) -> Judgement:
        """Run one job to its end. The process is of no use afterwards.

        Where the caller `may_try_again`, a sandbox that was killed and nobody knows by whom counts as lost.

        Raises:
            RunFailed, BadSpec, NoSandbox: the run has no score.
            SandboxLost: nor has this one, but trying again may help.

        """
        self.await_hello()
        judgement = Judgement(torch=self.torch)
        with _SandboxSeat(sandboxes, may_doubt=may_try_again) as seat:
            self._converse(job, seat, judgement, on_event)
        judgement.first_sandbox_s, judgement.endings = seat.first_wait_s, seat.endings
        return judgement

    def _converse(self, job: Job, seat: _SandboxSeat, judgement: Judgement, on_event: Callable[[Event], None]) -> None:
        ends_at = time.monotonic() + job.run_s + GRACE_S
        try:
            self._control.send(Word.JOB, **job.packed())
            while True:
                note = self._control.receive(max(0.1, ends_at - time.monotonic()))
                if note.word is Word.DONE:
                    judgement.facts = note.fields["facts"]
                    return
                self._handle(note, seat, judgement, on_event)
        except ControlClosed as error:
            words = self._last_words() or "it said nothing"
            raise RunFailed(f"The harness ended in the middle of a run: {words}") from error
        except TimeoutError as error:
            raise RunFailed(
                "The run took longer than its limit and was stopped; the spec's own code may be stuck."
            ) from error

    def _handle(self, note: Note, seat: _SandboxSeat, judgement: Judgement, on_event: Callable[[Event], None]) -> None:
        if note.word is Word.NEED:
            try:
                sandbox = seat.replace()
            except (SetupError, TransientError) as error:
                self._control.send(Word.PROBLEM, code=error.code, message=str(error))
            else:
                self._control.send(Word.SANDBOX, (sandbox.read_fd, sandbox.write_fd))
        elif note.word is Word.LOST:
            ending = seat.end(EndingReason(note.fields["reason"]))
            self._control.send(Word.ENDING, reason=str(ending.reason), exit_code=ending.exit_code, detail=ending.detail)
        elif note.word is Word.PLAN:
            on_event(Event(kind="plan", plan=tuple(definition_from_plain(one) for one in note.fields["plan"])))
        elif note.word is Word.STAGE:
            on_event(Event(kind="stage", stage=Stage(note.fields["stage"])))
        elif note.word is Word.STARTED:
            on_event(Event(kind="started", check_id=note.fields["check_id"]))
        elif note.word is Word.RESULT:
            result = result_from_plain(note.fields["result"])
            judgement.results.append(result)
            on_event(Event(kind="check", check_id=result.id, result=result))
        elif note.word is Word.PROBLEM:
            kinds: dict[str, type[SetupError | TransientError]] = {
                kind.code: kind for kind in (BadSpec, NoSandbox, SandboxLost, DeviceLost)
            }
            raise kinds.get(note.fields["code"], RunFailed)(note.fields["message"])

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, or will never be there."""
        return self._control.is_shut()

    def interrupt(self) -> None:
        """Stop the process, from any thread; whoever is in `judge` or `await_hello` gets a RunFailed. Idempotent."""
        self._server.end(self._number, wait=self._said_hello)
        self._control.shut()

    def kill(self) -> None:
        """Stop the process and whatever it started, and let go of it. Idempotent; not while another thread judges."""
        self.interrupt()
        with self._greeting:  # whoever waits for the first word has heard by now that none will come
            self._control.close()
            self._stderr.close()

    def _last_words(self) -> str:
        return "it was stopped" if self._stderr.closed else last_line(self._stderr.fileno())


class _SandboxSeat:
    """The one sandbox a run has at a time."""

    def __init__(self, sandboxes: SandboxLease, *, may_doubt: bool) -> None:
        self._sandboxes = sandboxes
        self._may_doubt = may_doubt
        self._stack = ExitStack()
        self._current: Sandbox | None = None
        self._is_recorded = False
        self.first_wait_s = 0.0
        self.endings: list[Ending] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()

    def replace(self) -> Sandbox:
        started = time.monotonic()
        self._leave()
        self._current = self._stack.enter_context(self._sandboxes())
        if not self.first_wait_s:
            self.first_wait_s = time.monotonic() - started
        return self._current

    def end(self, reason: EndingReason) -> Ending:
        """Stop the current sandbox unless it ended by itself, and say why it ended."""
        if self._current is None:
            return Ending(reason=EndingReason.LOST)
        if reason is not EndingReason.EXITED:
            # It is still running as far as we know; where it died by itself, the host's own reason is wanted.
            self._current.kill(reason)
        ending = self._current.ending()
        if self._may_doubt and ending.reason is EndingReason.CRASHED and ending.exit_code == -signal.SIGKILL:
            # The student's code, or this machine (its memory is full, somebody ends processes)? Told by trying again.
            ending = replace(ending, reason=EndingReason.LOST)
        if not self._is_recorded:
            self.endings.append(ending)
            self._is_recorded = True
        return ending

    def _leave(self) -> None:
        try:
            if self._current is not None and not self._is_recorded:
                self.end(EndingReason.KILLED)
        finally:
            self._current, self._is_recorded = None, False
            self._stack.close()


class HarnessPool:
    """Harness processes forked ahead, each for one job; `ahead` is how many wait at once."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._lock = threading.Lock()
        self._is_stopped = False
        self._server = ForkServer()
        self._waiting: deque[HarnessProcess] = deque()
        self._fill()

    @contextmanager
    def lease(self) -> Iterator[HarnessProcess]:
        """A harness for one job, killed afterwards.

        Raises:
            TransientError: the pool was stopped.

        """
        with self._lock:
            if self._is_stopped:
                raise TransientError("The pool of harnesses has been stopped, so nothing more can be judged.")
            self._fill()
            process = self._next()
            # The next one is forked while this one judges: no import slows it down.
            self._fill()
        try:
            yield process
        finally:
            process.kill()

    def await_ready(self) -> None:
        """Wait until as many are ready as this pool keeps.

        Raises:
            RunFailed: one does not start, or the pool was stopped meanwhile.

        """
        with self._lock:
            self._fill()
            waiting = list(self._waiting)
        for process in waiting:
            process.await_hello()

    def stop(self) -> None:
        """Kill all of them, at once. Whoever judges with one gets a RunFailed."""
        with self._lock:
            self._is_stopped = True
            waiting, self._waiting = list(self._waiting), deque()
        self._server.close()
        for process in waiting:
            process.kill()

    def _next(self) -> HarnessProcess:
        """With the lock held. One that somebody killed while it waited is nobody's try."""
        while self._waiting:
            process = self._waiting.popleft()
            if not process.is_gone:
                return process
            process.kill()
        return HarnessProcess(self._server)

    def _fill(self) -> None:
        """With the lock held. A server that ended takes with it those that wait, and has a successor."""
        if self._is_stopped:
            return
        if not self._server.is_alive:
            for process in self._waiting:
                process.kill()
            self._waiting.clear()
            self._server.close()
            self._server = ForkServer()
        while len(self._waiting) < self._ahead:
            self._waiting.append(HarnessProcess(self._server))
