"""Webhooks, the outbox of notices, their deliveries, and who wants no e-mail.

New tables alone. Code that does not know them writes no notices and delivers none; what it deletes takes its own along.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_NOW = sa.text("clock_timestamp()")
_EMPTY = sa.text("''")


def _time(name: str, *, needed: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed, server_default=_NOW if needed else None)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), sa.Identity(), primary_key=True),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("courses.id"), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_by", sa.Integer(), sa.ForeignKey("people.id", ondelete="SET NULL")),
        _time("created_at", needed=True),
        _time("failing_since"),
        _time("last_delivered_at"),
        _time("disabled_at"),
        sa.Column("problem", sa.String(), server_default=_EMPTY, nullable=False),
        _time("removed_at"),
    )
    op.create_index(op.f("ix_webhooks_course_id"), "webhooks", ["course_id"])
    _notices()
    _deliveries()
    op.create_table(
        "mail_refusals",
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("courses.id"), nullable=False),
        sa.Column("assignment_id", sa.Integer(), sa.ForeignKey("assignments.id")),
        sa.Column("submission_id", sa.Uuid(), sa.ForeignKey("submissions.id", ondelete="CASCADE")),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE")),
        sa.Column("webhook_id", sa.Integer(), sa.ForeignKey("webhooks.id")),
        sa.Column("mails", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("about", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("key", sa.String(), unique=True),
        _time("created_at", needed=True),
        _time("expires_at"),
        _time("expanded_at"),
    )
    op.create_index("ix_notices_new", "notices", ["created_at"], postgresql_where=sa.text("expanded_at IS NULL"))
    op.create_index(op.f("ix_notices_course_id_created_at"), "notices", ["course_id", "created_at"])
    op.create_index(op.f("ix_notices_submission_id"), "notices", ["submission_id"])
    op.create_index(op.f("ix_notices_person_id"), "notices", ["person_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("notice_id", sa.Uuid(), sa.ForeignKey("notices.id", ondelete="CASCADE"), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), sa.ForeignKey("webhooks.id")),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("people.id", ondelete="CASCADE")),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.String(), server_default=_EMPTY, nullable=False),
        _time("created_at", needed=True),
        _time("not_before", needed=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        _time("ended_at"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["not_before"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(op.f("ix_deliveries_notice_id"), "deliveries", ["notice_id"])
    op.create_index(op.f("ix_deliveries_person_id"), "deliveries", ["person_id"])


def downgrade() -> None:
    for table in ("mail_refusals", "deliveries", "notices", "webhooks"):
        op.drop_table(table)
