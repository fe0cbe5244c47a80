"""What a hostile idea is, and how its grading must end. Imports neither torch nor pytest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The spec's points, and those of `handins.WRONG`: the right number of weights, and nothing else is right.
FULL, FLOOR = 19.0, 1.0
# The checks that everybody may see, and their points; a check for staff alone costs a sandbox of its own.
OPEN, OPEN_POINTS = ("[ABC].*",), 17.0
EVERY = ("*",)
FAMILIES = {
    "read": "find out what nobody was told",
    "forge": "forge a verdict",
    "memorise": "remember, and tell the grader from real use",
    "train": "cheat at training",
    "exhaust": "use up what others need",
    "escape": "leave the sandbox",
    "archive": "deceive by the archive",
    "notebook": "deceive by a notebook or by text",
    "pickle": "run code by a stored object",
}
MODULE = "model.py"
_CANARY = re.compile("@(FILE|PORT|SOCKET|PID)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """A hand-in for `specs/target`, and the ending it must have on every backend.

    `source` is what is handed in as `model.py`; where that is not the form, `upload` gives name and bytes. The words
    `@FILE@`, `@PORT@`, `@SOCKET@` and `@PID@` in a source stand for a file, two listening sockets and a process of the
    host that hold or guard a secret. `answers` go beside the hand-in.

    | field | what must be |
    | --- | --- |
    | `at_most`, `at_least` | points of the run; `at_most` is the floor of the same hand-in without the idea |
    | `only` | patterns of the checks that are run: what is lost with the sandbox is loaded again |
    | `status` | "graded" or "rejected" |
    | `endings` | one of the run's sandboxes ended so; "killed" is our own end of one that was well |
    | `tried` | a regular expression that what was printed or said must match: the idea was tried |
    | `told` | words that the student reads |
    | `untold` | words that stand nowhere in the report (the canaries' secrets never do) |
    | `flags` | words of each mark that staff see; none at all where this is empty |
    | `harms` | a clean hand-in is graded right after it, and gets full marks |
    | `residual` | why it wins what it wins, where the design cannot catch it: also in docs/threat-model.md |
    | `on_docker` | part of the selection that `make test` runs under Docker |
    | `differs` | backend name -> what else holds there, as replacements of these fields |
    | `as_module` | `model.py` for a plain pytest of the same tasks; None where it does not apply there |
    """

    name: str
    family: str
    what: str
    source: str = ""
    upload: Callable[[], tuple[str, bytes]] | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    at_most: float = FLOOR
    at_least: float = 0.0
    only: tuple[str, ...] = OPEN
    status: str = "graded"
    endings: tuple[str, ...] = ()
    tried: str = ""
    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    harms: bool = False
    residual: str = ""
    on_docker: bool = False
    differs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.family not in FAMILIES or not self.name.startswith(f"{self.family}_"):
            raise ValueError(f"{self.name} belongs to no family: {', '.join(FAMILIES)}")
        if bool(self.source) == bool(self.upload):
            raise ValueError(f"{self.name} needs a source or an upload")

    @property
    def as_module(self) -> str | None:
        """None for what is no Python module, or needs canaries of ours."""
        return None if not self.source or _CANARY.search(self.source) else self.source

    def handed_in(self, words: Mapping[str, str] | None = None) -> tuple[str, bytes]:
        """Name and bytes of the upload; `words` takes the place of `@FILE@` and the like."""
        if self.upload is not None:
            return self.upload()
        source = self.source
        for name, word in (words or {}).items():
            source = source.replace(f"@{name}@", word)
        return MODULE, source.encode()


def notebook(*sources: str, outputs: list[Any] | None = None) -> bytes:
    """A notebook of code cells; `outputs` are those of the last one."""
    cells = [
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for source in sources
    ]
    cells[-1]["outputs"] = outputs or []
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
