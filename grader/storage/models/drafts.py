from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class DraftRow(Base):
    """What an owner has written into the fields of an assignment's questions and not handed in; written over.

    `answers` is text by question. A draft that was handed in or discarded stays as a row without answers, so that its
    `version` only ever grows: whoever still has an older one open cannot take a newer one for theirs.
    """

    __tablename__ = "drafts"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    owner: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    answers: Mapped[dict[str, Any]]
    saved_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"), index=True)
    saved_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
