"""One command in one fresh container, as far from this machine as a container goes: nothing it writes lands here.

No network, read-only root and mounts, memory, processes and time limited, no capabilities. What a tool wrote is read
from the end of the container's output, after a word that only this run knows; more than a few megabytes are not read.
"""

from __future__ import annotations

import base64
import secrets
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 4 * 2**20
LIMIT_S = 120.0
_WALLS = (
    "--network", "none", "--read-only", "--tmpfs", "/tmp:exec,size=512m,mode=1777", "--memory", "2g", "--memory-swap", "2g",
    "--pids-limit", "256", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--log-driver", "none",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """`files` are those asked for that the command left behind, by path; `said` is the rest of the output."""

    said: str
    files: dict[str, bytes]
    timed_out: bool


def run_in(
    image: str,
    script: str,
    *,
    mounts: Mapping[Path, str],
    results: Sequence[str] = (),
    cpus: float = 1.0,
    limit_s: float = LIMIT_S,
) -> Ran:
    """Run a shell script in a fresh container and read files that it leaves.

    Args:
        image: has a shell and base64.
        script: for sh; what it prints is kept.
        mounts: paths here -> where they are, read-only, in the container.
        results: absolute paths of files to read when the script has ended, whichever way.
        cpus: as many processors.
        limit_s: seconds after which the container is killed.

    """
    word = secrets.token_hex(16)
    read = "".join(
        f"\nprintf '\\n{word} %s ' {shlex.quote(path)}; base64 -w 0 {shlex.quote(path)} 2>/dev/null" for path in results
    )
    name = f"grader-peer-{word}"
    command = ["docker", "run", "--rm", "--name", name, *_WALLS, "--cpus", str(cpus)]
    for here, there in mounts.items():
        command += ["--volume", f"{here}:{there}:ro"]
    command += ["--entrypoint", "sh", image, "-c", f"( {script}\n){read}"]
    timed_out = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:

        def end() -> None:
            timed_out.set()
            kill(name)

        timer = threading.Timer(limit_s, end)
        timer.start()
        assert process.stdout is not None
        out = process.stdout.read(MOST_BYTES)
        if len(out) == MOST_BYTES:
            kill(name)
        process.stdout.close()
        process.wait()
        timer.cancel()
    return taken_apart(out, word, timed_out=timed_out.is_set())


def taken_apart(out: bytes, word: str, *, timed_out: bool = False) -> Ran:
    """The output before the word, and the files after it; what is no base64 counts as a file that is not there."""
    said, *rest = out.split(f"\n{word} ".encode())
    files = {}
    for part in rest:
        path, _, content = part.partition(b" ")
        try:
            decoded = base64.b64decode(content.strip(), validate=True)
        except ValueError:
            continue
        if decoded:
            files[path.decode(errors="replace")] = decoded
    return Ran(said.decode(errors="replace"), files, timed_out)


def kill(name: str) -> None:
    """By name: killing the client would leave the container."""
    subprocess.run(["docker", "kill", name], capture_output=True, check=False)
