"""Types, all tests and a proof of every spec as pieces side by side: `make test` calls it with .venv's Python.

A free lane takes the next piece, so the lanes end at about the same time whatever a machine is slow at. The pieces
share no folder and no server. The first one that fails ends the rest, and its output is shown.

On so full a machine now and then a test fails that holds by itself. Up to three failed tests of a piece are run a
second time before they count; whatever held only then is named at the end, as work for somebody.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / "var" / "tests"
# Many tests wait for a process, a browser or a lease where others compute: one lane more than processors pays.
MORE_LANES = 1
# The first groups below wait more than they compute.
_WAITING = 4
LOOK_S = 0.1
# More than these are no accident.
_MOST_AGAIN = 3
STOP_S = 30.0
# In the background of the tests that need no Docker.
MAKE_IMAGE = "sh docker/start-engine.sh >var/engine.log 2>&1 && nice sh docker/build-images.sh >var/image.log 2>&1"
# Folders that share a process of pytest, in the order in which they are taken: the longest first. What is named
# nowhere comes last. Those that import torch are apart from those that do not: Hypothesis would look for constants
# in all of torch's modules.
TOGETHER: dict[str, tuple[str, ...]] = {
    "acceptance": ("acceptance",),
    "faults": ("faults",),
    "operations": ("operations", "observability", "machines", "upgrade"),
    "server": ("server", "local", "worker"),
    "attacks": ("attacks",),
    "web": ("web",),
    "api": ("api", "cli"),
    "service": ("service", "storage"),
    "engine": ("engine/test_*.py", "engine/harness", "engine/gpu"),
    "probe": ("engine/probe", "engine/student", "engine/sandbox", "engine/proxy", "specs", "fuzz"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A command whose status says whether all is well."""

    name: str
    command: tuple[str, ...]
    needs_image: bool = False
    # Where pytest remembers which of its tests failed; None for anything else, and on the second go.
    memory: Path | None = None

    def failed(self) -> list[str]:
        """The tests that failed, by pytest's own memory."""
        kept = None if self.memory is None else self.memory / "v" / "cache" / "lastfailed"
        return [] if kept is None or not kept.is_file() else sorted(json.loads(kept.read_text()))

    def again(self) -> Piece:
        """What failed and nothing else."""
        return replace(self, command=(*self.command, "--last-failed", "--last-failed-no-failures=none"), memory=None)


@dataclass(slots=True, kw_only=True)
class Running:
    """A piece under way, with its output in a file."""

    piece: Piece
    process: subprocess.Popen[bytes]
    log: Path
    began: float


def pieces(scratch: Path) -> list[Piece]:
    """Every test once, and a proof of every spec."""
    tests = ROOT / "tests"
    named = {name: [path for glob in globs for path in sorted(tests.glob(glob))] for name, globs in TOGETHER.items()}
    taken = {path for paths in named.values() for path in paths}
    named["others"] = _not_in(taken, tests)
    types = Piece(name="types", command=(str(BIN / "mypy"),))
    made = [
        _pytest(scratch, name, "not docker", [str(path.relative_to(ROOT)) for path in paths])
        for name, paths in named.items()
    ]
    proofs = [
        Piece(
            name=f"proof of {path.parent.name}",
            # By the cheapest of the sandboxes, which all pass the same suite: bwrap's way is proved by the acceptance
            # tests, Docker's by those that are marked so, and the trainings of the references by the demo's.
            command=(str(BIN / "grader"), "spec", "check", path.parent.name, "--sandbox", "fork", "--no-train"),
        )
        for path in sorted((ROOT / "test_specs").glob("*/assignment.toml"))
    ]
    docker = _pytest(scratch, "docker", "docker", ["tests"], needs_image=True)
    # What waits most comes first, so that the proofs compute meanwhile; what is short comes last.
    return [types, *made[:_WAITING], *proofs, docker, *made[_WAITING:]]


def _not_in(taken: set[Path], folder: Path) -> list[Path]:
    """What of a folder's tests is in none of the others, in as few paths as possible."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path in taken or not (path.is_dir() or path.match("test_*.py")) or path.name == "__pycache__":
            continue
        found += _not_in(taken, path) if any(path in one.parents for one in taken) else [path]
    return found


def _pytest(scratch: Path, name: str, marks: str, paths: list[str], *, needs_image: bool = False) -> Piece:
    memory = scratch / f"{name}-memory"
    command = (
        *(str(BIN / "python"), "-m", "pytest", "-m", marks, "--basetemp", str(scratch / name)),
        *("-o", f"cache_dir={memory}", "--durations=15", "--durations-min=3", *paths),
    )
    return Piece(name=name, command=command, needs_image=needs_image, memory=memory)


def start(piece: Piece) -> Running:
    """In a session of its own, so that a Ctrl-C is passed on by us alone."""
    log = LOGS / f"{piece.name.replace(' ', '-')}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            piece.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    return Running(piece=piece, process=process, log=log, began=time.monotonic())


def stop(running: Iterable[Running]) -> None:
    """As Ctrl-C does, so that each ends what it started; after a while as kill -9 does."""
    for one in running:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
    for one in running:
        try:
            one.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()


def run(waiting: list[Piece], image: subprocess.Popen[bytes], lanes: int) -> bool:
    """Whether all is well; the first thing that is not is told, and the rest is stopped."""
    running: list[Running] = []
    second_goes: list[str] = []
    try:
        while waiting or running:
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                failed = one.piece.failed()
                if one.process.returncode == 1 and 0 < len(failed) <= _MOST_AGAIN:
                    say(f"again   {one.piece.name}: {', '.join(failed)}")
                    second_goes += failed
                    running.append(start(one.piece.again()))
                elif not tell(one):
                    return False
            if image.poll() not in {None, 0}:
                say("The Docker engine or an image could not be made; see var/engine.log and var/image.log.")
                return False
            ready = [piece for piece in waiting if image.poll() == 0 or not piece.needs_image]
            for piece in ready[: lanes - len(running)]:
                waiting.remove(piece)
                running.append(start(piece))
            time.sleep(LOOK_S)
    finally:
        stop(running)
    for name in second_goes:
        say(f"SHAKY   {name} failed beside the others and held the second time; find out why.")
    return True


def tell(ended: Running) -> bool:
    """A line about a piece that went well, everything about one that did not."""
    output = ended.log.read_text(errors="replace").strip()
    took = f"{ended.piece.name}, {time.monotonic() - ended.began:.0f} s"
    if ended.process.returncode == 0:
        say(f"ok      {took}: {output.rpartition(chr(10))[2]}")
        return True
    say(f"{output}\nFAILED  {took}, status {ended.process.returncode}; the output above is in {ended.log}")
    return False


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The whole of it: 0 if all is well, 1 if not."""
    # As Ctrl-C: what was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.chdir(ROOT)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    began = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="grader-lanes-"))
    image = subprocess.Popen(["sh", "-c", MAKE_IMAGE], start_new_session=True)
    try:
        is_well = run(pieces(scratch), image, (os.cpu_count() or 1) + MORE_LANES)
    except KeyboardInterrupt:
        say("Stopped.")
        is_well = False
    finally:
        if image.poll() is None:
            os.killpg(image.pid, signal.SIGTERM)
        image.wait()
        shutil.rmtree(scratch, ignore_errors=True)
    say(f"{'All is well' if is_well else 'Not all is well'} after {time.monotonic() - began:.0f} s.")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
