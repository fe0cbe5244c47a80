"""Items graded by persons: rubrics, gradings, who has what before them, kept comments, and marks that persons give.

Older code knows none of them. What it rewrites of a gradebook's entry would be the score without them: a trigger keeps
the score of the same run there. A worker of older code would end another run without them, so it is refused the stages
of owners with gradings or given marks; a newer worker takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_NOW = sa.text("clock_timestamp()")
_KEEP = """
CREATE FUNCTION keep_graded_score() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0010' THEN
        NEW.score := OLD.score;
        NEW.max_score := OLD.max_score;
        NEW.mark_value := OLD.mark_value;
        NEW.mark_label := OLD.mark_label;
    END IF;
    RETURN NEW;
END $$
"""
_ON_REFRESH = """
CREATE TRIGGER keep_graded_score BEFORE UPDATE OF score ON gradebook_entries
FOR EACH ROW WHEN ((OLD.items_points IS NOT NULL OR OLD.given_mark IS NOT NULL)
                   AND NEW.run_id IS NOT DISTINCT FROM OLD.run_id)
EXECUTE FUNCTION keep_graded_score()
"""
_REFUSE = """
CREATE FUNCTION refuse_code_without_gradings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('grader.code', true), '') < '0010' AND (EXISTS (
        SELECT FROM gradings g JOIN submissions s ON s.id = g.submission_id
        WHERE s.assignment_id = NEW.assignment_id AND s.owner = NEW.owner AND g.withdrawn_at IS NULL
    ) OR EXISTS (
        SELECT FROM given_marks m WHERE m.assignment_id = NEW.assignment_id AND m.owner = NEW.owner
        AND m.withdrawn_at IS NULL
    )) THEN
        RAISE EXCEPTION 'This worker is too old for a submission that a person graded; a newer one grades it.';
    END IF;
    RETURN NEW;
END $$
"""
_ON_CLAIM = """
CREATE TRIGGER refuse_code_without_gradings BEFORE UPDATE OF state ON run_stages
FOR EACH ROW WHEN (NEW.state = 'leased') EXECUTE FUNCTION refuse_code_without_gradings()
"""


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), sa.Identity(), primary_key=True)


def _assignment() -> sa.Column[int]:
    return sa.Column("assignment_id", sa.Integer(), sa.ForeignKey("assignments.id"), nullable=False)


def _submission(*, key: bool = False) -> sa.Column[object]:
    return sa.Column("submission_id", sa.Uuid(), sa.ForeignKey("submissions.id"), primary_key=key, nullable=False)


def _person(name: str = "made_by", *, needed: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), sa.ForeignKey("people.id"), nullable=not needed)


def _words(name: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(), server_default=default, nullable=False)


def _time(name: str, *, needed: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed, server_default=_NOW if needed else None)


def upgrade() -> None:
    _tables()
    op.add_column("assignments", sa.Column("is_blind", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("assignments", _time("items_released_at"))
    for name in ("items_points", "score_without_items", "given_mark"):
        op.add_column("gradebook_entries", sa.Column(name, sa.Double(), nullable=True))
    op.add_column("gradebook_entries", sa.Column("items_waiting", sa.Integer(), server_default="0", nullable=False))
    for statement in (_KEEP, _ON_REFRESH, _REFUSE, _ON_CLAIM):
        op.execute(statement)


def _tables() -> None:
    op.create_table(
        "rubric_items",
        _id(), _assignment(), _words("item"), _words("key"), _words("label"),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("is_removed", sa.Boolean(), server_default=sa.false(), nullable=False),
        _person(), _time("made_at", needed=True),
    )  # fmt: skip
    op.create_index(op.f("ix_rubric_items_assignment_id_item_key"), "rubric_items", ["assignment_id", "item", "key"])
    op.create_table(
        "gradings",
        _id(), _assignment(), _submission(), _words("item"), _person("person_id", needed=False),
        sa.Column("applied", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("free_points", sa.Double(), server_default="0", nullable=False),
        _words("comment", default=""), _person(), _time("made_at", needed=True), _time("withdrawn_at"),
    )  # fmt: skip
    op.create_index(op.f("ix_gradings_submission_id_item"), "gradings", ["submission_id", "item"])
    op.create_index(op.f("ix_gradings_assignment_id_item"), "gradings", ["assignment_id", "item"])
    op.create_index(op.f("ix_gradings_person_id"), "gradings", ["person_id"])
    op.create_table(
        "grading_claims",
        _submission(key=True), sa.Column("item", sa.String(), primary_key=True), _person("person_id"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )  # fmt: skip
    op.create_index(op.f("ix_grading_claims_person_id"), "grading_claims", ["person_id"])
    op.create_table(
        "comment_bank",
        _id(), _assignment(), _words("item"), _words("text"), _person(), _time("made_at", needed=True),
        _time("removed_at"),
    )  # fmt: skip
    op.create_index(op.f("ix_comment_bank_assignment_id_item"), "comment_bank", ["assignment_id", "item"])
    op.create_table(
        "given_marks",
        _id(), _assignment(), _words("owner"), _person("person_id", needed=False),
        sa.Column("value", sa.Double(), nullable=False), _words("reason"), _person(),
        _time("made_at", needed=True), _time("withdrawn_at"),
    )  # fmt: skip
    op.create_index(op.f("ix_given_marks_assignment_id_owner"), "given_marks", ["assignment_id", "owner"])
    op.create_index(op.f("ix_given_marks_person_id"), "given_marks", ["person_id"])


def downgrade() -> None:
    op.execute("DROP TRIGGER refuse_code_without_gradings ON run_stages")
    op.execute("DROP TRIGGER keep_graded_score ON gradebook_entries")
    op.execute("DROP FUNCTION refuse_code_without_gradings()")
    op.execute("DROP FUNCTION keep_graded_score()")
    for name in ("items_points", "score_without_items", "given_mark", "items_waiting"):
        op.drop_column("gradebook_entries", name)
    op.drop_column("assignments", "items_released_at")
    op.drop_column("assignments", "is_blind")
    for table in ("given_marks", "comment_bank", "grading_claims", "gradings", "rubric_items"):
        op.drop_table(table)
