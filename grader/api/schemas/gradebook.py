"""The gradebook and overrides, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, Listed, Mark, PersonWithNumber, Request, Time, person_with_number
from grader.domain.gradebook import GradebookPage, GradebookRow, TermGradebook


class GradebookRowAnswer(Answer):
    """One student: what counts, or `missing`."""

    person: PersonWithNumber
    section: str
    team: str | None
    submission: str | None
    own_submission: str | None = Field(
        default=None, description="What of a team's assignment the member has handed in alone."
    )
    run: str | None
    state: Literal["waiting", "grading", "graded", "rejected", "failed", "missing"]
    score: float | None = Field(examples=[38.5])
    max_score: float = Field(examples=[40.0])
    scale: Mark | None
    is_overridden: bool
    is_adjusted: bool
    late_days: int
    beyond_days: int = Field(description="Late days that the term's do not cover.")
    penalty: float = Field(description="Points that the score has lost because of them.", examples=[0.0])
    items_points: float | None = Field(description="Points by persons; null while nothing is graded.", examples=[6.5])
    items_waiting: int = Field(description="Items of theirs that nobody has graded yet.", examples=[0])
    given_mark: float | None = Field(description="A mark that a person gave.", examples=[None])
    submissions: int
    received_at: Time | None


class GradebookAnswer(Listed[GradebookRowAnswer]):
    """`total` counts all rows that match, on this page or not."""

    total: int = Field(examples=[412])


class TermAssignmentAnswer(Answer):
    slug: str = Field(examples=["cmp784-practical2"])
    title: str
    max_score: float = Field(examples=[40.0])
    due_at: Time | None


class TermScoreAnswer(Answer):
    """What counts for one assignment, or `missing`."""

    assignment: str
    state: Literal["waiting", "grading", "graded", "rejected", "failed", "missing"]
    score: float | None
    max_score: float
    scale: Mark | None
    is_overridden: bool
    late_days: int


class TermLineAnswer(Answer):
    """One student; `total` is the sum of the scores that there are, or null."""

    person: PersonWithNumber
    section: str
    team: str | None
    scores: list[TermScoreAnswer]
    total: float | None


class TermGradebookAnswer(Listed[TermLineAnswer]):
    """Every student of the course, by name."""

    assignments: list[TermAssignmentAnswer]
    max_total: float


class NewOverride(Request):
    """A person's change to what counts; the reason is kept. `false` is no score, and neither is "4"."""

    score: Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False, examples=[35.0])]
    reason: Annotated[Words, Field(min_length=1, max_length=1000, examples=["Read again after the student asked."])]


class MassRerun(Request):
    """`dry_run` only counts; what would change, a trial tells. `fresh`: no result is reused."""

    dry_run: StrictBool = False
    fresh: StrictBool = False


class MassRerunAnswer(Answer):
    submissions: int = Field(examples=[412])
    dry_run: bool


def term_answer(book: TermGradebook) -> TermGradebookAnswer:
    return TermGradebookAnswer(
        items=[
            TermLineAnswer(
                person=person_with_number(line.person),
                section=line.section,
                team=line.team,
                scores=[
                    _term_score(assignment.slug, row)
                    for assignment, row in zip(book.assignments, line.rows, strict=True)
                    if row is not None
                ],
                total=line.total,
            )
            for line in book.lines
        ],
        assignments=[
            TermAssignmentAnswer(
                slug=one.slug, title=one.title, max_score=one.spec.definition.full_points, due_at=one.due_at
            )
            for one in book.assignments
        ],
        max_total=book.max_total,
    )


def _term_score(assignment: str, row: GradebookRow) -> TermScoreAnswer:
    return TermScoreAnswer(
        assignment=assignment,
        state="missing" if row.state is None else row.state.value,
        score=row.score,
        max_score=row.max_score,
        scale=None if row.mark is None else Mark(value=row.mark.value, label=row.mark.label),
        is_overridden=row.is_overridden,
        late_days=row.late_days,
    )


def gradebook_answer(page: GradebookPage) -> GradebookAnswer:
    return GradebookAnswer(
        items=[_row(row) for row in page.rows], next_cursor=page.next_cursor or None, total=page.total
    )


def _row(row: GradebookRow) -> GradebookRowAnswer:
    return GradebookRowAnswer(
        person=person_with_number(row.person),
        section=row.section,
        team=row.team,
        submission=row.submission,
        own_submission=row.own_submission,
        run=row.run,
        state="missing" if row.state is None else row.state.value,
        score=row.score,
        max_score=row.max_score,
        scale=None if row.mark is None else Mark(value=row.mark.value, label=row.mark.label),
        is_overridden=row.is_overridden,
        is_adjusted=row.is_adjusted,
        late_days=row.late_days,
        beyond_days=row.beyond_days,
        penalty=row.penalty,
        items_points=row.items_points,
        items_waiting=row.items_waiting,
        given_mark=row.given_mark,
        submissions=row.submissions,
        received_at=row.received_at,
    )
