"""ANSWERS: written answers, from beside the files, `answers.toml`, or a cell whose first line is `# answers`.

One slip in one line must not cost the other answers: where the text as a whole is no TOML, each line is read alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.engine.probe.codefile import Cell
from grader.engine.probe.notebook import decoded
from grader.engine.probe.reading import is_answers

FILE_NAME = "answers.toml"
BESIDE = "beside the files"
TEXT_CHARACTERS = 10_000
ANSWERS = 500
DEPTH = 6
# What can be sent as a number; longer ones travel as text.
NUMBER_BITS = 4096
# Besides tomllib's own error Python's for a whole number of more than 4,300 digits, which is its parent.
_NO_TOML = (ValueError, RecursionError)


def find_answers(root: Path, cells: Sequence[Cell], beside: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to an ANSWERS request.

    For each question what came beside the files wins over the file, the file over a cell, a later cell over an earlier.
    """
    answers: dict[str, Any] = {}
    sources: list[str] = []
    notes: list[str] = []
    for cell in cells:
        if is_answers(cell.written):
            _add(_body(cell.written), cell.label or cell.file, answers, sources, notes)
    files = sorted(place for place in root.rglob("*") if place.name.lower() == FILE_NAME and place.is_file())
    for place in files[:1]:
        try:
            _add(decoded(place.read_bytes()[: 2**20])[0], FILE_NAME, answers, sources, notes)
        except OSError as error:
            notes.append(f"{FILE_NAME} cannot be read ({error.strerror or error}).")
    if beside:
        sources.append(BESIDE)
        # First, so that no number of answers in the files can push them out.
        answers = {**beside, **{name: value for name, value in answers.items() if name not in beside}}
    if not sources:
        notes.append(f"There is neither a file {FILE_NAME} nor a cell whose first line is '# answers'.")
    return {"answers": dict(list(answers.items())[:ANSWERS]), "source": ", ".join(sources), "notes": notes}


def _body(source: str) -> str:
    """A cell's answers: without its first line and without the fences that Markdown puts around them."""
    lines = source.replace("\r\n", "\n").split("\n")
    kept = [line for line in lines if not line.strip().startswith("```")]
    first = next((number for number, line in enumerate(kept) if line.strip()), 0)
    return "\n".join(kept[first + 1 :])


def _add(text: str, source: str, answers: dict[str, Any], sources: list[str], notes: list[str]) -> None:
    sources.append(source)
    try:
        answers.update(_flat(tomllib.loads(text)))
    except _NO_TOML:
        _add_lines(text, source, answers, notes)


def _add_lines(text: str, source: str, answers: dict[str, Any], notes: list[str]) -> None:
    table = ""
    for number, line in enumerate(text.split("\n"), 2):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("[") and "=" not in stripped:
            table = stripped.strip("[] ") if _is_toml(stripped) else ""
            continue
        try:
            found = _flat(tomllib.loads(f"[{table}]\n{stripped}" if table else stripped))
        except _NO_TOML:
            found = _as_written(stripped, table)
            if found:
                notes.append(f"{source}, line {number}: not in quotes; it was read as text.")
            else:
                notes.append(f'{source}, line {number} is no answer: write it as "A1" = "your answer".')
        answers.update(found)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except _NO_TOML:
        return False
    return True


def _as_written(line: str, table: str) -> dict[str, Any]:
    """`key = anything` or `key: anything`, the value as text."""
    for mark in ("=", ":"):
        key, found, value = line.partition(mark)
        key = key.strip().strip("\"'*-` ")
        if found and key and len(key) < 100 and " " not in key:
            return {f"{table}.{key}" if table else key: value.strip().strip("\"'`")[:TEXT_CHARACTERS]}
    return {}


def _flat(table: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Tables as dotted keys: `A3.weights = 1` and `"A3.weights" = 1` are the same answer."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < DEPTH:
            found.update(_flat(value, f"{name}.", depth + 1))
        else:
            found[name] = _plain(value)
    return found


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= NUMBER_BITS):
        return value
    if isinstance(value, list) and depth < DEPTH:
        return [_plain(item, depth + 1) for item in value[:1000]]
    return str(value)[:TEXT_CHARACTERS]
