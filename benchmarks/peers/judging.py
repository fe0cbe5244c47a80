"""Who judged how many hand-ins rightly: correct ones want full points, wrong ones less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Known(Protocol):
    """A hand-in of which it is known whether it is right."""

    @property
    def name(self) -> str: ...
    @property
    def is_right(self) -> bool: ...


class Tally(NamedTuple):
    """Correct hand-ins accepted of so many, wrong ones caught of so many, and the names of those judged wrongly."""

    accepted: int
    right: int
    caught: int
    wrong: int
    mistakes: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, str, str]:
        """As a row of the report ends."""
        return f"{self.accepted} of {self.right}", f"{self.caught} of {self.wrong}", ", ".join(self.mistakes) or "none"


def tally(given: Sequence[Known], points: Mapping[str, float], full: float) -> Tally:
    """Compare points with what is known; a hand-in without points was not judged, and counts as a mistake.

    Points are floats that were added up: a thousandth is no difference.
    """
    good, mistakes = {True: 0, False: 0}, []
    for one in given:
        mine = points.get(one.name)
        if mine is not None and (mine >= full - 1e-3) == one.is_right:
            good[one.is_right] += 1
        else:
            mistakes.append(one.name)
    right = sum(one.is_right for one in given)
    return Tally(good[True], right, good[False], len(given) - right, tuple(mistakes))


class Attempt(NamedTuple):
    """One idea against one tool: points with it and without it, whether the tests' word was said aloud, whether it ended."""

    name: str
    family: str
    floor: float
    points: float
    has_read: bool = False
    timed_out: bool = False

    @property
    def won(self) -> bool:
        """Points are sums of floats; a thousandth is no gain."""
        return self.has_read or self.points > self.floor + 1e-3

    @property
    def gain_in_words(self) -> str:
        """As a cell of the report: the gain, a mark for what was only read, or a dash."""
        if not self.won:
            return "-"
        gain = self.points - self.floor
        return f"+{gain:g}" if gain > 1e-3 else "read"


def wins(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those that won."""
    return [attempt for attempt in attempts if attempt.won]


def by_family(attempts: Iterable[Attempt]) -> dict[str, int]:
    """How many won in each family in which any did."""
    return dict(Counter(attempt.family for attempt in wins(attempts)))
