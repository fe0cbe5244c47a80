"""Trials of a spec version, their runs, and results that were reused instead of being run again.

Older code takes a trial's run for any other. So a worker of it is refused a trial's stages, and what it would write
into the gradebook of a trial's run is left out by a trigger, whoever writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_KEEP = """
CREATE FUNCTION keep_trials_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM runs WHERE id = NEW.run_id AND is_trial) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$
"""
_ON_WRITE = """
CREATE TRIGGER keep_trials_out BEFORE INSERT OR UPDATE OF run_id ON gradebook_entries
FOR EACH ROW EXECUTE FUNCTION keep_trials_out()
"""
_REFUSE = """
CREATE FUNCTION refuse_code_without_trials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0012'
       AND EXISTS (SELECT FROM runs WHERE id = NEW.run_id AND is_trial) THEN
        RAISE EXCEPTION 'This worker is too old for the run of a trial; a newer one grades it.';
    END IF;
    RETURN NEW;
END $$
"""
_ON_CLAIM = """
CREATE TRIGGER refuse_code_without_trials BEFORE UPDATE OF state ON run_stages
FOR EACH ROW WHEN (NEW.state = 'leased' AND NEW.priority > 1) EXECUTE FUNCTION refuse_code_without_trials()
"""


def upgrade() -> None:
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("spec_version_id", sa.Integer(), nullable=False),
        sa.Column("before_version_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("begun_by", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.String(), server_default="", nullable=False),
        *(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_trials_{column}_{other}"))
            for column, other in (
                ("assignment_id", "assignments"), ("spec_version_id", "spec_versions"),
                ("before_version_id", "spec_versions"), ("begun_by", "people"), ("ended_by", "people"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
    )  # fmt: skip
    op.create_index(
        "uq_trials_open", "trials", ["assignment_id"], unique=True, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index(op.f("ix_trials_assignment_id_id"), "trials", ["assignment_id", "id"])
    op.add_column("runs", sa.Column("trial_id", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("is_trial", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("runs", sa.Column("reuse_from", sa.Uuid(), nullable=True))
    # There is nothing yet that could break it, so no row needs to be read.
    op.create_foreign_key(
        op.f("fk_runs_trial_id_trials"), "runs", "trials", ["trial_id"], ["id"], postgresql_not_valid=True
    )
    op.create_index("ix_runs_trial", "runs", ["trial_id"], postgresql_where=sa.text("trial_id IS NOT NULL"))
    op.add_column("check_results", sa.Column("reused_from", sa.Uuid(), nullable=True))
    for statement in (_KEEP, _ON_WRITE, _REFUSE, _ON_CLAIM):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_code_without_trials ON run_stages")
    op.execute("DROP FUNCTION refuse_code_without_trials")
    op.execute("DROP TRIGGER keep_trials_out ON gradebook_entries")
    op.execute("DROP FUNCTION keep_trials_out")
    op.drop_column("check_results", "reused_from")
    op.drop_index("ix_runs_trial", table_name="runs")
    op.drop_constraint(op.f("fk_runs_trial_id_trials"), "runs", type_="foreignkey")
    for column in ("reuse_from", "is_trial", "trial_id"):
        op.drop_column("runs", column)
    op.drop_table("trials")
