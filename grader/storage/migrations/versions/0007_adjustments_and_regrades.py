"""Adjustments of checks, parts and wholes, and requests for a second look.

Older code knows of neither. Its uploads and reruns rewrite a gradebook's entry with the run's bare score: a trigger
keeps the adjusted score of the same run there. A worker of older code would end another run with its bare score, so it
is refused the stages of owners with adjustments; a newer worker takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_KEEP = """
CREATE FUNCTION keep_adjusted_score() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0007' THEN
        NEW.score := OLD.score;
        NEW.mark_value := OLD.mark_value;
        NEW.mark_label := OLD.mark_label;
    END IF;
    RETURN NEW;
END $$
"""
_ON_REFRESH = """
CREATE TRIGGER keep_adjusted_score BEFORE UPDATE OF score ON gradebook_entries
FOR EACH ROW WHEN (OLD.is_adjusted AND NEW.run_id IS NOT DISTINCT FROM OLD.run_id)
EXECUTE FUNCTION keep_adjusted_score()
"""
_REFUSE = """
CREATE FUNCTION refuse_code_without_adjustments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0007' AND EXISTS (
        SELECT FROM adjustments a WHERE a.assignment_id = NEW.assignment_id AND a.owner = NEW.owner
        AND a.withdrawn_at IS NULL
    ) THEN
        RAISE EXCEPTION 'This worker is too old for a submission with adjustments; a newer one grades it.';
    END IF;
    RETURN NEW;
END $$
"""
_ON_CLAIM = """
CREATE TRIGGER refuse_code_without_adjustments BEFORE UPDATE OF state ON run_stages
FOR EACH ROW WHEN (NEW.state = 'leased') EXECUTE FUNCTION refuse_code_without_adjustments()
"""


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False)


def _target() -> list[sa.Column[str]]:
    return [
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), server_default="", nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
    ]


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def upgrade() -> None:
    op.add_column("assignments", sa.Column("regrade_days", sa.Integer(), server_default="7", nullable=False))
    op.add_column(
        "gradebook_entries", sa.Column("is_adjusted", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _adjustments()
    _regrades()
    for statement in (_KEEP, _ON_REFRESH, _REFUSE, _ON_CLAIM):
        op.execute(statement)


def _adjustments() -> None:
    op.create_table(
        "adjustments",
        _id(),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        *_target(),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        _now("made_at"),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_adjustments_assignment_id_assignments")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_adjustments_person_id_people")),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_adjustments_made_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustments")),
    )
    op.create_index(op.f("ix_adjustments_assignment_id_owner"), "adjustments", ["assignment_id", "owner"])
    op.create_index(op.f("ix_adjustments_person_id"), "adjustments", ["person_id"])


def _regrades() -> None:
    table = "regrade_requests"
    op.create_table(
        table,
        _id(),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        *_target(),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        _now("asked_at"),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(), server_default="", nullable=False),
        sa.Column("adjustment_id", sa.Integer(), nullable=True),
        *(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
            for column, other in (
                ("assignment_id", "assignments"), ("submission_id", "submissions"), ("person_id", "people"),
                ("answered_by", "people"), ("adjustment_id", "adjustments"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )  # fmt: skip
    op.create_index(
        "uq_regrade_requests_open", table, ["assignment_id", "owner", "target", "target_id"], unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )  # fmt: skip
    op.create_index(
        op.f("ix_regrade_requests_assignment_id_state_asked_at"), table, ["assignment_id", "state", "asked_at"]
    )
    op.create_index(op.f("ix_regrade_requests_submission_id"), table, ["submission_id"])
    op.create_index(op.f("ix_regrade_requests_person_id"), table, ["person_id"])


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_code_without_adjustments ON run_stages")
    op.execute("DROP FUNCTION refuse_code_without_adjustments")
    op.execute("DROP TRIGGER keep_adjusted_score ON gradebook_entries")
    op.execute("DROP FUNCTION keep_adjusted_score")
    op.drop_table("regrade_requests")
    op.drop_table("adjustments")
    op.drop_column("gradebook_entries", "is_adjusted")
    op.drop_column("assignments", "regrade_days")
