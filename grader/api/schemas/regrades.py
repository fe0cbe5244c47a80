"""Regrade requests as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.adjustments import Difference, TargetId
from grader.api.schemas.common import Answer, PersonAnswer, Request, Time, person_answer
from grader.domain.regrade import LONGEST_ANSWER, LONGEST_REASON, MOST_DAYS, RegradeRequest

RegradeTargetName = Literal["check", "part", "item", "whole"]
RegradeStateName = Literal["open", "granted", "declined", "withdrawn"]


class RegradeAnswer(Answer):
    """`points` are the difference that staff made with the answer; null where they changed nothing."""

    id: int = Field(examples=[31])
    assignment: str = Field(examples=["cmp784-practical2"])
    submission: str = Field(examples=["0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"])
    person: PersonAnswer
    team: str | None
    target: RegradeTargetName
    target_id: str = Field(examples=["A1"])
    title: str = Field(examples=["MyConv2d equals a reference convolution (A1)"])
    reason: str
    state: RegradeStateName
    asked_at: Time
    answered_at: Time | None
    answered_by: str | None
    answer: str
    points: float | None = Field(examples=[1.5])
    for_member: bool


class NewRegrade(Request):
    """A check, a part or an item that a person graded by its id, or the whole without."""

    target: RegradeTargetName
    id: TargetId = ""
    reason: Annotated[
        Words,
        Field(min_length=1, max_length=LONGEST_REASON, examples=["The task says (H, W), the check wants (W, H)."]),
    ]


class NewRegradeAnswer(Request):
    """With `points` a granted request adjusts what was asked about in the same step; an item is graded again."""

    granted: StrictBool
    words: Annotated[Words, Field(min_length=1, max_length=LONGEST_ANSWER, examples=["You are right, thank you."])]
    points: Difference | None = None
    for_member: StrictBool = False


class RegradeWindow(Request):
    days: Annotated[int, Field(strict=True, ge=0, le=MOST_DAYS, examples=[7], description="0: nobody may ask.")]


def regrade_answer(request: RegradeRequest) -> RegradeAnswer:
    return RegradeAnswer(
        id=request.id,
        assignment=request.assignment,
        submission=request.submission,
        person=person_answer(request.person),
        team=request.team,
        target=request.target.kind.value,
        target_id=request.target.id,
        title=request.title,
        reason=request.reason,
        state=request.state.value,
        asked_at=request.asked_at,
        answered_at=request.answered_at,
        answered_by=request.answered_by,
        answer=request.answer,
        points=request.points,
        for_member=request.for_member,
    )
