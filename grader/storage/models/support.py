from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class SchemaSupportRow(Base):
    """One row: the oldest code that works with this schema, by the newest migration that code knows."""

    __tablename__ = "schema_support"

    oldest_code: Mapped[str] = mapped_column(primary_key=True)
