"""The small process between us and a service: it holds the service's life in its hand and lets go of nothing.

It is run as a script (`python -I -S -E leash.py ...`), so that it needs nothing but the standard library and starts
in a few hundredths of a second. The invariant: when this process has ended, no descendant of the service is alive.

Its standard input is the lifeline, a pipe that only the parent holds open. `k` on it means kill, `s` or the end of
the pipe means stop: a parent that is killed with -9 cannot say goodbye, but the kernel closes its pipes. (Should
another process have inherited the parent's end, a changed parent id, looked at once a second, says the same.)
Stopping is the service's own stop signal first, to its first process alone, and after a grace period SIGKILL to all.
As a child subreaper the leash becomes the parent of every orphan below it, also of those in sessions of their own.

The accepted gap: kill -9 of the leash itself. The service then gets its stop signal from the kernel
(PR_SET_PDEATHSIG, set after the uid is dropped because dropping clears it), but nobody sees to its descendants.

Arguments are pairs of option and value up to `--`; the rest is the command.
    --signal N   --wait S         how to stop it, and for how many seconds to wait before SIGKILL
    --log FILE   --cap BYTES      where its output goes; a file that grows past the cap becomes FILE.1
    --fresh 1                     begin a new log file; the old one becomes FILE.1
    --report FD                   where to write one line: `started PID` or `failed REASON`
    --keep FD,FD                  descriptors that the service inherits; all others stay here
    --uid N      --gid N          whom to become, without any further groups
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIFELINE = 0
CHUNK_BYTES = 1 << 16
LOOK_S = 1.0
# A process in an uninterruptible wait (a dead network file system) does not even die of SIGKILL: we give up one day.
SWEEP_S = 20.0
CANNOT_START = 126


class Log:
    """A file that takes everything, and never more than twice its cap."""

    def __init__(self, path: str, cap: int, *, fresh: bool) -> None:
        self._path = path
        self._cap = cap
        if fresh and os.path.exists(path) and os.path.getsize(path):  # noqa: PTH110, PTH202
            self._turn()
        self._open()

    def write(self, text: bytes) -> None:
        # A full disk must not stop the service: what cannot be written is lost.
        with contextlib.suppress(OSError):
            os.write(self._file, text)
            self._size += len(text)
            if self._size > self._cap:
                os.close(self._file)
                self._turn()
                self._open()

    def _turn(self) -> None:
        os.replace(self._path, self._path + ".1")  # noqa: PTH105

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._file).st_size


class Leash:
    """One service from its first instruction until nothing of it is left."""

    def __init__(self, options: dict[str, str], command: list[str]) -> None:
        self._options = options
        self._command = command
        self._parent = os.getppid()
        self._signal = int(options["--signal"])
        self._wait_s = float(options["--wait"])
        self._log = Log(options["--log"], int(options["--cap"]), fresh=options.get("--fresh") == "1")
        self._stop_before: float | None = None  # monotonic seconds; None: nobody has asked to stop
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._service = 0
        self._output, self._service_output = os.pipe()

    def run(self) -> int:
        """The service's exit status, 128 plus the number of the signal that ended it."""
        self._libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        waking, wake = os.pipe()
        for end in (waking, wake, self._output):
            os.set_blocking(end, False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        failure = self._start()
        self._report(f"failed {failure}" if failure else f"started {self._service}")
        if failure:
            return CANNOT_START
        ended = self._watch(waking)
        self._sweep()
        self._drain()
        return os.waitstatus_to_exitcode(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)

    def _start(self) -> str:
        failing, fail = os.pipe()  # closed by a successful exec
        self._service = os.fork()
        if self._service == 0:
            try:
                self._become()
            except OSError as error:
                os.write(fail, f"{error.strerror}: {error.filename or self._command[0]}".encode())
            finally:
                os._exit(CANNOT_START)
        os.close(fail)
        os.close(self._service_output)
        failure = os.read(failing, CHUNK_BYTES).decode(errors="replace")
        os.close(failing)
        return failure

    def _become(self) -> None:
        leash = os.getppid()
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (self._service_output, 1), (self._service_output, 2)):
            os.dup2(source, target)
        if "--uid" in self._options:
            gid, uid = int(self._options["--gid"]), int(self._options["--uid"])
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        self._libc.prctl(PR_SET_PDEATHSIG, self._signal, 0, 0, 0)
        if os.getppid() != leash:
            return
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a program would inherit that
            signal.signal(number, signal.SIG_DFL)
        kept = {0, 1, 2, *map(int, filter(None, self._options.get("--keep", "").split(",")))}
        for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
                os.set_inheritable(descriptor, descriptor in kept)
        os.execvp(self._command[0], self._command)  # noqa: S606

    def _report(self, line: str) -> None:
        report = int(self._options["--report"])
        with contextlib.suppress(BrokenPipeError):  # the parent is gone; the lifeline says so too
            os.write(report, line.encode() + b"\n")
        os.close(report)

    def _watch(self, waking: int) -> int:
        """Returns the service's wait status once its first process has ended."""
        poll = select.poll()
        for descriptor in (LIFELINE, waking, self._output):
            poll.register(descriptor, select.POLLIN)
        while True:
            ended = self._reap()
            if ended is not None:
                return ended
            if os.getppid() != self._parent:
                self._stop()
            wait_s = LOOK_S
            if self._stop_before is not None:
                wait_s = min(wait_s, self._stop_before - time.monotonic())
                if wait_s <= 0:
                    self._kill()
                    wait_s = LOOK_S
            for descriptor, _event in poll.poll(wait_s * 1000):
                if descriptor == LIFELINE and not self._listen():
                    poll.unregister(LIFELINE)
                elif descriptor == waking:
                    os.read(waking, CHUNK_BYTES)
                elif descriptor == self._output and not self._drain():
                    poll.unregister(self._output)

    def _listen(self) -> bool:
        """Whether the lifeline may say more."""
        said = os.read(LIFELINE, CHUNK_BYTES)
        if b"k" in said:
            self._stop_before = time.monotonic()
            self._kill()
        else:
            self._stop()
        return bool(said)

    def _stop(self) -> None:
        if self._stop_before is None:
            self._stop_before = time.monotonic() + self._wait_s
            if self._service:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._service, self._signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stop()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._service, signal.SIGKILL)

    def _reap(self) -> int | None:
        """The service's wait status, if it is among the dead; strangers are adopted orphans."""
        while True:
            try:
                dead, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if dead == self._service:
                return status
            if dead == 0:
                return None

    def _sweep(self) -> None:
        """SIGKILL to all that is left, until nothing is: what a killed process leaves behind comes to us."""
        until = time.monotonic() + SWEEP_S
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._service, signal.SIGKILL)
        while time.monotonic() < until:
            for child in self._children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            self._drain()
            time.sleep(0.005)

    def _children(self) -> list[int]:
        with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as stream:  # noqa: PTH123
            return [int(number) for number in stream.read().split()]
        return []

    def _drain(self) -> bool:
        """Whether there may be more output one day."""
        while True:
            try:
                text = os.read(self._output, CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not text:
                return False
            self._log.write(text)


def main(arguments: list[str]) -> int:
    end = arguments.index("--")
    options = dict(zip(arguments[:end:2], arguments[1:end:2], strict=True))
    try:
        leash = Leash(options, arguments[end + 1 :])
    except OSError as error:
        os.write(int(options["--report"]), f"failed {error.strerror}: {error.filename}\n".encode())
        return CANNOT_START
    return leash.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
