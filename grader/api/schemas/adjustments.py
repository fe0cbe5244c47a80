"""Adjustments as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, Mark, Request, Time
from grader.domain.adjustment import LARGEST, Adjustment
from grader.service.adjustments import Adjusted
from grader.service.deciding import LONGEST_REASON

TargetName = Literal["check", "part", "whole"]
# A difference, not a set value; `false` is none, and neither is "4".
Difference = Annotated[
    float,
    Field(
        strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False, examples=[1.5], description="More, or less, points."
    ),
]
TargetId = Annotated[Words, Field(max_length=200, examples=["A1"], description="Empty for the whole.")]
Reason = Annotated[
    Words, Field(min_length=1, max_length=LONGEST_REASON, examples=["Right but for a sign that the task has wrong."])
]


class AdjustmentAnswer(Answer):
    """A difference in points that holds. `made_by` and `member` (the one of a team it is for) are null to a student."""

    id: int = Field(examples=[7])
    target: TargetName
    target_id: str = Field(examples=["A1"])
    title: str = Field(examples=["MyConv2d equals a reference convolution"])
    points: float = Field(examples=[1.5])
    reason: str
    made_at: Time
    made_by: str | None = Field(examples=[None])
    member: str | None = Field(examples=[None])


class AdjustmentsAnswer(Answer):
    items: list[AdjustmentAnswer]


class CountedAnswer(Answer):
    """Points after adjusting, by id. `score` is null where it may not be shown."""

    score: float | None = Field(examples=[39.5])
    max_score: float | None = Field(default=None, examples=[50.0], description="Null where it is the run's.")
    scale: Mark | None
    is_overridden: bool
    checks: dict[str, float] = Field(examples=[{"A1": 2.0}])
    parts: dict[str, float] = Field(examples=[{"A": 9.5}])


class NewAdjustment(Request):
    """It takes the place of the one that holds for the same target and people. `for_member`: not for the whole team."""

    target: TargetName
    id: TargetId = ""
    points: Difference
    reason: Reason
    for_member: StrictBool = False


class AdjustmentMade(Answer):
    id: int = Field(examples=[7])


def adjustment_answer(one: Adjustment) -> AdjustmentAnswer:
    return AdjustmentAnswer(
        id=one.id,
        # An item is never adjusted.
        target=cast("TargetName", one.target.kind.value),
        target_id=one.target.id,
        title=one.title,
        points=one.points,
        reason=one.reason,
        made_at=one.made_at,
        made_by=one.made_by,
        member=one.member,
    )


def counted_answer(adjusted: Adjusted) -> CountedAnswer | None:
    if adjusted.counts is None and not adjusted.is_overridden:
        return None
    mark = adjusted.mark
    return CountedAnswer(
        score=adjusted.score,
        max_score=adjusted.max_score,
        scale=None if mark is None else Mark(value=mark.value, label=mark.label),
        is_overridden=adjusted.is_overridden,
        checks={} if adjusted.counts is None else dict(adjusted.counts.checks),
        parts={} if adjusted.counts is None else dict(adjusted.counts.parts),
    )
