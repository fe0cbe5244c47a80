"""The signs and names a formula is written with, whoever wrote it and wherever it was copied from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["number", "name", "sign", "raised", "frac"]

# Canonical variable to the spellings students use, without case, spaces and underscores.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "NF": ("nf", "numfilters", "numfilter", "nfilters", "filters"),
    "NC": ("nc", "numcolours", "numcolors", "numcolour", "numcolor", "ncolours", "ncolors", "colours", "colors"),
    "NIC": ("nic", "numinchannels", "numinchannel", "inchannels", "ninchannels"),
    "K": ("k", "kernel", "kernelsize"),
    "H": ("h", "height"),
    "W": ("w", "width"),
}

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
_PATTERN = re.compile(
    r"""
      (?P<space>   [\s$&]+ | \\[,;:!\s] | \\q?quad\b | \\(?:left|right|big[lr]?)(?![A-Za-z]) | ~ )
    | (?P<number>  (?: \d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d) | \d+(?:_\d+)* ) (?:\.\d+)?
                   (?:[eE][+-]?\d{1,2}(?!\d))? | \.\d+ )
    | (?P<times>   \*\* | \\(?:times|cdot|ast|bullet)(?![A-Za-z]) | [·×⋅∗•∙*] )
    | (?P<frac>    \\[dt]?frac(?![A-Za-z]) )
    | (?P<divide>  \\div(?![A-Za-z]) | [/÷∕] )
    | (?P<quoted>  \\(?:text|mathrm|mathit|mathbf|mathsf|textit|textrm|operatorname)\s*\{\s*(?P<inner>[A-Za-z_\\ ]+)\} )
    | (?P<name>    [A-Za-z]+ (?: (?:\\_|_) (?: \{[A-Za-z]+\} | [A-Za-z]+ ) )* )
    | (?P<raised>  [⁰¹²³⁴⁵⁶⁷⁸⁹]+ )
    | (?P<sign>    [-+^()\[\]{}=] )
    """,  # noqa: RUF001 -- look-alikes of the signs are what is being read
    re.VERBOSE,
)


class UnreadableFormula(ValueError):
    """The text is not a formula; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is the number, the canonical variable, or the sign; `at` counts characters from 1 in the original."""

    kind: TokenKind
    text: str
    at: int
    after_space: bool


def tokens_of(text: str, extra: Mapping[str, tuple[str, ...]]) -> Iterator[Token]:
    """The formula's tokens. `extra` holds further spellings, canonical variable to spellings.

    Raises:
        UnreadableFormula: a character or a word that has no place in a formula.

    """
    names = {spelling: variable for variable, spellings in SPELLINGS.items() for spelling in spellings}
    names |= {_plain(spelling): variable for variable, spellings in extra.items() for spelling in spellings}
    names |= {_plain(variable): variable for variable in extra}
    folded = "".join(_folded(character) for character in text)
    position, after_space = 0, True
    while position < len(folded):
        found = _PATTERN.match(folded, position)
        if found is None:
            raise UnreadableFormula(f"character {position + 1} ({text[position]!r}) has no meaning in a formula")
        kind, at = found.lastgroup if found.lastgroup != "inner" else "quoted", position + 1
        position = found.end()
        if kind == "space":
            after_space = True
            continue
        for token in _tokens(kind or "", found, names, at):
            yield Token(*token, at, after_space)
            after_space = False


def _tokens(kind: str, found: re.Match[str], names: Mapping[str, str], at: int) -> Iterator[tuple[TokenKind, str]]:
    written = found.group()
    if kind == "number":
        yield "number", re.sub(r"[,_{}]", "", written)
    elif kind in ("name", "quoted"):
        word = _plain(found.group("inner") or written)
        # "3 x 3": between numbers and names the letter stands for the sign.
        variables = ["*"] if word == "x" and "x" not in names else _split(word, names)
        if variables is None:
            known = ", ".join(sorted(set(names.values())))
            raise UnreadableFormula(f"the name {written.strip()!r} at character {at} is not known; use {known}")
        for variable in variables:
            yield ("sign", "*") if variable == "*" else ("name", variable)
    elif kind == "raised":
        yield "raised", "".join(_SUPERSCRIPTS[digit] for digit in written)
    elif kind == "frac":
        yield "frac", written
    elif kind == "times":
        yield "sign", "^" if written == "**" else "*"
    else:
        yield "sign", "/" if kind == "divide" else written


def _folded(character: str) -> str:
    """One character in its plain form: slanted letters of equation editors, wide digits, long dashes."""
    if character in _SUPERSCRIPTS:
        return character
    if character in "\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}":
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def _split(word: str, names: Mapping[str, str]) -> list[str] | None:
    """A run of letters as a product of variables ("kNFNC"), longest spelling first; None if it is not one."""
    longest = max(map(len, names))
    # What each tail of the word splits into, from the end, so that no word costs more than its length.
    tails: list[list[str] | None] = [None] * len(word) + [[]]
    for start in range(len(word) - 1, -1, -1):
        for end in range(min(len(word), start + longest), start, -1):
            rest = tails[end]
            if rest is not None and word[start:end] in names:
                tails[start] = [names[word[start:end]], *rest]
                break
    return tails[0]
