"""Which submissions have code in common, from fingerprints alone. Pure.

What is found here is that two texts have passages in common, and where. It says nothing about why: two students may
have read the same page, worked from the same lecture, or been taught by the same friend. Only a person can tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import NamedTuple

from grader.domain.ids import CourseId, Slug, SubmissionId

# Of less nothing is said: so many fingerprints are about four lines for each ten of them.
FEWEST_SHARED = 20
# The least share of the smaller text that is worth a person's time.
LEAST_SHARE = 0.3
# A passage that so many owners have is the assignment's or the lecture's, not theirs.
MOST_OWNERS = 10
_MOST_OWNERS_SHARE = 0.05
MOST_PAIRS = 500
_CANDIDATES = 1000
_MOST_MATCHES = 200
# What stands more often than this says nothing about where.
_MOST_PLACES = 20


class Print(NamedTuple):
    """A hash of some words in a row, and the lines of its first and last word, counted from 1."""

    value: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file, or a cell of a notebook (`cell` counts from 1, 0 for a file), as plain text, with its fingerprints."""

    path: str
    cell: int
    text: str
    prints: tuple[Print, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a sandbox made of one submission. `problem` says why there is nothing; `is_cut` that there was too much."""

    pieces: tuple[Piece, ...] = ()
    problem: str = ""
    is_cut: bool = False

    @property
    def values(self) -> frozenset[int]:
        return frozenset(one.value for piece in self.pieces for one in piece.prints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A submission as the comparison sees it. `people` are whose work it is; `is_here`: of the assignment asked for."""

    submission: SubmissionId
    owner: str
    people: frozenset[int]
    is_here: bool
    values: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two submissions of different owners; `one` is of the assignment asked for.

    `shared` fingerprints are in both, after what is given to everybody was taken away: `one_total` and `other_total`
    is what then is left of each.
    """

    one: SubmissionId
    other: SubmissionId
    shared: int
    one_total: int
    other_total: int

    @property
    def share(self) -> float:
        """Of the text that has less of its own."""
        return self.shared / min(self.one_total, self.other_total)


class Match(NamedTuple):
    """Lines of a piece of one text and lines of a piece of the other that have passages in common."""

    one_piece: int
    one_first: int
    one_last: int
    other_piece: int
    other_first: int
    other_last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two submissions of a pair, as staff read of it. `who` is a name, or a team's; `total` its own part."""

    submission: SubmissionId
    number: int
    who: str
    file: str
    received_at: datetime
    assignment: Slug
    assignment_title: str
    course_id: CourseId
    course_title: str
    term: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPair:
    """Two submissions with passages in common; `shared` fingerprints of each side's `total`."""

    id: int
    shared: int
    one: Side
    other: Side

    @property
    def share(self) -> float:
        """Of the text that has less of its own."""
        return self.shared / min(self.one.total, self.other.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTexts:
    """A pair with both texts, and where they have passages in common."""

    pair: SimilarPair
    one: tuple[Piece, ...]
    other: tuple[Piece, ...]
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """When an assignment was compared last: so many submissions of its own, of earlier terms, and unread ones."""

    made_at: datetime
    submissions: int
    earlier: int
    unread: int


def own_values(handed: Sequence[Compared], given: frozenset[int]) -> dict[SubmissionId, frozenset[int]]:
    """What each submission has besides what was `given` to everybody and what many owners have."""
    owners: dict[int, set[str]] = defaultdict(set)
    for one in handed:
        for value in one.values - given:
            owners[value].add(one.owner)
    most = max(MOST_OWNERS, round(_MOST_OWNERS_SHARE * len({one.owner for one in handed})))
    usual = {value for value, having in owners.items() if len(having) > most}
    return {one.submission: one.values - given - usual for one in handed}


def pairs(handed: Sequence[Compared], given: frozenset[int]) -> list[Pair]:
    """For any two owners the two submissions that have most in common, the greatest share first.

    Owners who have a person in common (who repeats the course, or is in a team now) are not compared.
    """
    own = own_values(handed, given)
    by_owner: dict[str, list[Compared]] = defaultdict(list)
    for one in handed:
        by_owner[one.owner].append(one)
    found = [_closest(by_owner[first], by_owner[second], own) for first, second in _candidates(by_owner, own)]
    worthy = [pair for pair in found if pair is not None and pair.share >= LEAST_SHARE]
    return sorted(worthy, key=lambda pair: (-pair.share, -pair.shared, pair.one, pair.other))[:MOST_PAIRS]


def _candidates(
    by_owner: Mapping[str, Sequence[Compared]], own: Mapping[SubmissionId, frozenset[int]]
) -> list[tuple[str, str]]:
    """Owners who have enough in common over all their submissions; one at least is of the assignment asked for."""
    having: dict[int, list[str]] = defaultdict(list)
    for owner, submissions in by_owner.items():
        for value in frozenset().union(*(own[one.submission] for one in submissions)):
            having[value].append(owner)
    shared: Counter[tuple[str, str]] = Counter()
    for owners in having.values():
        shared.update(combinations(sorted(owners), 2))
    return [
        (first, second)
        for (first, second), count in shared.most_common(_CANDIDATES)
        if count >= FEWEST_SHARED and _may_be_compared(by_owner[first], by_owner[second])
    ]


def _may_be_compared(ones: Sequence[Compared], others: Sequence[Compared]) -> bool:
    people, theirs = ({person for one in side for person in one.people} for side in (ones, others))
    return people.isdisjoint(theirs) and any(one.is_here for one in (*ones, *others))


def _closest(
    ones: Sequence[Compared], others: Sequence[Compared], own: Mapping[SubmissionId, frozenset[int]]
) -> Pair | None:
    best: Pair | None = None
    for one in ones:
        for other in others:
            if not (one.is_here or other.is_here):
                continue
            here, there = (one, other) if one.is_here else (other, one)
            mine, theirs = own[here.submission], own[there.submission]
            shared = len(mine & theirs)
            if shared < FEWEST_SHARED:
                continue
            pair = Pair(
                one=here.submission, other=there.submission, shared=shared, one_total=len(mine), other_total=len(theirs)
            )
            # Of equal ones the first that was handed in.
            if best is None or pair.share > best.share:
                best = pair
    return best


def matches(one: Sequence[Piece], other: Sequence[Piece], shared: frozenset[int]) -> tuple[Match, ...]:
    """Where the shared fingerprints stand in both texts, neighbours joined, in the order of the first text.

    Where something stands several times in the other text, the place from which both go on alike the longest is meant.
    """
    theirs = [[there for there in piece.prints if there.value in shared] for piece in other]
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, prints in enumerate(theirs):
        for place, print_ in enumerate(prints):
            places[print_.value].append((number, place))
    found: list[Match] = []
    for number, piece in enumerate(one):
        ours = [here for here in piece.prints if here.value in shared]
        start = 0
        while start < len(ours):
            runs = [
                (_length(ours[start:], theirs[mate][place:]), mate, place)
                for mate, place in places.get(ours[start].value, ())[:_MOST_PLACES]
            ]
            length, mate, place = max(runs, key=lambda run: run[0], default=(0, 0, 0))
            for here, there in zip(ours[start : start + length], theirs[mate][place : place + length], strict=True):
                found.append(Match(number, here.first, here.last, mate, there.first, there.last))
            start += max(1, length)
    return _joined(found)[:_MOST_MATCHES]


def _length(ours: Sequence[Print], theirs: Sequence[Print]) -> int:
    """How far both go on alike."""
    steps = enumerate(zip(ours, theirs, strict=False))
    return next((step for step, (here, there) in steps if here.value != there.value), min(len(ours), len(theirs)))


def _joined(found: Iterable[Match]) -> tuple[Match, ...]:
    joined: list[Match] = []
    for one in found:
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.one_piece, last.other_piece) == (one.one_piece, one.other_piece)
            and one.one_first <= last.one_last + 2
            and last.other_first <= one.other_first <= last.other_last + 2
        ):
            joined[-1] = last._replace(
                one_last=max(last.one_last, one.one_last), other_last=max(last.other_last, one.other_last)
            )
        else:
            joined.append(one)
    return tuple(joined)
