"""Drafts of written answers, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from grader.answers.asked import AskedQuestion
from grader.answers.given import MAX_ANSWERS, problem_of
from grader.api.schemas.common import Answer, Request, Time
from grader.service.drafts import Draft

Version = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1, examples=[3])]


class NewDraft(Request):
    """The whole draft. `version` is the one that it began from, 0 for none: another newest one is not written over."""

    version: Version
    answers: dict[Annotated[str, StringConstraints(max_length=200)], str] = Field(
        max_length=MAX_ANSWERS, examples=[{"A3.weights": "9*NIC*NF + 18*NF^2"}]
    )


class AnswerProblem(Answer):
    place: str = Field(examples=["A3.weights"], description="The question.")
    problem: str = Field(examples=["The answer cannot be read as a formula."])


class DraftAnswer(Answer):
    """`problems` are answers that could not be handed in as they are; nothing says whether one is right.

    `version` grows with each change, also when the draft is handed in or discarded and `answers` becomes empty.
    `saved_by` is null where there never was a draft, `team` where it is one person's; `is_open` says whether it can
    still be changed.
    """

    version: int = Field(examples=[3])
    answers: dict[str, str] = Field(examples=[{"A3.weights": "9*NIC*NF"}])
    saved_by: str | None = Field(examples=["Ada Lovelace"])
    saved_at: Time | None
    team: list[str] | None = Field(examples=[["Ada Lovelace", "Bob Noyce"]])
    is_open: bool
    problems: list[AnswerProblem]


def draft_answer(draft: Draft, asked: tuple[AskedQuestion, ...]) -> DraftAnswer:
    found = ((question.id, problem_of(question, draft.answers.get(question.id, ""))) for question in asked)
    return DraftAnswer(
        version=draft.version,
        answers=dict(draft.answers),
        saved_by=draft.saved_by or None,
        saved_at=draft.saved_at,
        team=list(draft.team) or None,
        is_open=draft.is_open,
        problems=[AnswerProblem(place=name, problem=problem) for name, problem in found if problem],
    )
