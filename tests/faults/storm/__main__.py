"""Grade a stream of submissions while things break: `python -m tests.faults.storm --faults 500 --seed 1`.

The order of faults, their targets and their lengths come from the seed; what they meet is the machine's.
Exit status 0 when every promise of docs/reliability.md was kept, else 1, with a sentence for each that was not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.storm import report, verdict
from tests.faults.storm.injector import Injector
from tests.faults.storm.kinds import KINDS, Storm
from tests.faults.storm.site import Site, open_site
from tests.faults.storm.stream import WORKS, Stream

DRAIN_S = 420.0
CALM_S = 240.0


@dataclass(slots=True)
class Result:
    """What a storm came to."""

    problems: list[str] = field(default_factory=list)
    text: str = ""


def blow(
    *, faults: int, seed: int, seconds: float, works: list[str] | None = None, only: tuple[str, ...] = (),
    slug: str = "tiny", keep_logs: Path | None = None,
) -> Result:  # fmt: skip
    """A whole storm, from an empty folder to the verdict."""
    began = time.monotonic()
    with open_site(slug, keep_logs) as site:
        result = _blow(site, faults=faults, seed=seed, seconds=seconds, works=works or list(WORKS), only=only)
        statuses = site.stop()
        # uvicorn ends itself with the signal that it was stopped by, once all is done.
        fine = {0, -signal.SIGTERM}
        result.problems += [
            f"{name} ended with status {status}" for name, status in statuses.items() if status not in fine
        ]
        result.problems += verdict.problems_of_leftovers(site)
        result.problems += verdict.problems_of_logs(site)
    result.text += f"\nFrom the first process to the last check: {(time.monotonic() - began) / 60:.1f} minutes.\n"
    return result


def _blow(site: Site, *, faults: int, seed: int, seconds: float, works: list[str], only: tuple[str, ...]) -> Result:
    stream, result, over = Stream(site, seed, works), Result(), threading.Event()
    site.await_ready()
    watching = threading.Thread(target=verdict.watch, args=(stream, over), daemon=True)
    watching.start()
    calm = stream.calm()
    _await(lambda: not stream.under_way(), CALM_S, "the fault-free gradings did not end")
    right = {one.work: verdict.outcomes(site, one.submission)[0] for one in calm}
    calm_s = {one.work: one.graded_at - one.sent_at for one in calm}
    _say(f"without faults: {verdict.as_text(right)} in {sum(calm_s.values()) / len(calm_s):.1f} s on average")
    stream.start()
    storm = Storm(site, stream, random.Random(seed), threading.Event())
    injector = Injector(storm, total=faults, seconds=seconds, only=only)
    asking = threading.Thread(target=_ask_for_reruns, args=(stream, calm, storm), daemon=True)
    asking.start()
    began = time.monotonic()
    injector.run()
    storm_s = time.monotonic() - began
    _say("no more faults; waiting for receipts and grades")
    stream.stop()
    asking.join()
    drained = _drained(site)
    over.set()
    watching.join()
    verdict.look(stream)
    result.problems += injector.problems + stream.refused
    if drained:
        result.problems.append(f"after {DRAIN_S:g} s the queue still has {drained}")
    result.problems += verdict.problems_of_receipts(site, stream, right)
    result.problems += verdict.problems_of_rows(site, stream)
    result.problems += verdict.problems_of_gradebook(site, right)
    result.text = _text(stream, injector, calm_s, storm_s, seed)
    return result


def _drained(site: Site) -> dict[str, int]:
    ends_at = time.monotonic() + DRAIN_S
    while (left := verdict.drained(site)) and time.monotonic() < ends_at:
        time.sleep(0.5)
    return left


def _ask_for_reruns(stream: Stream, calm, storm: Storm) -> None:
    """Now and then a teacher asks for one, as audited as ever."""
    while not storm.over.wait(20.0):
        stream.ask_for_rerun(random.Random(stream.reruns_asked).choice(calm).submission)


def _text(stream: Stream, injector: Injector, calm_s: dict[str, float], storm_s: float, seed: int) -> str:
    facts, struck = verdict.facts(stream), injector.struck
    starts = {name: unit.starts for name, unit in stream.site.units.items()}
    one, five, fifteen = os.getloadavg()
    command = (
        f"`python -m tests.faults.storm --faults {len(struck)} --seed {seed} --minutes {storm_s / 60:.0f}`: "
        f"{len(struck)} faults of {len({one.kind for one in struck})} kinds in {storm_s / 60:.1f} minutes, on a machine "
        f"with {os.cpu_count()} cores and a load of {one:.1f} (one minute), {five:.1f} (five), {fifteen:.1f} (fifteen)."
    )
    came_to = (
        f"{facts['hand_ins']} uploads were begun and sent {facts['sendings']} times, {facts['receipts']} have a receipt. "
        f"{facts['tries']} stages had to be tried again (at most {facts['most_tries']} tries for one); "
        f"{stream.reruns_asked} reruns were asked for. Processes were started "
        + ", ".join(f"{many} times ({name})" for name, many in starts.items())
        + "."
    )
    return "\n\n".join([command, came_to, report.table(struck, stream.hand_ins, calm_s)])


def _await(is_so, timeout_s: float, otherwise: str) -> None:
    ends_at = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > ends_at:
            raise TimeoutError(otherwise)
        time.sleep(0.2)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description=__doc__)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=None, help="for all faults; else 20 in a minute")
    parser.add_argument("--report", type=Path, default=None, help="a page whose table is to be replaced")
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", choices=[kind.name for kind in KINDS],
        help="no other kinds of faults",
    )  # fmt: skip
    parser.add_argument("--logs", type=Path, default=None, help="keep the processes' logs here")
    options = parser.parse_args()
    seconds = 60 * (options.minutes if options.minutes is not None else options.faults / 20)
    result = blow(
        faults=options.faults, seed=options.seed, seconds=seconds, only=tuple(options.only), keep_logs=options.logs
    )
    _say(result.text)
    for problem in result.problems:
        _say(f"NOT KEPT: {problem}")
    if options.report is not None:
        kept = (
            "Every promise above was kept."
            if not result.problems
            else f"{len(result.problems)} promises were not kept."
        )
        report.put_in(options.report, f"{result.text}\n{kept}")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
