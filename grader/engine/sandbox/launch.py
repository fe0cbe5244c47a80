"""The trusted launcher: joins the groups, stages the binds, sets limits, drops to a plain uid, becomes bwrap.

It is run as a script by `bwrap.py` (`python -I -S -E launch.py ...`) because each step must happen in the process
that becomes the sandbox. The invariant: bwrap is never executed with uid 0, since what it maps to "nobody" would be
root outside. Imports are few: this is on the path of every start.

Arguments are instructions, in the order they are carried out, up to `--`; the rest is the command.
    join FILE             write our pid to a control group
    stage DIR             private mount namespace with an empty tmpfs at DIR
    bind SOURCE NAME      SOURCE, read-only, at DIR/NAME
    limit NAME SOFT HARD  setrlimit
    identity NUMBER       no groups, gid and uid NUMBER
"""

import ctypes
import os
import resource
import stat
import sys

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
# Under memory pressure on the whole machine the kernel takes a sandbox before anything of ours.
FIRST_TO_GO = "1000"
FAILED = 125


class Launch:
    """Carries out the instructions."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._stage = ""
        self._sources: dict[str, int] = {}

    def open_sources(self, paths: list[str]) -> None:
        """Held open because the staging directory may hide the folder a source lies in (a clone below /tmp)."""
        self._call("unshare", self._libc.unshare(CLONE_NEWNS))
        self._mount("none", "/", None, MS_REC | MS_PRIVATE)
        for path in paths:
            self._sources[path] = os.open(path, os.O_PATH)

    def join(self, file: str) -> None:
        with open(file, "w") as stream:  # noqa: PTH123  # pathlib would cost a third of the start
            stream.write("0")

    def stage(self, directory: str) -> None:
        self._stage = directory
        self._mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")

    def bind(self, source: str, name: str) -> None:
        descriptor = self._sources[source]
        target = f"{self._stage}/{name}"
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.mkdir(target, 0o755)  # noqa: PTH102
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        self._mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND)
        self._mount("none", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)

    def limit(self, name: str, soft: str, hard: str) -> None:
        number = getattr(resource, f"RLIMIT_{name}")
        _, ceiling = resource.getrlimit(number)
        most = int(hard) if ceiling == resource.RLIM_INFINITY else min(int(hard), ceiling)
        resource.setrlimit(number, (min(int(soft), most), most))

    def identity(self, number: str) -> None:
        os.setgroups([])
        os.setresgid(int(number), int(number), int(number))
        os.setresuid(int(number), int(number), int(number))

    def _mount(self, source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
        texts = [None if text is None else text.encode() for text in (source, target, kind)]
        self._call(f"mount {target}", self._libc.mount(*texts, ctypes.c_ulong(flags), options and options.encode()))

    def _call(self, what: str, result: int) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)


ARITY = {"join": 1, "stage": 1, "bind": 2, "limit": 3, "identity": 1}


def main(arguments: list[str]) -> int:
    """Never returns when all goes well."""
    end = arguments.index("--")
    instructions, command = arguments[:end], arguments[end + 1 :]
    steps: list[list[str]] = []
    while instructions:
        size = 1 + ARITY[instructions[0]]
        steps.append(instructions[:size])
        instructions = instructions[size:]
    launch = Launch()
    try:
        # Before the uid is dropped: a process that changed it may not write its own /proc files until it execs.
        with open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123
            stream.write(FIRST_TO_GO)
        if any(step[0] == "stage" for step in steps):
            launch.open_sources([step[1] for step in steps if step[0] == "bind"])
        for name, *values in steps:
            getattr(launch, name)(*values)
        if os.geteuid() == 0:
            sys.stderr.write("grader: bwrap must not be started as root\n")
            return FAILED
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"grader: the sandbox could not be launched: {error}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
