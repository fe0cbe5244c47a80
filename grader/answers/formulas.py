r"""Formulas as students write them, compared as polynomials. Nothing is ever evaluated as code.

    sum      = [sign] product { ("+" | "-") product }
    product  = power { ("*" | "/" | nothing) power }      left to right; "nothing" only before a name or a bracket
    power    = atom [ "^" whole number | superscript ]
    atom     = number | name | bracketed sum | \\frac{sum}{sum}

The caps (characters, terms, exponents, nesting) hold before any work is done in proportion to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from grader.answers.polynomial import Effort, Polynomial, TooLarge
from grader.answers.spelling import Token, UnreadableFormula, tokens_of

MAX_CHARACTERS = 600
# The longest accepted answer of the first five assignments costs less than a hundred; so many take about 30 ms.
_MAX_TERMS = 10_000
_MAX_NESTING = 30
_MAX_NUMBER = 40
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_LABEL = re.compile(r"[A-Za-z#][A-Za-z0-9_# ]*(\([A-Za-z_, ]*\))?")

__all__ = ["MAX_CHARACTERS", "Polynomial", "TooLarge", "UnreadableFormula", "equal", "parse"]


def parse(text: str, extra: Mapping[str, tuple[str, ...]] | None = None) -> Polynomial:
    """The polynomial that `text` stands for, over NF, NC, NIC, K, H, W and the variables of `extra`.

    A label in front ("weights = ...") is dropped; several sides of "=" have to agree.

    Raises:
        UnreadableFormula: with what is wrong and where, in words for the student.

    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableFormula(f"it is longer than {MAX_CHARACTERS} characters")
    sides = _sides(text.rstrip().rstrip(".;"))
    try:
        effort = Effort(_MAX_TERMS)
        first, *others = [_Parser(list(tokens_of(side, extra or {})), effort).whole() for side in sides]
    except TooLarge as error:
        raise UnreadableFormula("it is larger than any answer to these questions could be") from error
    if any(other != first for other in others):
        raise UnreadableFormula("the sides of its equals sign are not equal")
    return first


def _sides(text: str) -> list[str]:
    """What stands between the equals signs, without a label in front; blanks keep the positions in messages true."""
    sides, start = [], 0
    for side in text.split("="):
        sides.append(" " * start + side)
        start += len(side) + 1
    return sides[1:] if len(sides) > 1 and _LABEL.fullmatch(sides[0].strip()) else sides


def equal(first: Polynomial, second: Polynomial) -> bool:
    """Whether two formulas are the same polynomial."""
    return first == second


class _Parser:
    """Recursive descent over one formula's tokens."""

    def __init__(self, tokens: list[Token], effort: Effort) -> None:
        self._tokens = tokens
        self._effort = effort
        self._next = 0
        self._nesting = 0

    def whole(self) -> Polynomial:
        if not self._tokens:
            raise UnreadableFormula("it is empty")
        result = self._sum()
        token = self._peek()
        if token is not None:
            raise UnreadableFormula(f"{token.text!r} at character {token.at} is not expected there")
        return result

    def _sum(self) -> Polynomial:
        sign = self._take("+", "-")
        result = self._product()
        if sign is not None and sign.text == "-":
            result = -result
        while (sign := self._take("+", "-")) is not None:
            term = self._product()
            result = self._effort.sum(result, term if sign.text == "+" else -term)
        return result

    def _product(self) -> Polynomial:
        result = self._power()
        while True:
            sign = self._take("*", "/")
            if sign is None and not self._goes_on():
                return result
            factor = self._power()
            if sign is not None and sign.text == "/":
                result = _quotient(result, factor, sign.at)
            else:
                result = self._effort.product(result, factor)

    def _goes_on(self) -> bool:
        """Whether a factor follows without a sign."""
        token = self._peek()
        if token is None:
            return False
        if token.kind == "number":
            before = self._tokens[self._next - 1]
            hint = "^" if before.kind == "name" and not token.after_space else "*"
            raise UnreadableFormula(
                f"a sign is missing before {token.text} at character {token.at}; write {hint}{token.text}"
            )
        return token.kind in ("name", "frac") or token.text in _CLOSES

    def _power(self) -> Polynomial:
        base = self._atom()
        token = self._peek()
        if token is not None and token.kind == "raised":
            self._next += 1
            return self._effort.power(base, int(token.text[:3]))
        if self._take("^") is None:
            return base
        return self._effort.power(base, self._exponent())

    def _exponent(self) -> int:
        at = self._position()
        bracket = self._take(*_CLOSES)
        token = self._peek()
        if token is None or token.kind != "number" or not token.text.isdigit():
            raise UnreadableFormula(f"the exponent at character {at} is not a whole number")
        self._next += 1
        if bracket is not None and self._take(_CLOSES[bracket.text]) is None:
            raise UnreadableFormula(f"the bracket at character {bracket.at} is not closed")
        return int(token.text[:3])

    def _atom(self) -> Polynomial:
        token = self._peek()
        if token is None:
            raise UnreadableFormula("it ends where a number or a name is expected")
        self._next += 1
        if token.kind == "number":
            return Polynomial.constant(_number(token))
        if token.kind == "name":
            return Polynomial.variable(token.text)
        if token.kind == "frac":
            above = self._bracketed(self._opening())
            return _quotient(above, self._bracketed(self._opening()), token.at)
        if token.text in _CLOSES:
            return self._bracketed(token)
        raise UnreadableFormula(f"{token.text!r} at character {token.at} is not expected there")

    def _opening(self) -> Token:
        token = self._take(*_CLOSES)
        if token is None:
            raise UnreadableFormula(f"\\frac needs two brackets at character {self._position()}")
        return token

    def _bracketed(self, opening: Token) -> Polynomial:
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnreadableFormula(f"its brackets are nested more than {_MAX_NESTING} deep")
        inside = self._sum()
        if self._take(_CLOSES[opening.text]) is None:
            raise UnreadableFormula(f"the bracket at character {opening.at} is not closed")
        self._nesting -= 1
        return inside

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, *signs: str) -> Token | None:
        token = self._peek()
        if token is None or token.kind != "sign" or token.text not in signs:
            return None
        self._next += 1
        return token

    def _position(self) -> int:
        token = self._peek() or self._tokens[-1]
        return token.at


def _number(token: Token) -> Fraction:
    # A huge exponent would make a huge number out of a few characters.
    if len(token.text) > _MAX_NUMBER or abs(Decimal(token.text).adjusted()) > _MAX_NUMBER:
        raise UnreadableFormula(f"the number at character {token.at} is too long")
    return Fraction(token.text)


def _quotient(above: Polynomial, below: Polynomial, at: int) -> Polynomial:
    if not below.is_constant or not below.value:
        raise UnreadableFormula(f"the division at character {at} is not by a number; multiply out instead")
    return above.scaled(1 / below.value)
