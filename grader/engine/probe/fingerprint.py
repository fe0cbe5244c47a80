"""Fingerprints of a submission's code: what the similarity comparison gets of it. Runs in place of the probe.

Code is read as words, never run. A word is a token with what its writer chose freely taken out: names of their own are
all the same, comments, docstrings, imports and the layout are gone. What they could not choose stays: keywords,
built-in names, attributes of libraries, keyword arguments, numbers. Every GRAM words in a row are hashed, and of each
WINDOW hashes the smallest is kept (S. Schleimer, D. Wilkerson, A. Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting", SIGMOD 2003): what two texts share is found wherever it stands in them, if it is at least
GRAM + WINDOW - 1 words long.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import keyword
import os
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grader.engine.probe.archive import unpack
from grader.engine.probe.magics import without_magics
from grader.engine.probe.notebook import decoded, read_notebook
from grader.engine.wire.frames import FrameLimits, FramePipe
from grader.engine.wire.messages import Kind, receive, send
from grader.engine.wire.values import ValueLimits

GRAM, WINDOW = 16, 8
PIECES = 500
PIECE_CHARACTERS = 200_000
TOTAL_CHARACTERS = 600_000
PRINTS = 12_000
_DIGEST_BYTES = 6
# A text that cannot be read on is read again from its next line, so often.
_RESTARTS = 200
_BUILTIN = frozenset(dir(builtins)) | {"self", "cls", "super", "__init__", "forward"}
_LAYOUT = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT})
_STRING_PARTS = frozenset(
    getattr(tokenize, name) for name in ("FSTRING_MIDDLE", "FSTRING_END") if hasattr(tokenize, name)
)
_STRINGS = frozenset(getattr(tokenize, name) for name in ("STRING", "FSTRING_START") if hasattr(tokenize, name))


class Word(NamedTuple):
    text: str
    line: int


class Print(NamedTuple):
    """A hash of GRAM words, and the lines of the first and last of them, counted from 1."""

    value: int
    first: int
    last: int


def serve() -> None:
    """Answer one request and end. Nothing of the submission is ever run."""
    from grader.engine.probe.__main__ import move_descriptors

    moved = move_descriptors()
    pipe = FramePipe(moved.requests, moved.replies, FrameLimits(header_bytes=2**31, payload_bytes=0))
    request = receive(pipe, limits=ValueLimits(depth=8, entries=200_000, text=2**30))
    with tempfile.TemporaryDirectory() as folder:
        answer = taken(request.body, Path(folder))
    send(pipe, Kind.OK, request.serial, answer)
    os._exit(0)


def taken(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The reply to {"archive", "name", "kind", "entries", "every"}: {"pieces": [{"path", "cell", "text", "prints"}]}.

    `prints` is flat: value, first line, last line. With `every` no hash is left out, for what is to be taken away from
    others. `is_cut` says that something was too much.
    """
    pieces: list[dict[str, Any]] = []
    characters, room, is_cut = TOTAL_CHARACTERS, PRINTS, False
    for path, cell, text in _pieces(body, folder):
        if len(pieces) == PIECES or len(text) > min(characters, PIECE_CHARACTERS):
            is_cut = True
            continue
        found = prints(text, every=bool(body.get("every")))
        is_cut = is_cut or len(found) > room
        kept = found[:room]
        characters, room = characters - len(text), room - len(kept)
        pieces.append({"path": path, "cell": cell, "text": text, "prints": [part for one in kept for part in one]})
    return {"pieces": pieces, "is_cut": is_cut}


def _pieces(body: dict[str, Any], folder: Path) -> Iterator[tuple[str, int, str]]:
    """(path, number of the cell or 0, Python source with the lines of what was written)."""
    for entry in unpack(body, folder):
        if entry.role != "code" or entry.place is None:
            continue
        content = entry.place.read_bytes()
        # A notebook may be large for its pictures; a Python file has no such excuse.
        if not _is_notebook(entry.path, body):
            text, _ = decoded(content[: 2 * TOTAL_CHARACTERS])
            yield entry.path, 0, _lines(text)
            continue
        for cell in read_notebook(content).cells:
            if cell.kind == "code":
                yield entry.path, cell.number, _lines(without_magics(cell.source[: PIECE_CHARACTERS + 1]).source)


def _is_notebook(path: str, body: dict[str, Any]) -> bool:
    return body.get("kind") == "ipynb" or (body.get("kind") == "zip" and path.lower().endswith(".ipynb"))


def _lines(text: str) -> str:
    """One sign for the end of a line, so that both sides count the same lines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def prints(text: str, *, every: bool = False) -> list[Print]:
    """The fingerprints of a source text, in the order of the text."""
    return winnowed(grams(words(text)), 1 if every else WINDOW)


def grams(found: Sequence[Word]) -> list[Print]:
    """A hash for each GRAM words in a row."""
    return [
        Print(_hash(found[start : start + GRAM]), found[start].line, found[start + GRAM - 1].line)
        for start in range(len(found) - GRAM + 1)
    ]


def _hash(group: Sequence[Word]) -> int:
    digest = hashlib.blake2b(
        "\0".join(word.text for word in group).encode("utf-8", "replace"), digest_size=_DIGEST_BYTES
    )
    return int.from_bytes(digest.digest(), "big")


def winnowed(hashes: Sequence[Print], window: int) -> list[Print]:
    """Of each `window` hashes in a row the smallest, the last of equal ones; each once."""
    kept: list[Print] = []
    last = -1
    for start in range(max(1, len(hashes) - window + 1) if hashes else 0):
        group = range(start, min(start + window, len(hashes)))
        least = min(group, key=lambda place: (hashes[place].value, -place))
        if least != last:
            kept.append(hashes[least])
            last = least
    return kept


def words(text: str) -> list[Word]:
    """The words of a source text, whatever state it is in."""
    found: list[Word] = []
    for statement in _statements(text):
        if statement[0].string in ("import", "from") or _is_docstring(statement):
            continue
        found += _words_of(statement)
    return found


def _is_docstring(statement: Sequence[tokenize.TokenInfo]) -> bool:
    return all(token.type in _STRINGS or token.type in _STRING_PARTS for token in statement)


def _words_of(statement: Sequence[tokenize.TokenInfo]) -> Iterator[Word]:
    is_header = statement[0].string == "def" or [token.string for token in statement[:2]] == ["async", "def"]
    depth = 0
    for place, token in enumerate(statement):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if token.type in _STRING_PARTS:
            continue
        text = token.string
        if token.type in _STRINGS:
            text = "S"
        elif token.type == tokenize.NAME and not _is_given(statement, place, depth=depth, is_header=is_header):
            text = "N"
        yield Word(text, token.start[0])


def _is_given(statement: Sequence[tokenize.TokenInfo], place: int, *, depth: int, is_header: bool) -> bool:
    """Whether the writer could not have chosen another name here."""
    name = statement[place].string
    if keyword.iskeyword(name) or name in _BUILTIN:
        return True
    before = [token.string for token in statement[max(0, place - 2) : place]]
    if before[-1:] == ["."]:
        return before[0] != "self"
    after = statement[place + 1].string if place + 1 < len(statement) else ""
    return after == "=" and depth > 0 and not is_header


def _statements(text: str) -> Iterator[list[tokenize.TokenInfo]]:
    """Logical lines without layout and comments, none of them empty."""
    statement: list[tokenize.TokenInfo] = []
    for token in _tokens(text):
        if token.type not in _LAYOUT and token.string:
            statement.append(token)
        elif token.type == tokenize.NEWLINE and statement:
            yield statement
            statement = []
    if statement:
        yield statement


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """Python's own tokens; what cannot be read costs its line."""
    lines = io.StringIO(text).readlines()
    begin = 0
    for _ in range(_RESTARTS):
        read = begin
        try:
            for token in tokenize.generate_tokens(iter(lines[begin:]).__next__):
                moved = token._replace(start=(token.start[0] + begin, token.start[1]))
                read = max(read, moved.start[0])
                if token.type not in (tokenize.ENDMARKER, tokenize.ERRORTOKEN):
                    yield moved
        except (tokenize.TokenError, SyntaxError, ValueError, RecursionError):
            begin = max(read, begin + 1)
            if begin < len(lines):
                continue
        return
