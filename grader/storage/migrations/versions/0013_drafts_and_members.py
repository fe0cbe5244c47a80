"""Drafts of written answers.

A new table alone. Code that does not know it keeps no drafts and clears none; what it deletes of an owner leaves their
draft behind, so retention and erasure are for new code.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("assignment_id", sa.Integer(), sa.ForeignKey("assignments.id"), primary_key=True),
        sa.Column("owner", sa.String(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("saved_by", sa.Integer(), sa.ForeignKey("people.id", ondelete="SET NULL")),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    op.create_index(op.f("ix_drafts_saved_by"), "drafts", ["saved_by"])


def downgrade() -> None:
    op.drop_table("drafts")
