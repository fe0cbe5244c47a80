"""The tables of docs/assignments.md, made from the specs: `python -m tests.docs.assignments_table` puts them in."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from grader.domain.assignment import ManualItem, Part
from grader.specs.digest import common_folder
from grader.specs.load import Spec, list_specs

PAGE = Path(__file__).parents[2] / "docs" / "assignments.md"
HEADING = "| question | what it asks | graded by |\n| --- | --- | --- |\n"
KINDS = {"number": "number", "formula": "formula", "shape": "shape", "tensor": "array", "text": "word"}


class Written(NamedTuple):
    """One check as it stands in a test file."""

    part: str
    stage: str
    answers: tuple[str, ...]


def checks_of(spec: Spec) -> Iterator[Written]:
    for path in sorted(spec.folder.glob("test_*.py")):
        yield from _checks_in(path, spec)


def _checks_in(path: Path, spec: Spec) -> Iterator[Written]:
    """The checks of one file, and those it takes in from a shared package with `import *`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and [name.name for name in node.names] == ["*"]:
            yield from _checks_in(common_folder(spec.folder).joinpath(*node.module.split(".")).with_suffix(".py"), spec)
        elif isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "check":
                    yield _written(node, decorator)


def _written(node: ast.FunctionDef, decorator: ast.Call) -> Written:
    stage = next((ast.literal_eval(word.value) for word in decorator.keywords if word.arg == "stage"), "unit")
    answers = tuple(
        ast.literal_eval(call.args[1])
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "assert_answer"
        if isinstance(call.args[1], ast.Constant)
    )
    return Written(ast.literal_eval(decorator.args[0]), stage, answers)


def table(spec: Spec) -> str:
    by_part: dict[str, list[Written]] = defaultdict(list)
    for check in checks_of(spec):
        by_part[check.part].append(check)
    path = spec.folder / "questions.toml"
    questions = tomllib.loads(path.read_text(encoding="utf-8"))["question"] if path.is_file() else []
    kinds = {question["id"]: KINDS[question["kind"]] for question in questions}
    rows = [
        f"| {part.id} | {part.title} | {_graded_by(part, by_part[part.id], kinds)} |" for part in spec.assignment.part
    ]
    return HEADING + "\n".join(rows) + "\n"


def _graded_by(part: Part, checks: list[Written], kinds: dict[str, str]) -> str:
    answers = {answer for check in checks for answer in check.answers}
    answers |= {answer for answer in kinds if answer.rpartition(".")[0] == part.id}
    trained = sum(check.stage == "train" for check in checks)
    said = []
    if part.checks:
        training = f", {trained} by training" if trained else ""
        said.append(f"{_several(part.checks, 'check')} ({_several(part.points, 'point')}{training})")
    if answers:
        counted = Counter(kinds[answer] for answer in answers)
        said.append("from written answers: " + ", ".join(_several(n, kind) for kind, n in sorted(counted.items())))
    if part.manual:
        said.append("a person: " + ", ".join(map(_item, part.manual)))
    return "; ".join(said)


def _item(item: ManualItem) -> str:
    title = item.title.rstrip(".")
    return f"{title} ({_several(item.points, 'point')})" if item.points else title


def _several(number: float, word: str) -> str:
    return f"{number:g} {word}{'' if number == 1 else 's'}"


def with_tables(page: str) -> str:
    """The page with every `<!-- table: SLUG -->` followed by that assignment's table."""
    tables = {spec.slug: table(spec) for spec in list_specs()}
    return re.sub(r"(<!-- table: (\S+) -->\n)(?:\|.*\n)*", lambda found: found[1] + tables[found[2]], page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
