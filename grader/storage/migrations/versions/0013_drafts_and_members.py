"""Drafts of written answers; parts that each member of a team hands in alone; who did what in a team.

Older code keeps no drafts and clears none; what it deletes of an owner leaves their draft behind, so retention and
erasure are for new code. It judges and counts everything as one, so a worker of it is refused the stages of runs that
judge some parts alone; a newer one takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"


_REFUSE = """
CREATE FUNCTION refuse_code_without_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0013' AND EXISTS (
        SELECT FROM runs r WHERE r.id = NEW.run_id AND r.parts IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'This worker is too old for a run of some parts alone; a newer one grades it.';
    END IF;
    RETURN NEW;
END $$
"""
_ON_CLAIM = """
CREATE TRIGGER refuse_code_without_parts BEFORE UPDATE OF state ON run_stages
FOR EACH ROW WHEN (NEW.state = 'leased') EXECUTE FUNCTION refuse_code_without_parts()
"""


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
    op.add_column("submissions", sa.Column("is_own", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("runs", sa.Column("parts", postgresql.JSONB()))
    for name, table in (("own_submission_id", "submissions"), ("own_run_id", "runs")):
        reference = sa.ForeignKey(f"{table}.id", ondelete="SET NULL")
        op.add_column("gradebook_entries", sa.Column(name, sa.Uuid(), reference))
        op.create_index(op.f(f"ix_gradebook_entries_{name}"), "gradebook_entries", [name])
    op.create_table(
        "contributions",
        sa.Column("id", sa.Integer(), sa.Identity(), primary_key=True),
        sa.Column("assignment_id", sa.Integer(), sa.ForeignKey("assignments.id"), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="SET NULL")),
        sa.Column("stance", sa.String(), nullable=False),
        sa.Column("about_id", sa.Integer(), sa.ForeignKey("contributions.id", ondelete="CASCADE")),
        sa.Column("text", sa.String(), server_default="", nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    op.create_index(op.f("ix_contributions_assignment_id_owner"), "contributions", ["assignment_id", "owner"])
    op.create_index(op.f("ix_contributions_person_id"), "contributions", ["person_id"])
    op.create_index(op.f("ix_contributions_about_id"), "contributions", ["about_id"])
    op.execute(_REFUSE)
    op.execute(_ON_CLAIM)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_code_without_parts ON run_stages")
    op.execute("DROP FUNCTION refuse_code_without_parts")
    op.drop_table("contributions")
    for name in ("own_run_id", "own_submission_id"):
        op.drop_column("gradebook_entries", name)
    op.drop_column("runs", "parts")
    op.drop_column("submissions", "is_own")
    op.drop_table("drafts")
