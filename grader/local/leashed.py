"""A service on a leash, seen from our side; `leash.py` is the other end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.kit.text import one_line
from grader.local.faults import ServiceFailed
from grader.local.identity import Identity

LEASH = Path(__file__).with_name("leash.py")
LOG_CAP_BYTES = 10 << 20
TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run and how it is to end.

    `env` is the whole environment. `keep` are descriptors that the service inherits; `hold` are descriptors that stay
    open until nothing of the service is left (a lock). `stop_signal` goes to the service's first process alone.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    fresh_log: bool = True
    log_cap_bytes: int = LOG_CAP_BYTES
    cwd: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    stop_wait_s: float = 10.0
    identity: Identity | None = None
    keep: tuple[int, ...] = field(default=())
    hold: tuple[int, ...] = field(default=())


class LeashedProcess:
    """A running service that ends with us, however we end. Raises `ServiceFailed` if it cannot be started."""

    def __init__(self, command: Command) -> None:
        self._log = command.log
        heard, report = os.pipe()
        try:
            self._leash = subprocess.Popen(
                _leash_arguments(command, report),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(command.env),
                cwd=command.cwd,
                pass_fds=(report, *command.keep, *command.hold),
                start_new_session=True,
            )
        except OSError as error:
            os.close(heard)
            raise ServiceFailed(f"{command.argv[0]} could not be started: {error}.") from error
        finally:
            os.close(report)
        with os.fdopen(heard) as answer:
            word, _, rest = answer.readline().strip().partition(" ")
        if word != "started":
            self._end_with(b"k")
            raise ServiceFailed(f"{command.argv[0]} could not be started: {one_line(rest) or 'no reason was given'}.")
        self.pid = int(rest)

    @property
    def leash_pid(self) -> int:
        return self._leash.pid

    @property
    def alive(self) -> bool:
        return self._leash.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, 128 plus the signal's number if a signal ended it; None while it runs."""
        return self._leash.poll()

    def stop(self) -> int:
        """Ask it to stop, wait, kill what is left; returns its status. Harmless when it has ended."""
        return self._end_with(b"s")

    def kill(self) -> int:
        """SIGKILL, without a chance to tidy up; returns when nothing of it is left."""
        return self._end_with(b"k")

    def wait(self, timeout_s: float | None = None) -> int:
        """Its status. Raises `TimeoutError` if it still runs after `timeout_s` seconds."""
        try:
            status = self._leash.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error
        self._close(self._leash.stdin)
        return status

    def _end_with(self, word: bytes) -> int:
        lifeline = self._leash.stdin
        if lifeline is not None and not lifeline.closed:
            with contextlib.suppress(BrokenPipeError):
                lifeline.write(word)
                lifeline.flush()
        return self.wait()

    @staticmethod
    def _close(lifeline: IO[bytes] | None) -> None:
        with contextlib.suppress(BrokenPipeError):
            if lifeline is not None:
                lifeline.close()


def _leash_arguments(command: Command, report: int) -> list[str]:
    # Isolated and without site: a leash must start in any environment, also in a service's own.
    arguments = [sys.executable, "-I", "-S", "-E", str(LEASH)]
    arguments += ["--signal", str(int(command.stop_signal)), "--wait", str(command.stop_wait_s)]
    arguments += ["--log", str(command.log), "--cap", str(command.log_cap_bytes)]
    arguments += ["--fresh", str(int(command.fresh_log)), "--report", str(report)]
    arguments += ["--keep", ",".join(map(str, command.keep))]
    if command.identity:
        arguments += ["--uid", str(command.identity.uid), "--gid", str(command.identity.gid)]
    return [*arguments, "--", *command.argv]


def last_words(log: Path, *, lines: int = 5) -> str:
    """The end of a log on one line, for a sentence; empty if there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return one_line(" | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip()), limit=800)


def wait_until_ready(
    name: str, process: LeashedProcess, ready: Callable[[], bool], log: Path, *, within_s: float, look_s: float = 0.02
) -> None:
    """Raises `ServiceFailed`, with the end of its log, if it ends before it is ready or takes too long."""
    until = time.monotonic() + within_s
    while not ready():
        if not process.alive:
            words = last_words(log) or "nothing"
            raise ServiceFailed(
                f"{name} ended before it was ready (status {process.status}); the last words of its log {log}: {words}"
            )
        if time.monotonic() > until:
            words = last_words(log) or "nothing"
            raise ServiceFailed(f"{name} was not ready within {within_s:g} s; the last words of its log {log}: {words}")
        time.sleep(look_s)
