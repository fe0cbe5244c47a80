from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class AdjustmentRow(Base):
    """A difference in points for an owner's work; `person_id` is the one member it is for, None when for all of them.

    Of those with the same target and the same people, the newest that is not withdrawn holds; none is ever edited.
    `target` is check, part or whole, `target_id` the check's or part's id, `title` its words when it was made.
    """

    __tablename__ = "adjustments"
    __table_args__ = (Index(None, "assignment_id", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    target: Mapped[str]
    target_id: Mapped[str] = mapped_column(server_default="")
    title: Mapped[str] = mapped_column(server_default="")
    points: Mapped[float]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]


class RegradeRow(Base):
    """A request for a second look at a check, a part or the whole of a submission; it is answered once.

    `state` is open, granted, declined or withdrawn. `answer` is what staff said, `adjustment_id` what they changed
    with it.
    """

    __tablename__ = "regrade_requests"
    __table_args__ = (
        Index(
            "uq_regrade_requests_open",
            "assignment_id",
            "owner",
            "target",
            "target_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index(None, "assignment_id", "state", "asked_at"),
        Index(None, "submission_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    owner: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    target: Mapped[str]
    target_id: Mapped[str] = mapped_column(server_default="")
    title: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    answered_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(server_default="")
    adjustment_id: Mapped[int | None] = mapped_column(ForeignKey("adjustments.id"))
