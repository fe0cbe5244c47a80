from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class SpecVersionRow(Base):
    """A published spec. `definition` is assignment.toml, `plan` its checks once a harness has listed them."""

    __tablename__ = "spec_versions"
    __table_args__ = (UniqueConstraint("spec_slug", "version"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    spec_slug: Mapped[str]
    version: Mapped[str]
    definition: Mapped[dict[str, Any]]
    plan: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    blob_sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class AssignmentRow(Base):
    """An assignment as one course offers it; `slug` is its address and unique over all courses."""

    __tablename__ = "assignments"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    spec_version_id: Mapped[int] = mapped_column(ForeignKey("spec_versions.id"))
    due_at: Mapped[datetime | None]
    uploads_per_day: Mapped[int] = mapped_column(server_default="20")
    counting: Mapped[str] = mapped_column(server_default="last")
    # How many days a result may be asked about; 0 takes no requests.
    regrade_days: Mapped[int] = mapped_column(server_default="7")
    # Whoever grades items by hand is not shown whose they are; students read what they were given once it is released.
    is_blind: Mapped[bool] = mapped_column(server_default=text("true"))
    items_released_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
