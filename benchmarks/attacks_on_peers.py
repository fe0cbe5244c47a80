"""The attack set against what teachers use today, and against ours, with the same small set of tests: how many win.

    .venv/bin/python benchmarks/attacks_on_peers.py [--report docs/attacks-on-peers.md] [--jobs 2]
    .venv/bin/python benchmarks/attacks_on_peers.py --quick            # every eighth idea
    .venv/bin/python benchmarks/attacks_on_peers.py --only 'forge_*'

The ideas are those of tests/attacks/ideas that speak Python and do not aim at our own protocol or at the machine (no
`escape`, no `exhaust`), and four of benchmarks/peers/ideas.py. An idea wins if its hand-in gets more points than the same
hand-in without it, or if it says aloud the word that only the tests know. Every grading is a container of its own,
without network, with limits on memory, processes and time; `otter grade`, which unpickles on this machine what a
container wrote, gets none of them.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from peers import ours, tools
from peers.assignment import SPECS, as_notebook, as_script, read_task
from peers.build import ready
from peers.ideas import OWN_IDEAS
from peers.judging import Attempt, by_family, wins
from report import Figures, as_markdown, machine, publish

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from grader.domain.errors import GraderError  # noqa: E402
from tests.attacks.handins import RIGHT, WRONG  # noqa: E402  # the folder of tests is no package that is installed
from tests.attacks.ideas import all_ideas  # noqa: E402

FAMILIES = ("forge", "memorise", "pickle", "read", "train")
CODE_WORD = "CODE-0123456789abcdef"
LIMIT_S = 60.0
# What is printed also goes to a file: some of the tools keep no output of the student's code.
_SAID = """
def print(*words, _print=print, **options):
    _print(*words, **options)
    try:
        with open("/tmp/said", "a") as said:
            said.write(" ".join(map(str, words)) + "\\n")
    except OSError:
        pass
"""
_OF_OURS = re.compile(r"^\s*(from|import) grader", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A hand-in of one cell. `base` is the name of the same hand-in without the idea."""

    name: str
    family: str
    what: str
    source: str
    base: str

    @property
    def cells(self) -> dict[str, str]:
        return {"all": _SAID + self.source}

    @property
    def notebook(self) -> str:
        return as_notebook(self.cells)

    @property
    def script(self) -> str:
        return as_script(self.cells)


BASES = (Hostile("right", "", "", RIGHT, "right"), Hostile("wrong", "", "", WRONG, "wrong"))


def applicable(patterns: Sequence[str]) -> list[Hostile]:
    """Ideas of ours that another grader can be asked to judge, then those against one container."""
    found = []
    for idea in all_ideas():
        source = idea.as_module
        if source is not None and idea.family in FAMILIES and not _OF_OURS.search(source):
            base = "right" if source.startswith(RIGHT) else "wrong"
            found.append(Hostile(idea.name, idea.family, idea.what, source, base))
    found += [Hostile(idea.name, idea.family, idea.what, WRONG + idea.source, "wrong") for idea in OWN_IDEAS]
    return [one for one in found if any(fnmatch.fnmatch(one.name, pattern) for pattern in patterns)]


# Points, what was said aloud, and whether the container was ended by the clock.
Judge = Callable[[Hostile], tuple[float, str, bool]]


def judges(folder: Path, backends: Sequence[str], limit_s: float) -> dict[str, Judge]:
    """Every tool as a function from a hand-in to its points and what was said aloud."""
    installed, task = ready(), read_task("target", ("all",))
    for name in ("pytest", "otter", "nbgrader"):
        (folder / name).mkdir()
    peers: list[tools.Peer] = [
        tools.PlainPytest(installed, task, folder / "pytest"),
        tools.OtterRun(installed, task, folder / "otter"),
        tools.Nbgrader(installed, task, folder / "nbgrader", {"all": RIGHT}),
    ]

    def of_peer(peer: tools.Peer) -> Judge:
        def judge(one: Hostile) -> tuple[float, str, bool]:
            points, ran = peer.judge(one, limit_s=limit_s)
            return points, ran.files.get("/tmp/said", b"").decode(errors="replace"), ran.timed_out

        return judge

    return {
        **{f"ours, {name}": ours.target_judge(SPECS, name) for name in backends},
        **{peer.name.partition(",")[0]: of_peer(peer) for peer in peers},
    }


def attack(judge: Judge, ideas: Sequence[Hostile], jobs: int) -> dict[str, Attempt]:
    """Every idea against one tool, after the hand-ins without one."""
    floors = {}
    for base in BASES:
        floors[base.name], _, timed_out = judge(base)
        if timed_out or not floors[base.name]:
            raise SystemExit(f"the {base.name} hand-in without an idea got no points; see --limit-s")

    def one(idea: Hostile) -> Attempt:
        points, said, timed_out = judge(idea)
        return Attempt(idea.name, idea.family, floors[idea.base], points, CODE_WORD in said, timed_out)

    with ThreadPoolExecutor(jobs) as pool:
        return {attempt.name: attempt for attempt in pool.map(one, ideas)}


def _late(attempts: dict[str, Attempt]) -> str:
    return str(sum(attempt.timed_out for attempt in attempts.values()))


def tables(ideas: Sequence[Hostile], attempts: dict[str, dict[str, Attempt]]) -> list[Figures]:
    """Wins by family, then each idea that won anywhere with the points that it gained."""
    families = sorted({idea.family for idea in ideas})
    count = {family: sum(idea.family == family for idea in ideas) for family in families}
    rows = []
    for tool, mine in attempts.items():
        won = by_family(mine.values())
        rows.append(
            (tool, *(str(won.get(family, 0)) for family in families), str(len(wins(mine.values()))), _late(mine))
        )
    columns = (
        "ideas that win",
        *(f"{family} ({count[family]})" for family in families),
        f"all ({len(ideas)})",
        "ended by the clock",
    )
    winners = [idea for idea in ideas if any(tool[idea.name].won for tool in attempts.values())]
    each = [(idea.name, idea.what, *(tool[idea.name].gain_in_words for tool in attempts.values())) for idea in winners]
    return [
        Figures(name="attacks", columns=columns, rows=rows, about=f"`attacks_on_peers.py` ({machine()}):"),
        Figures(name="winning-ideas", columns=("idea", "what it does", *attempts), rows=each,
                about="Points gained over the same hand-in without the idea, of 20; the ideas that won nowhere are left out:"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], help="patterns of names of ideas")
    parser.add_argument("--quick", action="store_true", help="every eighth idea of ours, and the four others")
    parser.add_argument("--jobs", type=int, default=2, help="gradings at a time")
    parser.add_argument("--backends", nargs="+", default=None, help="ours in these sandboxes; else all that work")
    parser.add_argument("--tools", nargs="+", default=["*"], help="patterns of names of tools, such as 'otter*'")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="wall-clock limit of a peer's grading")
    parser.add_argument("--report", type=Path, help="a page whose tables are replaced")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    ideas = applicable(options.only)
    if options.quick:
        ideas = [idea for index, idea in enumerate(ideas) if index % 8 == 0 or idea.family == OWN_IDEAS[0].family]
    began = time.monotonic()
    attempts = {}
    with tempfile.TemporaryDirectory(prefix="attacks-on-peers-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        for name, judge in judges(folder, options.backends or ours.backends(), options.limit_s).items():
            if not any(fnmatch.fnmatch(name, pattern) for pattern in options.tools):
                continue
            try:
                attempts[name] = attack(judge, ideas, options.jobs)
            except (GraderError, SystemExit) as error:
                print(f"{name} is left out: {error}", flush=True)
                continue
            print(f"{name}: {len(wins(attempts[name].values()))} of {len(ideas)} ideas win", flush=True)
    made = tables(ideas, attempts)
    for figures in made:
        print(f"\n{as_markdown(figures)}\n")
    if options.report:
        publish(options.report, made)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    sys.exit(main())
