"""Fingerprints of submissions' code, and which have passages in common. A version that does not know them goes on.

What such a version deletes takes its fingerprints and pairs with it; what it only empties would keep them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("making", sa.String(), nullable=False),
        sa.Column("pieces", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("hashes", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("problem", sa.String(), server_default="", nullable=False),
        sa.Column("is_cut", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"],
            name=op.f("fk_fingerprints_submission_id_submissions"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_fingerprints")),
    )  # fmt: skip
    op.create_table(
        "comparisons",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("submissions", sa.Integer(), nullable=False),
        sa.Column("earlier", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_comparisons_assignment_id_assignments")
        ),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_comparisons")),
    )
    op.create_table(
        "similar_pairs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("one_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("shared", sa.Integer(), nullable=False),
        sa.Column("one_total", sa.Integer(), nullable=False),
        sa.Column("other_total", sa.Integer(), nullable=False),
        sa.Column("matches", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_similar_pairs_assignment_id_assignments")
        ),
        sa.ForeignKeyConstraint(
            ["one_id"], ["submissions.id"], name=op.f("fk_similar_pairs_one_id_submissions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["submissions.id"], name=op.f("fk_similar_pairs_other_id_submissions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_similar_pairs")),
        sa.UniqueConstraint(
            "assignment_id", "one_id", "other_id", name=op.f("uq_similar_pairs_assignment_id_one_id_other_id")
        ),
    )
    # A submission that goes takes its pairs with it.
    op.create_index(op.f("ix_similar_pairs_one_id"), "similar_pairs", ["one_id"])
    op.create_index(op.f("ix_similar_pairs_other_id"), "similar_pairs", ["other_id"])


def downgrade() -> None:
    for table in ("similar_pairs", "comparisons", "fingerprints"):
        op.drop_table(table)
