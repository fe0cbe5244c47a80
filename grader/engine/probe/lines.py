"""Where logical lines begin and end, for source that may not parse.

`tokenize` gives up on the first odd character; a hand-in with one broken line must still be cut into pieces. So this
follows brackets, strings, comments and backslashes and never fails.
"""

from __future__ import annotations

from dataclasses import dataclass

MAGIC_MARKS = ("%", "!", "?")
# These begin something new even where a bracket above was never closed: the second kind at the left margin only.
_BEGINNINGS = ("def ", "class ", "async def ")
_MARGIN_BEGINNINGS = (*_BEGINNINGS, "@", "import ", "from ")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalLine:
    """One logical line: physical lines `first` to `last` (from 0), with the code's last line and column."""

    first: int
    last: int
    indent: int
    text: str
    is_magic: bool
    ends_with_colon: bool
    colon: tuple[int, int]


@dataclass(slots=True)
class _State:
    depth: int = 0
    quote: str = ""
    last_code: str = ""
    last_code_at: tuple[int, int] = (0, 0)

    @property
    def is_open(self) -> bool:
        return self.depth > 0 or len(self.quote) == 3


def logical_lines(source: str) -> list[LogicalLine]:
    """The logical lines of a source text; blank lines and lines with only a comment are left out."""
    physical = source.split("\n")
    found: list[LogicalLine] = []
    number = 0
    while number < len(physical):
        stripped = physical[number].strip()
        if not stripped or stripped.startswith("#"):
            number += 1
            continue
        line = _magic_line(physical, number) if stripped[0] in MAGIC_MARKS else _code_line(physical, number)
        found.append(line)
        number = line.last + 1
    return found


def indent_of(line: str) -> int:
    """Width of the leading white space, tabs to the next multiple of eight as Python counts them."""
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip())


def _magic_line(physical: list[str], first: int) -> LogicalLine:
    last = first
    while physical[last].rstrip().endswith("\\") and last + 1 < len(physical):
        last += 1
    return LogicalLine(
        first=first, last=last, indent=indent_of(physical[first]), text="\n".join(physical[first : last + 1]),
        is_magic=True, ends_with_colon=False, colon=(last, 0),
    )  # fmt: skip


def _code_line(physical: list[str], first: int) -> LogicalLine:
    state = _State()
    last = first
    while True:
        continues = _scan(physical[last], last, state)
        if last + 1 >= len(physical) or not (continues or state.is_open):
            break
        following = physical[last + 1]
        if (
            state.depth
            and not state.quote
            and (following.startswith(_MARGIN_BEGINNINGS) or following.lstrip().startswith(_BEGINNINGS))
        ):
            break
        last += 1
    return LogicalLine(
        first=first, last=last, indent=indent_of(physical[first]), text="\n".join(physical[first : last + 1]),
        is_magic=False, ends_with_colon=state.last_code == ":" and state.depth == 0, colon=state.last_code_at,
    )  # fmt: skip


def _scan(line: str, number: int, state: _State) -> bool:
    """Follow one physical line; True when a backslash joins the next one to it."""
    column = 0
    while column < len(line):
        character = line[column]
        if state.quote:
            if character == "\\":
                column += 2
                continue
            if line.startswith(state.quote, column):
                column += len(state.quote)
                state.quote = ""
                continue
            column += 1
            continue
        if character == "#":
            return False
        if character == "\\" and not line[column + 1 :].strip():
            return True
        if character in "'\"":
            state.quote = character * 3 if line.startswith(character * 3, column) else character
            column += len(state.quote)
            state.last_code, state.last_code_at = character, (number, column)
            continue
        state.depth = max(0, state.depth + (character in "([{") - (character in ")]}"))
        if not character.isspace():
            state.last_code, state.last_code_at = character, (number, column)
        column += 1
    if len(state.quote) == 1:
        # A string of one line that was not closed ends with the line, unless a backslash carries it on.
        if line.endswith("\\"):
            return True
        state.quote = ""
    return False
