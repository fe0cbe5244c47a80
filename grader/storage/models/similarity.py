from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base

_EMPTY_LIST = text("'[]'::jsonb")


class FingerprintRow(Base):
    """What a sandbox made of a submission's code. Goes with the submission.

    `pieces` holds path, cell, text and flat prints of each piece, `hashes` the distinct hashes of all of them, for
    comparing without reading the text. `making` says how: those of another making are made again.
    """

    __tablename__ = "fingerprints"

    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True)
    making: Mapped[str]
    pieces: Mapped[list[Any]] = mapped_column(server_default=_EMPTY_LIST)
    hashes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    problem: Mapped[str] = mapped_column(server_default="")
    is_cut: Mapped[bool] = mapped_column(server_default=false())
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ComparisonRow(Base):
    """When an assignment's submissions were compared last, and with how many: its own, of earlier terms, unread."""

    __tablename__ = "comparisons"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    submissions: Mapped[int]
    earlier: Mapped[int]
    unread: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class SimilarPairRow(Base):
    """Two submissions with passages in common, as the last comparison of the assignment found them. Goes with either.

    `one_id` is of the assignment; `matches` holds lists of the six numbers of `grader.domain.similarity.Match`.
    """

    __tablename__ = "similar_pairs"
    __table_args__ = (UniqueConstraint("assignment_id", "one_id", "other_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    one_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    other_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"), index=True)
    shared: Mapped[int]
    one_total: Mapped[int]
    other_total: Mapped[int]
    matches: Mapped[list[Any]] = mapped_column(server_default=_EMPTY_LIST)
