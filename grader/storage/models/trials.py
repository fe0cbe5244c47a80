from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class TrialRow(Base):
    """A spec version tried on an assignment's submissions. One at a time is open; its runs are in `runs`.

    `scope` is counting or all, `state` open, published or dropped. `before_version_id` judged when it began.
    """

    __tablename__ = "trials"
    __table_args__ = (
        Index("uq_trials_open", "assignment_id", unique=True, postgresql_where=text("state = 'open'")),
        Index(None, "assignment_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    spec_version_id: Mapped[int] = mapped_column(ForeignKey("spec_versions.id"))
    before_version_id: Mapped[int] = mapped_column(ForeignKey("spec_versions.id"))
    scope: Mapped[str]
    is_fresh: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[str] = mapped_column(server_default="open")
    reason: Mapped[str]
    begun_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    begun_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str] = mapped_column(server_default="")
