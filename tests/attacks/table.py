"""docs/attacks.md, made from how every idea ended."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence

from tests.attacks.idea import FAMILIES, Idea

# Backend -> idea -> how it ended there.
Outcomes = Mapping[str, Mapping[str, str]]

HEAD = """# Attacks

Hostile hand-ins, one file each in `tests/attacks/ideas/`: what is handed in, and how its grading must end. `make test` runs
those that read or escape under bwrap, the others in the fork server, and a selection under Docker; `make attacks` runs all of
them on every backend that can be used on the machine and writes this page.

Every idea is graded by `tests/attacks/specs/target`: outputs, gradients, counts, many calls with fresh inputs, a training
with held-out labels, a trace, a replay, a written answer, a check that only staff see. While they run, a file, two
listening sockets, a process, a variable of the worker's and somebody else's sandbox hold a secret: it appears in no
report, nobody comes to them, and they are as before in the end. After each idea that exhausts or escapes, and after all, a right
hand-in is graded on the same engine and gets full marks.

A cell says what the run came to: points of those that the same hand-in gets without the idea, or "rejected" at intake; why
sandboxes ended, where it was not we who stopped them; "marked" where staff see that something looks deliberate.
"LOST" would be an idea that won or harmed. A dash: it was not run there when this page was made.
"""


def document(ideas: Sequence[Idea], ended: Outcomes) -> str:
    """The page."""
    counts = ", ".join(f"{name} {len(found)} of {len(ideas)}" for name, found in ended.items())
    machine = f"{os.cpu_count()} processors of {platform.machine()} (load {os.getloadavg()[0]:.0f})"
    made = f"Made of one or several goes of `python -m tests.attacks` on {machine}; ideas run: {counts}.\n"
    parts = [HEAD, made]
    for family, aim in FAMILIES.items():
        of_family = [idea for idea in ideas if idea.family == family]
        parts += [f"## {family}: {aim} ({len(of_family)})\n", _table(of_family, ended)]
    residual = [idea for idea in ideas if idea.residual]
    lines = [f"- `{idea.name}`: {idea.residual}" for idea in residual]
    parts += [
        "## What is won all the same\n",
        "[threat-model.md](threat-model.md) says why.\n",
        "\n".join(lines) + "\n",
    ]
    return "\n".join(parts)


def _table(ideas: Sequence[Idea], ended: Outcomes) -> str:
    heads = ["idea", "what is tried", *ended]
    rows = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    for idea in ideas:
        cells = [found.get(idea.name, "–") for found in ended.values()]
        rows.append("| " + " | ".join([f"`{idea.name}`", idea.what.replace("|", "\\|"), *cells]) + " |")
    return "\n".join(rows) + "\n"


def names_in(page: str) -> list[str]:
    """The ideas that a page lists, in its order."""
    return re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
