"""LTI 1.3: platforms, who somebody is on them, contexts, resource links, scores that were sent.

The migration only adds: code before it knows none of these tables. It cannot read deliveries of scores, of which there
are none before a platform is registered and a resource link bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
# The oldest code (by the newest migration it knows) that works with the schema this makes.
oldest_code: str = "0001"

_EMPTY = sa.text("''")
_NOW = sa.text("clock_timestamp()")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), sa.Identity(), primary_key=True)


def _person(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), sa.ForeignKey("people.id", ondelete="SET NULL"))


def _words(name: str, *, empty: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False, server_default=_EMPTY if empty else None)


def _of(name: str, table: str, *, is_key: bool = False) -> sa.Column[int]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Integer(), target, primary_key=is_key, nullable=False)


def _time(name: str, *, needed: bool = False) -> sa.Column[object]:
    default = _NOW if needed else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not needed, server_default=default)


def upgrade() -> None:
    op.create_table(
        "lti_platforms",
        _id(),
        *map(_words, ("name", "issuer", "client_id", "auth_url", "token_url", "jwks_url")),
        sa.Column("deployments", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("trusts_email", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.String()), nullable=False),
        _person("created_by"),
        _time("created_at", needed=True),
        sa.UniqueConstraint("issuer", "client_id", name=op.f("uq_lti_platforms_issuer_client_id")),
    )
    op.create_table(
        "lti_people",
        _of("platform_id", "lti_platforms", is_key=True),
        sa.Column("subject", sa.String(), primary_key=True),
        _of("person_id", "people"),
        _words("how"),
        _time("linked_at", needed=True),
        sa.UniqueConstraint("platform_id", "person_id", name=op.f("uq_lti_people_platform_id_person_id")),
    )
    op.create_index(op.f("ix_lti_people_person_id"), "lti_people", ["person_id"])
    _places()
    op.create_table(
        "lti_scores",
        _of("link_id", "lti_links", is_key=True),
        _of("person_id", "people", is_key=True),
        sa.Column("asked_score", sa.Float()),
        sa.Column("asked_max", sa.Float(), nullable=False),
        sa.Column("sent_score", sa.Float()),
        sa.Column("sent_max", sa.Float()),
        _time("sent_at"),
    )
    op.create_index(op.f("ix_lti_scores_person_id"), "lti_scores", ["person_id"])
    op.create_table("lti_nonces", sa.Column("nonce", sa.String(), primary_key=True), _time("at", needed=True))
    op.create_index(op.f("ix_lti_nonces_at"), "lti_nonces", ["at"])


def _places() -> None:
    op.create_table(
        "lti_contexts",
        _id(),
        _of("platform_id", "lti_platforms"),
        _words("deployment"),
        _words("context"),
        _words("title", empty=True),
        sa.Column("course_id", sa.Integer(), sa.ForeignKey("courses.id")),
        _person("linked_by"),
        _time("linked_at"),
        _time("seen_at", needed=True),
        sa.UniqueConstraint(
            "platform_id", "deployment", "context", name=op.f("uq_lti_contexts_platform_id_deployment_context")
        ),
    )
    op.create_index(op.f("ix_lti_contexts_course_id"), "lti_contexts", ["course_id"])
    op.create_table(
        "lti_links",
        _id(),
        _of("context_id", "lti_contexts"),
        _words("resource"),
        _words("title", empty=True),
        _words("line_item", empty=True),
        sa.Column("assignment_id", sa.Integer(), sa.ForeignKey("assignments.id")),
        _person("bound_by"),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        _time("stopped_at"),
        _words("problem", empty=True),
        sa.UniqueConstraint("context_id", "resource", name=op.f("uq_lti_links_context_id_resource")),
    )
    op.create_index(op.f("ix_lti_links_assignment_id"), "lti_links", ["assignment_id"])


def downgrade() -> None:
    for table in ("lti_nonces", "lti_scores", "lti_links", "lti_contexts", "lti_people", "lti_platforms"):
        op.drop_table(table)
