"""Who did what in a team, as the API writes and reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.domain.contribution import LONGEST, Contributions, Stance

StanceName = Literal["confirmed", "corrected", "disputed"]


class NewWord(Request):
    """What a member says about the paragraph whose id is `about`; `text` is needed unless it is confirmed."""

    about: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1, examples=[7])]
    stance: StanceName
    text: Annotated[Words, Field(max_length=LONGEST, examples=["I wrote the loader, not Bob."])] = ""

    def as_stance(self) -> Stance:
        return Stance(self.stance)


class MemberWordAnswer(Answer):
    """`stance` is null until the member has said something; `text` is empty to the others of the team."""

    person: int = Field(examples=[12])
    name: str = Field(examples=["Ada Lovelace"])
    stance: Literal["written", "confirmed", "corrected", "disputed"] | None
    text: str
    said_at: Time | None


class ContributionsAnswer(Answer):
    """`asked` is false where nobody asks who did what; `id` is 0 and `text` empty until an upload has said it."""

    asked: bool
    id: int = Field(examples=[7])
    text: str = Field(examples=["Ada wrote the model, Bob the loader and the report."])
    written_by: str | None = Field(examples=["Ada Lovelace"])
    written_at: Time | None
    members: list[MemberWordAnswer]


def contributions_answer(found: Contributions | None) -> ContributionsAnswer:
    if found is None:
        return ContributionsAnswer(asked=False, id=0, text="", written_by=None, written_at=None, members=[])
    return ContributionsAnswer(
        asked=True,
        id=found.id,
        text=found.text,
        written_by=found.written_by or None,
        written_at=found.written_at,
        members=[
            MemberWordAnswer(
                person=word.person,
                name=word.name,
                stance=None if word.stance is None else word.stance.value,
                text=word.text,
                said_at=word.said_at,
            )
            for word in found.members
        ],
    )
