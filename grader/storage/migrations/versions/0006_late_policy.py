"""Extensions, late policies that an instructor sets, and which submission its owner chose.

Older code goes on working: it knows everybody's due date and the spec's policy alone, so give the first extension and
set the first policy when all servers and workers are new.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"


def _made() -> list[sa.Column[object]]:
    """Why, by whom and when: every table of this migration keeps it."""
    return [
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    ]


def _keys(table: str) -> list[sa.schema.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f(f"fk_{table}_assignment_id_assignments")
        ),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f(f"fk_{table}_made_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    op.create_table(
        "extensions",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extra_days", sa.Integer(), nullable=True),
        *_made(),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        *_keys("extensions"),
    )
    op.create_index(op.f("ix_extensions_assignment_id_owner"), "extensions", ["assignment_id", "owner"])
    op.create_table(
        "late_policies",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        *_made(),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        *_keys("late_policies"),
    )
    op.create_index(op.f("ix_late_policies_assignment_id"), "late_policies", ["assignment_id"])
    op.create_table(
        "choices",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        *_made(),
        *_keys("choices"),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_choices_submission_id_submissions")
        ),
    )
    op.create_index(op.f("ix_choices_assignment_id_owner"), "choices", ["assignment_id", "owner"])
    op.add_column("gradebook_entries", sa.Column("beyond_days", sa.Integer(), server_default="0", nullable=False))
    op.add_column("gradebook_entries", sa.Column("penalty", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("gradebook_entries", "penalty")
    op.drop_column("gradebook_entries", "beyond_days")
    for table in ("choices", "late_policies", "extensions"):
        op.drop_table(table)
