from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class ExtensionRow(Base):
    """More time for one owner and assignment: another due date, or days on top of everybody's; one of the two.

    The newest one that is not withdrawn holds; none is ever edited.
    """

    __tablename__ = "extensions"
    __table_args__ = (Index(None, "assignment_id", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    due_at: Mapped[datetime | None]
    extra_days: Mapped[int | None]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]


class LatePolicyRow(Base):
    """A late policy that an instructor set for an assignment instead of its spec's; newest first, none is edited."""

    __tablename__ = "late_policies"
    __table_args__ = (Index(None, "assignment_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    policy: Mapped[dict[str, Any]]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]


class ChoiceRow(Base):
    """Which of an owner's submissions they want to count. The newest holds; none is edited."""

    __tablename__ = "choices"
    __table_args__ = (Index(None, "assignment_id", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
