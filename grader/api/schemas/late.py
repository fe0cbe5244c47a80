"""Late policies, extensions and choices, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.domain.assignment import LatePolicy
from grader.domain.grading import OfferedAssignment
from grader.service.extensions import MOST_DAYS, Extension
from grader.service.late_policy import in_words

BeyondName = Literal["refuse", "penalise", "flag"]
_Reason = Annotated[Words, Field(min_length=1, max_length=1000, examples=["A note from the doctor."])]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False, examples=[0.1])]


class LatePolicyAnswer(Answer):
    """`beyond` is what becomes of late days that the term's do not cover; shares are 0 to 1 of the points reached."""

    extension_days_per_term: int = Field(examples=[5])
    grace_minutes: int = Field(examples=[10])
    beyond: BeyondName
    penalty_per_day: float = Field(examples=[0.0])
    most_penalty: float = Field(examples=[1.0])
    words: str = Field(examples=["Each student has 5 late days for the term. Later uploads are refused."])
    is_set: bool = Field(description="Whether an instructor set it; else it is the spec's.")


class NewLatePolicy(Request):
    """What is left out stays as it holds; the reason is kept."""

    reason: _Reason
    extension_days_per_term: Annotated[int, Field(strict=True, ge=0, le=MOST_DAYS, examples=[5])] | None = None
    grace_minutes: Annotated[int, Field(strict=True, ge=0, le=1440, examples=[10])] | None = None
    beyond: BeyondName | None = None
    penalty_per_day: _Share | None = None
    most_penalty: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] | None = None

    def changes(self) -> dict[str, int | float | str]:
        return self.model_dump(exclude={"reason"}, exclude_none=True)


class NewExtension(Request):
    """Either another due date or days on top of everybody's; the reason is kept."""

    reason: _Reason
    due_at: Annotated[AwareDatetime, Field(examples=["2026-03-05T20:59:59Z"])] | None = None
    extra_days: Annotated[int, Field(strict=True, ge=1, le=MOST_DAYS, examples=[3])] | None = None


class ExtendedPerson(Answer):
    id: int = Field(examples=[12])
    name: str = Field(examples=["Ada Lovelace"])


class ExtensionAnswer(Answer):
    """`due_at` is what holds now; `team` is null where it is one person's."""

    team: str | None
    people: list[ExtendedPerson]
    due_at: Time
    extra_days: int | None
    reason: str
    made_by: str = Field(examples=["tina@example.org"])
    made_at: Time


class NewChoice(Request):
    """Staff say why."""

    reason: Annotated[Words, Field(max_length=1000, examples=["Asked by mail."])] = ""


def late_policy_answer(assignment: OfferedAssignment) -> LatePolicyAnswer:
    policy: LatePolicy = assignment.late
    return LatePolicyAnswer(
        extension_days_per_term=policy.extension_days_per_term,
        grace_minutes=policy.grace_minutes,
        beyond=policy.beyond_days,
        penalty_per_day=policy.penalty_per_day,
        most_penalty=policy.most_penalty,
        words=in_words(policy),
        is_set=assignment.set_late is not None,
    )


def extension_answer(extension: Extension) -> ExtensionAnswer:
    return ExtensionAnswer(
        team=extension.team,
        people=[ExtendedPerson(id=person, name=name) for person, name in extension.people],
        due_at=extension.due_at,
        extra_days=extension.extra_days,
        reason=extension.reason,
        made_by=extension.made_by,
        made_at=extension.made_at,
    )
