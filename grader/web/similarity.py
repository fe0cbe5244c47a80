"""Two texts side by side, laid out for the template: passages they have in common, and all of both. Pure.

The texts are students'; they stay text, and the template escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.domain.similarity import Match, PairTexts, Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    number: int
    text: str
    is_shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Some lines of a text, and in words where they stand."""

    place: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    number: int
    one: Excerpt
    other: Excerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """`passages` are what both have in common; `one` and `other` all pieces of each, with those lines marked."""

    passages: tuple[Passage, ...]
    one: tuple[Excerpt, ...]
    other: tuple[Excerpt, ...]


def beside(texts: PairTexts) -> Beside:
    """Matches that point outside a text, which only a stranger could have made, are left out."""
    known = [
        match for match in texts.matches if match.one_piece < len(texts.one) and match.other_piece < len(texts.other)
    ]
    passages = tuple(
        Passage(
            number=number,
            one=_excerpt(texts.one[match.one_piece], match.one_first, match.one_last),
            other=_excerpt(texts.other[match.other_piece], match.other_first, match.other_last),
        )
        for number, match in enumerate(known, 1)
    )
    return Beside(passages=passages, one=_whole(texts.one, known, 0), other=_whole(texts.other, known, 3))


def _excerpt(piece: Piece, first: int, last: int) -> Excerpt:
    lines = piece.text.split("\n")[first - 1 : last]
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    return Excerpt(
        place=f"{_place(piece)}, {where}",
        lines=tuple(Line(number=number, text=text, is_shared=True) for number, text in enumerate(lines, first)),
    )


def _whole(pieces: Sequence[Piece], found: Sequence[Match], at: int) -> tuple[Excerpt, ...]:
    """`at` is where a match's three numbers for this side begin."""
    shared = {(match[at], line) for match in found for line in range(match[at + 1], match[at + 2] + 1)}
    return tuple(
        Excerpt(
            place=_place(piece),
            lines=tuple(
                Line(number=line, text=text, is_shared=(number, line) in shared)
                for line, text in enumerate(piece.text.split("\n"), 1)
            ),
        )
        for number, piece in enumerate(pieces)
        if piece.text.strip()
    )


def _place(piece: Piece) -> str:
    return f"{piece.path}, cell {piece.cell}" if piece.cell else piece.path
