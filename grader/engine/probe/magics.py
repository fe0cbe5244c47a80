"""Notebook source without IPython's own syntax, line for line, so that line numbers stay those of the cell.

A `%` or `!` begins a magic only where a logical line begins: printed format strings go on with `% (epoch + 1, ...` on
a line of their own, and dropping that line would break the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.engine.probe.lines import LogicalLine, logical_lines

# Cell magics whose body is Python of this very notebook.
_KEEP_BODY = {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "snakeviz"}
_KEEP_STATEMENT = {"time", "prun", "memit"}
_ASSIGNED = re.compile(r"^(\s*[A-Za-z_][\w.,\s\[\]'\"]*=\s*)([!%])\s*\S")
_HELP = re.compile(r"^\s*[\w.*\[\]]+\?{1,2}\s*$")
_INLINE = re.compile(
    r"^(\s*(?:if|elif|else|for|while|try|except|finally|with)\b.*?:\s*)([!%]\s*[A-Za-z./~].*)$", re.DOTALL
)
_RUN = re.compile(r"^%run\s+(?:-\w+\s+)*[\"']?([\w./ -]+?)\.(py|ipynb)[\"']?(?:\s|$)")


@dataclass(frozen=True, slots=True)
class PlainCell:
    """Python that stands for a cell.

    `dropped` names the cell magic that took the whole body away; `file` is what `%%writefile` would have written.
    """

    source: str
    dropped: str = ""
    file: tuple[str, str] | None = None


def without_magics(source: str) -> PlainCell:
    """A notebook cell as plain Python with the same number of lines."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", " ")
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        return _without_cell_magic(lines, first)
    return PlainCell(_without_line_magics("\n".join(lines)))


def _without_cell_magic(lines: list[str], first: int) -> PlainCell:
    words = lines[first].strip()[2:].split()
    name = words[0] if words else ""
    body = lines[first + 1 :]
    if name in _KEEP_BODY:
        return PlainCell(_without_line_magics("\n".join([*lines[:first], "", *body])))
    file = None
    if name in ("writefile", "file") and len(words) > 1:
        file = (words[-1].strip("\"'"), "\n".join(body) + "\n")
    return PlainCell("\n".join("" for _ in lines), name or "%%", file)


def _without_line_magics(source: str) -> str:
    lines = source.split("\n")
    for line in logical_lines(source):
        replacement = _magic(line) if line.is_magic else _mixed(line)
        if replacement is not None:
            first, *rest = replacement.split("\n")
            width = line.last - line.first
            lines[line.first : line.last + 1] = [first, *rest, *[""] * (width - len(rest))]
    return "\n".join(lines)


def _magic(line: LogicalLine) -> str:
    indent = line.text[: len(line.text) - len(line.text.lstrip())]
    text = line.text.strip()
    name, _, rest = text[1:].partition(" ")
    if text[0] == "%" and name in _KEEP_STATEMENT and rest.strip():
        return indent + rest.strip()
    if run := _RUN.match(text):
        module = run.group(1).strip().removeprefix("./").replace("/", ".")
        if all(part.isidentifier() for part in module.split(".")):
            return f"{indent}from {module} import *"
    return indent + "pass"


def _mixed(line: LogicalLine) -> str | None:
    if assigned := _ASSIGNED.match(line.text):
        return assigned.group(1) + ("[]" if assigned.group(2) == "!" else "None")
    if _HELP.match(line.text):
        return line.text[: len(line.text) - len(line.text.lstrip())] + "pass"
    if inline := _INLINE.match(line.text):
        return inline.group(1) + "pass"
    return None
