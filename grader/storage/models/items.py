from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base

_EMPTY_LIST = text("'[]'::jsonb")


class RubricRow(Base):
    """A line of an item's rubric as staff made or changed it. Of those with the same key the newest holds."""

    __tablename__ = "rubric_items"
    __table_args__ = (Index(None, "assignment_id", "item", "key"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    item: Mapped[str]
    key: Mapped[str]
    label: Mapped[str]
    points: Mapped[float]
    is_removed: Mapped[bool] = mapped_column(server_default=false())
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class GradingRow(Base):
    """What a person gave for an item of a submission; `person_id` is the one member it is for, None when for all.

    Of those with the same submission, item and people, the newest that is not withdrawn holds; none is ever edited.
    """

    __tablename__ = "gradings"
    __table_args__ = (Index(None, "submission_id", "item"), Index(None, "assignment_id", "item"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    item: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    applied: Mapped[list[Any]] = mapped_column(server_default=_EMPTY_LIST)
    free_points: Mapped[float] = mapped_column(server_default="0")
    comment: Mapped[str] = mapped_column(server_default="")
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]


class GradingClaimRow(Base):
    """Somebody has this item of this submission before them, until then; nobody else is given it meanwhile."""

    __tablename__ = "grading_claims"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    until: Mapped[datetime]


class CommentRow(Base):
    """A comment kept for an item, to be used again."""

    __tablename__ = "comment_bank"
    __table_args__ = (Index(None, "assignment_id", "item"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    item: Mapped[str]
    text: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    removed_at: Mapped[datetime | None]


class GivenMarkRow(Base):
    """A mark that only a person gives, for an owner's work; `person_id` is the one member it is for, None when for all.

    Of those for the same people the newest that is not withdrawn holds; none is ever edited.
    """

    __tablename__ = "given_marks"
    __table_args__ = (Index(None, "assignment_id", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    owner: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)
    value: Mapped[float]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]
