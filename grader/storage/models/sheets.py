from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class SubmissionSheetsRow(Base):
    """What graders look at of a submission, and how far its making is. Goes with the submission.

    `sheets` holds kind, path, place, text and outputs of each sheet; an output's `picture` is a number of
    `sheet_pictures`. `making` says how they were made; `lease_*` belong to the worker that makes them.
    """

    __tablename__ = "submission_sheets"
    __table_args__ = (
        Index("ix_submission_sheets_open", "wanted_at", postgresql_where=text("state in ('wanted', 'making')")),
    )

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default="wanted")
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    note: Mapped[str] = mapped_column(server_default=text("''"))
    making: Mapped[str] = mapped_column(server_default=text("''"))
    sheets: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    attempts: Mapped[int] = mapped_column(server_default="0")
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    wanted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    made_at: Mapped[datetime | None]


class SheetPictureRow(Base):
    """A page or a picture of a cell's output; the bytes are a blob. Sides in pixels."""

    __tablename__ = "sheet_pictures"
    __table_args__ = (UniqueConstraint("submission_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission_sheets.submission_id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    blob_sha256: Mapped[str] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
