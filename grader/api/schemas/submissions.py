"""Submissions as the API writes them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from grader.api.schemas.adjustments import AdjustmentAnswer, CountedAnswer, adjustment_answer, counted_answer
from grader.api.schemas.assignments import StateName
from grader.api.schemas.common import Answer, PersonAnswer, Time, person_answer
from grader.api.schemas.items import GivenMarkAnswer, GradedItem, given_mark_answer, graded_item
from grader.api.schemas.runs import RunAnswer, StaffRunAnswer
from grader.domain.grading import QueuePlace, RunState
from grader.domain.submission import Receipt
from grader.service.adjustments import Adjusted
from grader.service.submissions import SubmissionLine

_ID = Field(examples=["0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])
_ANSWERS_SHA256 = Field(
    examples=["5d41402abc4b2a76b9719d911017c592ae1c2ffba07a1cbd21ab9c7d1bdf6d3d"],
    description="Of the written answers that came beside the file; null where there were none.",
)
_SHA256 = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])


class Links(Answer):
    """Paths on this server."""

    self: str = Field(examples=["/api/v1/submissions/0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])
    events: str = Field(examples=["/api/v1/submissions/0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10/events"])
    page: str = Field(examples=["/submissions/0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])


class ReceiptAnswer(Answer):
    """A promise that the submission is not lost. `is_new` is false where the same upload came twice."""

    id: str = _ID
    assignment: str = Field(examples=["cmp784-practical2"])
    sha256: str = _SHA256
    received_at: Time
    file: str = Field(examples=["ada_lovelace_p2.zip"])
    size_bytes: int = Field(examples=[48_213])
    number: int = Field(examples=[3])
    late_days: int = Field(examples=[0])
    days_used: int = Field(description="Of the reader's late days of the term, taken by this submission.")
    days_left: int | None = Field(description="Late days left after it; null when it is not late.")
    penalty: float = Field(description="Share of the points, 0 to 1, that late days beyond those cost.", examples=[0.0])
    answers_sha256: str | None = _ANSWERS_SHA256
    is_new: bool
    links: Links


class SubmissionLineAnswer(Answer):
    """`counts` marks the submission that counts for its student.

    `own` says that it is a member's own, for the parts of a team's assignment that each hands in alone.
    """

    id: str = _ID
    assignment: str = Field(examples=["cmp784-practical2"])
    person: PersonAnswer
    team: str | None
    number: int = Field(examples=[3])
    file: str = Field(examples=["ada_lovelace_p2.zip"])
    sha256: str = _SHA256
    size_bytes: int = Field(examples=[48_213])
    received_at: Time
    late_days: int = Field(examples=[0])
    answers_sha256: str | None = _ANSWERS_SHA256
    state: StateName
    score: float | None = Field(examples=[38.5])
    max_score: float = Field(examples=[40.0])
    adjusted_score: float | None = Field(
        default=None, examples=[None], description="What counts instead, where a person adjusted it or graded items."
    )
    adjusted_max_score: float | None = Field(default=None, examples=[None], description="What that is out of.")
    counts: bool
    own: bool = False
    flags: int | None = Field(
        examples=[None], description="Staff: how many things of the newest run look deliberate. Null for students."
    )


class QueueAnswer(Answer):
    """`ahead` stages are claimed before this one; `eta_s` seconds until its result by measured times."""

    ahead: int = Field(examples=[2])
    eta_s: float | None = Field(examples=[35.0])


class SubmissionAnswer(SubmissionLineAnswer):
    """A line with its newest run, as this reader may see it. `answers` came beside the file."""

    answers: dict[str, Any] | None = Field(
        examples=[{"A3.weights": "9*NIC*NF + 18*NF^2"}], description="Text, a number or a list for each question."
    )
    run: StaffRunAnswer | RunAnswer
    queue: QueueAnswer | None
    adjustments: list[AdjustmentAnswer] = Field(default_factory=list)
    counted: CountedAnswer | None = Field(
        default=None, description="What counts of this submission where a person changed it; else null."
    )
    items: list[GradedItem] = Field(
        default_factory=list, description="What persons gave for items; for students once it is released."
    )
    given_mark: GivenMarkAnswer | None = Field(
        default=None, description="A mark that a person gave; it counts while its share of the points is reached."
    )


def receipt_answer(receipt: Receipt, prefix: str) -> ReceiptAnswer:
    return ReceiptAnswer(
        id=receipt.id,
        assignment=receipt.assignment,
        sha256=receipt.sha256,
        received_at=receipt.received_at,
        file=receipt.file,
        size_bytes=receipt.size_bytes,
        number=receipt.number,
        late_days=receipt.late_days,
        days_used=receipt.days_used,
        days_left=receipt.days_left,
        penalty=receipt.penalty,
        answers_sha256=receipt.answers_sha256,
        is_new=receipt.is_new,
        links=Links(
            self=f"{prefix}/submissions/{receipt.id}",
            events=f"{prefix}/submissions/{receipt.id}/events",
            page=f"/submissions/{receipt.id}",
        ),
    )


def line_answer(line: SubmissionLine, *, for_staff: bool) -> SubmissionLineAnswer:
    submission = line.submission
    return SubmissionLineAnswer(
        id=submission.id,
        assignment=submission.assignment,
        person=person_answer(submission.person),
        team=submission.team,
        number=submission.number,
        file=submission.file,
        sha256=submission.sha256,
        size_bytes=submission.size_bytes,
        received_at=submission.received_at,
        late_days=submission.late_days,
        answers_sha256=submission.answers_sha256,
        state=shown_state(line.state, for_staff=for_staff),
        score=line.score,
        max_score=line.max_score,
        adjusted_score=None if line.changed is None else line.changed.score,
        adjusted_max_score=None if line.changed is None else line.changed.max_score,
        counts=line.counts,
        own=submission.is_own,
        flags=line.flags,
    )


def submission_answer(
    line: SubmissionLineAnswer,
    run: RunAnswer,
    place: QueuePlace | None,
    answers: dict[str, Any] | None,
    adjusted: Adjusted,
) -> SubmissionAnswer:
    # The run is what this reader may see of it, so its state and score are the line's too.
    return SubmissionAnswer(
        **line.model_dump(exclude={"state", "score", "max_score"}),
        state=run.state,
        score=run.score,
        max_score=run.max_score,
        answers=answers,
        run=run,
        queue=None if place is None else QueueAnswer(ahead=place.ahead, eta_s=place.eta_s),
        adjustments=[adjustment_answer(one) for one in adjusted.adjustments],
        counted=counted_answer(adjusted),
        items=[graded_item(one) for one in adjusted.items],
        given_mark=given_mark_answer(adjusted.mark_given),
    )


def shown_state(state: RunState, *, for_staff: bool) -> StateName:
    """A failed run is our fault: the student reads that it is still being graded."""
    if state is RunState.FAILED and not for_staff:
        return RunState.GRADING.value
    return state.value
