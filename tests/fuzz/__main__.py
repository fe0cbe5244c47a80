"""Fuzzing by hand: `python -m tests.fuzz TARGET --seconds N`, or `--all`; prints a table, one line a target.

The kept inputs in `corpus/` and the seeds are what it begins with. What it finds lies in `var/fuzz/` and goes on from
there the next time; `--keep` puts a small set with the same coverage into `corpus/`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import seeds_of
from tests.fuzz.targets import CORPUS, TARGETS, Target

ROOT = Path(__file__).parents[2]
WORK = ROOT / "var" / "fuzz"
# All corpora together stay under 200 kB: so much for each of them, and nothing that is large by itself.
KEPT_BYTES = 9_000
KEPT_FILE_BYTES = 1_500
_DONE = re.compile(r"#(\d+)\s+(?:DONE|pulse|NEW|REDUCE|RELOAD|INITED)\s+cov: (\d+) ft: (\d+) corp: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units: (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one run came to; `crash` is the file of the input that ended it, where libFuzzer wrote one."""

    target: Target
    executions: int
    seconds: float
    edges: int
    features: int
    crash: Path | None
    failed: bool


def fuzz(target: Target, seconds: int) -> Ran:
    """Run the target for so long, or until it fails."""
    found, crashes = WORK / target.name, WORK / "crashes"
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    for content in [*seeds_of(target.name), *target.inputs]:
        (found / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    options = [
        f"-max_total_time={seconds}", f"-max_len={target.most_bytes}", "-timeout=20", "-rss_limit_mb=3000", "-len_control=0",
        "-print_final_stats=1", f"-artifact_prefix={crashes}/{target.name}-",
        *([f"-dict={target.dictionary}"] if target.dictionary else []),
    ]  # fmt: skip
    began, before = time.monotonic(), set(crashes.iterdir())
    output = _drive(target, [*options, str(found)])
    (WORK / f"{target.name}.log").write_text(output)
    made = sorted(set(crashes.iterdir()) - before)
    last = (_DONE.findall(output) or [("0", "0", "0", "0")])[-1]
    executed = _EXECUTED.search(output)
    return Ran(
        target=target, executions=int(executed[1] if executed else last[0]), seconds=time.monotonic() - began,
        edges=int(last[1]), features=int(last[2]), crash=made[0] if made else None,
        failed=bool(made) or "Uncaught Python exception" in output or executed is None,
    )  # fmt: skip


def _drive(target: Target, options: list[str]) -> str:
    # To merge, libFuzzer starts what it takes for its own program again and again.
    program = WORK / f"{target.name}.sh"
    program.write_text(f'#!/bin/sh\nFUZZ_PROGRAM="$0" exec {sys.executable} -m tests.fuzz.drive {target.name} "$@"\n')
    program.chmod(0o755)
    done = subprocess.run([program, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode("utf-8", "replace")


def keep(target: Target) -> None:
    """Replace the corpus by few small inputs that reach what all found ones reach; named inputs stay."""
    merged = WORK / f"{target.name}.merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    named = [path for path in target.corpus.glob("*") if "-" in path.name]
    options = ["-set_cover_merge=1", f"-max_len={KEPT_FILE_BYTES}", "-rss_limit_mb=3000", "-timeout=20"]
    _drive(target, [*options, str(merged), str(WORK / target.name)])
    target.corpus.mkdir(parents=True, exist_ok=True)
    for path in set(target.corpus.glob("*")) - set(named):
        path.unlink()
    room = KEPT_BYTES - sum(path.stat().st_size for path in named)
    for path in sorted(merged.iterdir(), key=lambda path: path.stat().st_size):
        room -= path.stat().st_size
        if room < 0:
            break
        shutil.copy(path, target.corpus / path.name[:12])


def main() -> int:
    """1 if a target failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="one of the targets, or several")
    parser.add_argument("--all", action="store_true", help="every target, one after another")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="afterwards keep a small corpus")
    arguments = parser.parse_args()
    names = list(TARGETS) if arguments.all else arguments.target
    if not names:
        parser.error(f"name a target ({', '.join(TARGETS)}) or --all")
    print("| target | executions | seconds | edges | features | found |\n|---|---:|---:|---:|---:|---|", flush=True)  # noqa: T201
    crashes = 0
    for name in names:
        ran = fuzz(TARGETS[name], arguments.seconds)
        found = str((ran.crash or WORK / f"{name}.log").relative_to(ROOT)) if ran.failed else "nothing"
        print(  # noqa: T201
            f"| {name} | {ran.executions:,} | {ran.seconds:.0f} | {ran.edges:,} | {ran.features:,} | {found} |",
            flush=True,
        )
        crashes += ran.failed
        if arguments.keep and not ran.failed:
            keep(ran.target)
    size = sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file())
    print(f"\ncorpus: {size:,} bytes", flush=True)  # noqa: T201
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
