"""Who did what in a team: the paragraph that came with an upload, and what each member says about it. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from grader.domain.ids import PersonId

# Of a paragraph, and of what a member says about it.
LONGEST = 4000


class Stance(StrEnum):
    """What a member says about the team's paragraph. `written`: it is theirs."""

    WRITTEN = "written"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberWord:
    """What one member says about the paragraph; `stance` is None until they have.

    `text` is empty to other members of the team: what somebody corrects or disputes is between them and staff.
    """

    person: PersonId
    name: str
    stance: Stance | None
    text: str = ""
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """The paragraph that holds, and each member's word about it. `id` is 0 and `text` empty where there is none yet."""

    id: int
    text: str
    written_by: str
    written_at: datetime | None
    members: tuple[MemberWord, ...]
