"""Sheets of submissions, for graders to look at, and their pictures. A version that does not know them goes on.

What such a version deletes takes its rows with it; what it only empties would keep them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_NOW = sa.text("clock_timestamp()")
_EMPTY = sa.text("''")


def upgrade() -> None:
    op.create_table(
        "submission_sheets",
        sa.Column("submission_id", sa.Uuid(), sa.ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("state", sa.String(), server_default="wanted", nullable=False),
        sa.Column("problem", sa.String(), server_default=_EMPTY, nullable=False),
        sa.Column("note", sa.String(), server_default=_EMPTY, nullable=False),
        sa.Column("making", sa.String(), server_default=_EMPTY, nullable=False),
        sa.Column("sheets", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("lease_id", sa.Uuid()),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("worker", sa.String()),
        sa.Column("wanted_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "ix_submission_sheets_open", "submission_sheets", ["wanted_at"],
        postgresql_where=sa.text("state in ('wanted', 'making')"),
    )  # fmt: skip
    op.create_table(
        "sheet_pictures",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column(
            "submission_id", sa.Uuid(), sa.ForeignKey("submission_sheets.submission_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("blob_sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("submission_id", "number", name=op.f("uq_sheet_pictures_submission_id_number")),
    )  # fmt: skip
    op.create_index(op.f("ix_sheet_pictures_blob_sha256"), "sheet_pictures", ["blob_sha256"])


def downgrade() -> None:
    for table in ("sheet_pictures", "submission_sheets"):
        op.drop_table(table)
