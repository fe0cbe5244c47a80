"""What a file is given before its first statement: names of the course's own code, imports that its kernel had."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.engine.probe import tree
from grader.engine.probe.codefile import CodeFile
from grader.engine.probe.imports import MissingImports
from grader.engine.probe.reading import ReadFile, read_text
from grader.engine.probe.surroundings import is_usual, student_builtins, usual_import

STARTER = "the course's starter code"


@dataclass(slots=True)
class Supplies:
    """Names supplied over the whole submission."""

    from_starter: dict[str, Any] = field(default_factory=dict)
    usual: set[str] = field(default_factory=set)


def unbound(names: Iterable[str], files: list[ReadFile]) -> list[str]:
    """Of some names, those that no file of the submission sets or imports."""
    bound: set[str] = set()
    for read in files:
        for cell in read.cells:
            bound |= tree.names_bound_anywhere(cell.statements)
    return [name for name in names if name not in bound]


def starter_names(starter: str, names: list[str], statement_s: float) -> dict[str, Any]:
    """The names that may be supplied, as the course's own code defines them."""
    if not names or not starter.strip():
        return {}
    module = types.ModuleType("starter_code")
    sys.modules[module.__name__] = module
    file = CodeFile(
        STARTER, Path(), [read_text(STARTER, starter)], missing=MissingImports(), statement_s=statement_s, supplied={},
        builtins=student_builtins(),
    )  # fmt: skip
    file.load(module)
    return {name: file.namespace[name] for name in names if name in file.namespace}


def supplies_of(read: ReadFile, from_starter: dict[str, Any], *, is_main: bool) -> Supplies:
    """What one file is given: what it uses and never sets itself; the main file has all of the starter's names."""
    nodes = [node for cell in read.cells for node in cell.statements]
    used, bound = tree.names_read_anywhere(nodes), tree.names_bound_anywhere(nodes)
    usual = {name for name in used - bound if is_usual(name)}
    given = {name: value for name, value in from_starter.items() if name not in bound and (is_main or name in used)}
    return Supplies(given, usual)


def supplied_names(supplies: Supplies) -> dict[str, Any]:
    found = {name: usual_import(name) for name in sorted(supplies.usual)}
    return {name: value for name, value in found.items() if value is not None} | supplies.from_starter
