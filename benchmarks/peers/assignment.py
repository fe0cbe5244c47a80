"""One small assignment in every form: its checks are plain statements, from which each peer's tests are written.

Ours are the same checks by hand (`specs/short/test_short.py`), because ours never runs in the process that it judges.
The hand-ins are those of cmp784-practical2: cells of the reference notebook, as they are or with a mutant's change.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

SPECS = Path(__file__).parent / "specs"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainCheck:
    """`body` fails by an exception; `uses` are the student's names in it."""

    name: str
    points: int
    uses: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a hand-in is judged by. `prelude` is the teacher's own code, which the bodies use.

    `cells` names a notebook's cells in order; students write all of them.
    """

    slug: str
    prelude: str
    checks: tuple[PlainCheck, ...]
    cells: tuple[str, ...]

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)


def read_task(slug: str, cells: tuple[str, ...]) -> Task:
    """The checks of `specs/<slug>/plain.py`: functions whose docstring begins with `<points> points: <names used>`.

    Raises:
        ValueError: a docstring is of another form.

    """
    source = (SPECS / slug / "plain.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    checks = []
    prelude = []
    for node in tree.body:
        text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            checks.append(_check_of(node, lines))
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            prelude.append(text)
    return Task(slug=slug, prelude="\n".join(prelude), checks=tuple(checks), cells=cells)


def _check_of(node: ast.FunctionDef, lines: list[str]) -> PlainCheck:
    words, _, uses = (ast.get_docstring(node) or "").partition(" points: ")
    if not words.isdigit() or not uses:
        raise ValueError(f"{node.name} should say '<points> points: <names>', not {ast.get_docstring(node)!r}.")
    first = node.body[1].lineno - 1
    body = dedent("\n".join(lines[first : node.end_lineno]))
    names = tuple(name.strip(" .") for name in uses.split(","))
    return PlainCheck(name=node.name.removeprefix("test_"), points=int(words), uses=names, body=body)


def as_pytest(task: Task) -> str:
    """A test file; what a check uses is imported in it, so that a missing name costs only the checks that need it."""
    parts = [task.prelude]
    for check in task.checks:
        imported = f"from submission import {', '.join(check.uses)}\n"
        parts.append(f"def test_{check.name}():\n{indent(imported + check.body, '    ')}\n")
    return "\n\n\n".join(parts)


def as_otter(task: Task, check: PlainCheck) -> str:
    """One question's test file in Otter's default form: a hidden doctest over the notebook's own names."""
    case = {"code": as_doctest(f"{task.prelude}\n{check.body}"), "hidden": True, "locked": False}
    suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    return f"OK_FORMAT = True\n\ntest = {{'name': {check.name!r}, 'points': {check.points}, 'suites': [{suite!r}]}}\n"


def as_doctest(source: str) -> str:
    """Statements with the prompts of a doctest."""
    lines = source.splitlines()
    shown = []
    for node in ast.parse(source).body:
        first, *rest = lines[_first_line(node) - 1 : node.end_lineno]
        shown += [f">>> {first}", *(f"... {line}".rstrip() for line in rest)]
    return "\n".join(shown)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def notebook(cells: list[dict[str, Any]]) -> str:
    """A notebook of these cells, for Python."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def _cell(name: str, source: str, nbgrader: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {} if nbgrader is None else {"nbgrader": nbgrader}
    return {
        "cell_type": "code", "id": name, "metadata": metadata, "source": source, "execution_count": None, "outputs": [],
    }  # fmt: skip


def as_notebook(cells: dict[str, str]) -> str:
    """A hand-in as a student saves it: cells of code by name."""
    return notebook([_cell(name, source) for name, source in cells.items()])


def as_script(cells: dict[str, str]) -> str:
    """The same as a module."""
    return "\n\n".join(cells.values()) + "\n"


def _marks(name: str, *, points: int | None) -> dict[str, Any]:
    """What nbgrader keeps in a cell: a student's part, or a test with points."""
    graded = {"grade": True, "solution": False, "locked": True, "points": points}
    own = {"grade": False, "solution": True, "locked": False}
    return {
        "schema_version": 3,
        "grade_id": name,
        "cell_type": "code",
        "task": False,
        **(own if points is None else graded),
    }


def as_nbgrader_source(task: Task, cells: dict[str, str]) -> str:
    """The teacher's notebook: solutions in the students' cells, all of each test hidden."""
    made = [
        _cell(name, f"### BEGIN SOLUTION\n{cells[name]}\n### END SOLUTION", _marks(name, points=None))
        for name in task.cells
    ]
    for check in task.checks:
        hidden = f"### BEGIN HIDDEN TESTS\n{task.prelude}\n{check.body}\n### END HIDDEN TESTS"
        made.append(_cell(_id(check), hidden, _marks(_id(check), points=check.points)))
    return notebook(made)


def as_nbgrader_submission(released: str, cells: dict[str, str]) -> str:
    """The released notebook with a student's cells in it."""
    document: dict[str, Any] = json.loads(released)
    for cell in document["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in cells:
            cell["source"] = cells[name]
    return json.dumps(document)


def _id(check: PlainCheck) -> str:
    return check.name.replace("_", "-")
