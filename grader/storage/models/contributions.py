from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class ContributionRow(Base):
    """What somebody said about who did what in a team's work; only ever added to.

    `stance` is `written` for the team's paragraph, of which the newest holds, and confirmed, corrected or disputed for
    what a member says about it (`about_id`), of which each member's newest holds. `person_id` is NULL where they were
    erased.
    """

    __tablename__ = "contributions"
    __table_args__ = (Index(None, "assignment_id", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    stance: Mapped[str]
    about_id: Mapped[int | None] = mapped_column(ForeignKey("contributions.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(server_default="")
    said_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
