"""The statements of a cell, also where the cell as a whole does not parse.

An unfilled starter holds a `def` with nothing but comments, an old notebook a Python 2 `print`, a hurried one a method
that was never finished. Each costs only itself: the cell is cut into top-level blocks, a block into class members.
What stays broken becomes a stub that raises with the line's number, so that its name still leads to a clear sentence.
Line numbers are those of the cell throughout.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from grader.engine.probe.lines import LogicalLine, indent_of, logical_lines

_CONTINUES = re.compile(r"^\s*(?:(?:else|elif|except|finally)\b|[)\]}])")
_HEADER = re.compile(r"^\s*(?:async\s+)?(?:def|class|if|elif|else|for|while|try|except|finally|with)\b")
_DEFINES = re.compile(r"^(\s*)(?:async\s+)?(def|class)\s+([A-Za-z_]\w*)")
_PRINT = re.compile(r"^(\s*)print(?:\s*>>\s*[\w.]+\s*,)?(?:[ \t]+(?![=(.,\[])|(?=[\"']))(.*?)(,?)\s*$", re.DOTALL)
_INLINE_PRINT = re.compile(r"^(\s*(?:if|elif|else|for|while|try|except|finally)\b.*?:\s*)(print\b.*)$", re.DOTALL)
_PRINT_EMPTY = re.compile(r"^(\s*)print\s*$")
_EXCEPT = re.compile(r"^(\s*except\s+[\w.()\s,]+?)\s*,\s*(\w+)\s*:")
_RAISE = re.compile(r"^(\s*raise\s+[\w.]+)\s*,\s*(.+)$", re.DOTALL)


@dataclass(slots=True)
class Parsed:
    """Statements that can be compiled, and a sentence for each piece that could not be read as it stands.

    `broken` are the names whose definition is a stub; `is_complete` says that nothing was lost.
    """

    statements: list[ast.stmt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    is_complete: bool = True


def parse(source: str) -> Parsed:
    """Every statement of a cell that can be read, in order."""
    tree = _tree(source) or _tree(_without_margin(source))
    if tree is not None:
        return Parsed(tree.body)
    parsed = Parsed()
    for block in _top_level_blocks(_without_margin(source)):
        _parse_block(block, parsed)
    return parsed


@dataclass(frozen=True, slots=True)
class _Block:
    """Some lines of a cell; `first` is the number of lines before them."""

    first: int
    text: str

    @property
    def placed(self) -> str:
        return "\n" * self.first + self.text


def _tree(source: str) -> ast.Module | None:
    try:
        return _parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        # Invalid escapes such as "\d" are the student's business.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _without_margin(source: str) -> str:
    """The cell without the indentation that all of it may share."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    margin = first[: len(first) - len(first.lstrip())]
    return "\n".join(line.removeprefix(margin) for line in lines) if margin else source


def _top_level_blocks(source: str) -> list[_Block]:
    lines = logical_lines(source)
    starts: list[int] = []
    after_decorator = False
    for line in lines:
        if line.indent == 0 and not _CONTINUES.match(line.text) and not after_decorator:
            starts.append(line.first)
        after_decorator = line.indent == 0 and line.text.startswith("@")
    # What stands before the first beginning, such as a stray bracket, is a piece of its own.
    if lines and (not starts or lines[0].first < starts[0]):
        starts.insert(0, lines[0].first)
    return _cut(source, starts)


def _cut(source: str, starts: list[int]) -> list[_Block]:
    lines = source.split("\n")
    ends = [*starts[1:], len(lines)] if starts else []
    return [_Block(first, "\n".join(lines[first:end])) for first, end in zip(starts, ends, strict=True)]


def _parse_block(block: _Block, parsed: Parsed) -> None:
    if (tree := _tree(block.text)) is not None:
        parsed.statements += ast.increment_lineno(tree, block.first).body
        return
    repaired = _repaired(block.text)
    placed = _Block(block.first, repaired).placed
    if (tree := _tree(placed)) is not None:
        parsed.statements += tree.body
        parsed.problems.append(_sentence(block, "it was read as well as it could be"))
        return
    parsed.is_complete = False
    parsed.problems.append(_sentence(_Block(block.first, repaired)))
    stubbed = _stubbed(_Block(block.first, repaired), parsed)
    if stubbed is not None and (tree := _tree(stubbed)) is not None:
        parsed.statements += tree.body


def _problem(source: str) -> tuple[int, str]:
    try:
        _parsed(source)
    except SyntaxError as error:
        return error.lineno or 1, str(error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error) or type(error).__name__
    return 1, ""


def _sentence(block: _Block, outcome: str = "") -> str:
    line, message = _problem(block.placed)
    named = next((found for text in block.text.split("\n") if (found := _DEFINES.match(text))), None)
    about = f"{named.group(3)}: " if named else ""
    return f"{about}line {line} does not parse ({message})" + (f"; {outcome}" if outcome else "")


def _repaired(text: str) -> str:
    """The text with Python 2 habits put right and `pass` where an indented block is missing."""
    text = text.expandtabs(8) if _tree(text.expandtabs(8)) or "\t" in text else text
    text = _with_bodies(text)
    return text if _tree(text) is not None else _with_bodies(_as_python_3(text))


def _with_bodies(text: str) -> str:
    lines = text.split("\n")
    logical = logical_lines(text)
    for line, following in zip(logical, [*logical[1:], None], strict=True):
        if not (line.ends_with_colon and _HEADER.match(line.text)):
            continue
        if following is None or following.indent <= line.indent:
            number, column = line.colon
            lines[number] = f"{lines[number][: column + 1]} pass{_comment(lines[number][column + 1 :])}"
    return "\n".join(lines)


def _comment(rest: str) -> str:
    return f"  {rest.strip()}" if rest.strip() else ""


def _as_python_3(text: str) -> str:
    lines = text.split("\n")
    for line in logical_lines(text):
        changed = _line_as_python_3(line)
        if changed != line.text:
            lines[line.first : line.last + 1] = changed.split("\n")
    return "\n".join(lines)


def _line_as_python_3(line: LogicalLine) -> str:
    text = _EXCEPT.sub(r"\1 as \2:", line.text)
    if inline := _INLINE_PRINT.match(text):
        return inline.group(1) + _statement_as_python_3(inline.group(2))
    return _statement_as_python_3(text)


def _statement_as_python_3(text: str) -> str:
    if _PRINT_EMPTY.match(text):
        return _PRINT_EMPTY.sub(r"\1print()", text)
    if found := _PRINT.match(text):
        return f"{found.group(1)}print({found.group(2)}{', end=chr(32)' if found.group(3) else ''})"
    return _RAISE.sub(r"\1(\2)", text)


def _stubbed(block: _Block, parsed: Parsed) -> str | None:
    """A broken definition as one that can be compiled: a class keeps its good members, the rest raises when called."""
    lines = block.text.split("\n")
    header = next((number for number, text in enumerate(lines) if _DEFINES.match(text)), None)
    if header is None or indent_of(lines[header]) > 0:
        return None
    found = _DEFINES.match(lines[header])
    if found is None:
        return None
    if found.group(2) == "class":
        return _class_without_broken_members(block, header, parsed) or None
    name = found.group(3)
    parsed.broken.add(name)
    return _stub(block.first, "", name, block.placed)


def _stub(lines_before: int, indent: str, name: str, broken: str) -> str:
    """A function of that name, after so many empty lines, that raises what is wrong with `broken`."""
    line, message = _problem(broken)
    sentence = f"{name} cannot be used: line {line} does not parse ({message})"
    return "\n" * lines_before + f"{indent}def {name}(*args, **kwargs): raise SyntaxError({sentence!r})"


def _class_without_broken_members(block: _Block, header: int, parsed: Parsed) -> str | None:
    lines = block.text.split("\n")
    logical = [line for line in logical_lines(block.text) if line.first > header]
    inner = [line for line in logical if line.indent > 0]
    if not inner:
        return None
    # The header may run over several lines; members start at the first indented logical line.
    margin = inner[0].indent
    starts: list[int] = []
    after_decorator = False
    for line in inner:
        if line.indent <= margin and not _CONTINUES.match(line.text) and not after_decorator:
            starts.append(line.first)
        after_decorator = line.indent <= margin and line.text.strip().startswith("@")
    head = "\n".join(lines[: starts[0]])
    pieces = [head, *(_member(member, block, parsed) for member in _cut(block.text, starts))]
    text = "\n" * block.first + "\n".join(pieces)
    if _tree(text) is None:
        name = _DEFINES.match(lines[header])
        if name is not None:
            parsed.broken.add(name.group(3))
            return _stub(block.first, "", name.group(3), block.placed)
    return text


def _member(member: _Block, block: _Block, parsed: Parsed) -> str:
    """The member's own text, or as many lines that hold a stub in its place."""
    alone = "class _:\n" + member.text
    height = member.text.count("\n")
    if _tree(alone) is not None:
        return member.text
    found = next((match for text in member.text.split("\n") if (match := _DEFINES.match(text))), None)
    if found is None:
        indent = member.text[: len(member.text) - len(member.text.lstrip())]
        return indent + "pass" + "\n" * height
    # The member in its place of the cell, so that the message names the cell's line.
    before = block.first + member.first - 1
    placed = "\n" * max(0, before) + ("class _:\n" if before >= 0 else "") + member.text
    stub = _stub(0, found.group(1), found.group(3), placed)
    parsed.broken.add(found.group(3))
    return stub + "\n" * height
