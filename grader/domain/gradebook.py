"""Which submission counts, and the gradebook's rows. Pure values and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.domain.course import Person
from grader.domain.grading import Counting, OfferedAssignment, RunState
from grader.domain.ids import RunId, SubmissionId
from grader.domain.run import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A submission with its newest published final run, if there is one."""

    submission: SubmissionId
    received_at: datetime
    run: RunId | None
    state: RunState
    score: float | None


def counting_candidate(
    candidates: Sequence[Candidate], counting: Counting, chosen: SubmissionId | None = None
) -> Candidate | None:
    """The submission that counts: the last, the best or the chosen of those graded, else the newest whatever its state.

    Scores are after penalties. Where none was chosen, or it has no score, the last counts.

    A submission that was rejected, or is still being graded, never displaces one that has a score. Of equal scores
    the earlier one counts, because it used no more late days.
    """
    graded = [candidate for candidate in candidates if candidate.score is not None]
    if not graded:
        return max(candidates, key=lambda candidate: candidate.received_at, default=None)
    if counting is Counting.CHOSEN:
        graded = [candidate for candidate in graded if candidate.submission == chosen] or graded
    if counting is not Counting.BEST:
        return max(graded, key=lambda candidate: candidate.received_at)
    best = max(candidate.score or 0.0 for candidate in graded)
    return min(
        (candidate for candidate in graded if candidate.score == best), key=lambda candidate: candidate.received_at
    )


class GradebookSort(StrEnum):
    NAME = "name"
    EMAIL = "email"
    SCORE = "score"
    RECEIVED = "received"
    SUBMISSIONS = "submissions"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookQuery:
    """What part of a gradebook is wanted. `search` matches name, e-mail or student number; `state` a row's state.

    `state` is one of RunState's values or "missing". `cursor` is opaque: what the page before gave.
    """

    sort: GradebookSort = GradebookSort.NAME
    descending: bool = False
    search: str = ""
    section: str = ""
    state: str = ""
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookRow:
    """One student and assignment.

    `score` is what counts: an override if there is one, else the counting run's with its adjustments and less its
    `penalty`: how many points it has lost because it came late. `beyond_days` is how many of the late days the term's
    did not cover; where the policy is to flag them, that is the flag. `items_points` is what persons gave for items
    (before the penalty), None while nothing is graded, and `items_waiting` how many items nobody has graded yet.
    `given_mark` is the mark that a person gave; `mark` is it where its share is reached. `own_submission` is what of a
    team's assignment the member has handed in alone; `submission` is the team's, or, before there is one, the same.
    """

    person: Person
    section: str
    team: str | None
    submission: SubmissionId | None
    run: RunId | None
    state: RunState | None
    score: float | None
    max_score: float
    mark: Mark | None
    is_overridden: bool
    late_days: int
    submissions: int
    received_at: datetime | None
    beyond_days: int = 0
    penalty: float = 0.0
    is_adjusted: bool = False
    items_points: float | None = None
    items_waiting: int = 0
    given_mark: float | None = None
    own_submission: SubmissionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookPage:
    """`total` counts all rows that match; `next_cursor` is empty on the last page."""

    rows: tuple[GradebookRow, ...]
    total: int
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TermLine:
    """One student over a term: a row for each of the term's assignments, in their order."""

    person: Person
    section: str
    team: str | None
    rows: tuple[GradebookRow | None, ...]

    @property
    def total(self) -> float | None:
        """The sum of the scores that there are; None when there is none."""
        scores = [row.score for row in self.rows if row is not None and row.score is not None]
        return sum(scores) if scores else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermGradebook:
    """Every assignment of a course and every student of it."""

    assignments: tuple[OfferedAssignment, ...]
    lines: tuple[TermLine, ...]

    @property
    def max_total(self) -> float:
        """The points of all assignments together, extra credit left out."""
        return sum(one.spec.definition.full_points for one in self.assignments)
