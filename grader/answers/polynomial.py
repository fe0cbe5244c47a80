"""Polynomials with exact coefficients, small enough that no student's formula can keep the grader busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

# Far above any count of weights, far below what takes a noticeable time.
MAX_TERMS = 500
MAX_EXPONENT = 12
_MAX_COEFFICIENT_BITS = 2048

Monomial = tuple[tuple[str, int], ...]


class TooLarge(ValueError):
    """The formula is larger than any answer to these questions could be."""


class Effort:
    """What one formula may still cost, in terms that are added or multiplied."""

    def __init__(self, terms: int) -> None:
        self._left = terms

    def sum(self, first: Polynomial, second: Polynomial) -> Polynomial:
        """Raises TooLarge, as the others do, when nothing is left."""
        self._spend(len(first.terms) + len(second.terms))
        return first + second

    def product(self, first: Polynomial, second: Polynomial) -> Polynomial:
        self._spend(len(first.terms) * len(second.terms))
        return first * second

    def power(self, base: Polynomial, exponent: int) -> Polynomial:
        if exponent > MAX_EXPONENT:
            raise TooLarge(TooLarge.__doc__)
        result = Polynomial.constant(1)
        for _ in range(exponent):
            result = self.product(result, base)
        return result

    def _spend(self, terms: int) -> None:
        self._left -= terms
        if self._left < 0:
            raise TooLarge(TooLarge.__doc__)


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of terms; `terms` maps a monomial (variables in alphabetical order, with exponents) to its coefficient.

    Equal polynomials compare equal, because zero coefficients are never kept.
    """

    terms: Mapping[Monomial, Fraction]

    @classmethod
    def constant(cls, value: Fraction | int) -> Polynomial:
        return cls({(): Fraction(value)} if value else {})

    @classmethod
    def variable(cls, name: str) -> Polynomial:
        return cls({((name, 1),): Fraction(1)})

    @property
    def is_constant(self) -> bool:
        return all(monomial == () for monomial in self.terms)

    @property
    def value(self) -> Fraction:
        """The constant term; the whole value of a constant polynomial."""
        return self.terms.get((), Fraction(0))

    def __add__(self, other: Polynomial) -> Polynomial:
        return _kept(_summed([*self.terms.items(), *other.terms.items()]))

    def __neg__(self) -> Polynomial:
        return self.scaled(Fraction(-1))

    def __mul__(self, other: Polynomial) -> Polynomial:
        if len(self.terms) * len(other.terms) > 16 * MAX_TERMS:
            raise TooLarge(TooLarge.__doc__)
        return _kept(_summed([(_joined(a, b), x * y) for a, x in self.terms.items() for b, y in other.terms.items()]))

    def scaled(self, factor: Fraction) -> Polynomial:
        return _kept({monomial: coefficient * factor for monomial, coefficient in self.terms.items()})

    def at(self, values: Mapping[str, Fraction]) -> Polynomial:
        """With these variables replaced by numbers; the others stay."""
        pairs = []
        for monomial, coefficient in self.terms.items():
            known = [values[name] ** exponent for name, exponent in monomial if name in values]
            rest = tuple((name, exponent) for name, exponent in monomial if name not in values)
            for factor in known:
                coefficient *= factor  # noqa: PLW2901
            pairs.append((rest, coefficient))
        return _kept(_summed(pairs))

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        ordered = sorted(self.terms.items(), key=lambda term: (-sum(exponent for _, exponent in term[0]), term[0]))
        words = [_term(monomial, abs(coefficient)) for monomial, coefficient in ordered]
        signs = ["-" if coefficient < 0 else "+" for _, coefficient in ordered]
        joined = " ".join(f"{sign} {word}" for sign, word in zip(signs, words, strict=True))
        return joined.removeprefix("+ ")


def _joined(first: Monomial, second: Monomial) -> Monomial:
    exponents = dict(first)
    for name, exponent in second:
        exponents[name] = exponents.get(name, 0) + exponent
    return tuple(sorted(exponents.items()))


def _summed(pairs: list[tuple[Monomial, Fraction]]) -> dict[Monomial, Fraction]:
    total: dict[Monomial, Fraction] = {}
    for monomial, coefficient in pairs:
        total[monomial] = total.get(monomial, Fraction(0)) + coefficient
    return total


def _kept(terms: Mapping[Monomial, Fraction]) -> Polynomial:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if len(kept) > MAX_TERMS:
        raise TooLarge(TooLarge.__doc__)
    for monomial, coefficient in kept.items():
        bits = coefficient.numerator.bit_length() + coefficient.denominator.bit_length()
        if bits > _MAX_COEFFICIENT_BITS or any(exponent > MAX_EXPONENT for _, exponent in monomial):
            raise TooLarge(TooLarge.__doc__)
    return Polynomial(kept)


def _term(monomial: Monomial, coefficient: Fraction) -> str:
    factors = [name if exponent == 1 else f"{name}^{exponent}" for name, exponent in monomial]
    if coefficient != 1 or not factors:
        factors.insert(0, f"({coefficient})" if coefficient.denominator != 1 and factors else str(coefficient))
    return "·".join(factors)
