from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, String, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class LtiPlatformRow(Base):
    """A learning platform; `roles` are those that it may give."""

    __tablename__ = "lti_platforms"
    __table_args__ = (UniqueConstraint("issuer", "client_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    issuer: Mapped[str]
    client_id: Mapped[str]
    deployments: Mapped[list[str]] = mapped_column(ARRAY(String))
    auth_url: Mapped[str]
    token_url: Mapped[str]
    jwks_url: Mapped[str]
    trusts_email: Mapped[bool] = mapped_column(server_default=false())
    roles: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class LtiPersonRow(Base):
    """Who somebody is on a platform: `subject` is its name for them, and `how` we came to know."""

    __tablename__ = "lti_people"
    __table_args__ = (UniqueConstraint("platform_id", "person_id"), Index(None, "person_id"))

    platform_id: Mapped[int] = mapped_column(ForeignKey("lti_platforms.id", ondelete="CASCADE"), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    how: Mapped[str]
    linked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class LtiContextRow(Base):
    """A course on a platform, and ours that it is linked to."""

    __tablename__ = "lti_contexts"
    __table_args__ = (UniqueConstraint("platform_id", "deployment", "context"), Index(None, "course_id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    platform_id: Mapped[int] = mapped_column(ForeignKey("lti_platforms.id", ondelete="CASCADE"))
    deployment: Mapped[str]
    context: Mapped[str]
    title: Mapped[str] = mapped_column(server_default=text("''"))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"))
    linked_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    linked_at: Mapped[datetime | None]
    seen_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class LtiLinkRow(Base):
    """A resource link, and the assignment it is bound to. `refused` counts scores refused in a row."""

    __tablename__ = "lti_links"
    __table_args__ = (UniqueConstraint("context_id", "resource"), Index(None, "assignment_id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey("lti_contexts.id", ondelete="CASCADE"))
    resource: Mapped[str]
    title: Mapped[str] = mapped_column(server_default=text("''"))
    line_item: Mapped[str] = mapped_column(server_default=text("''"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    bound_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    refused: Mapped[int] = mapped_column(server_default="0")
    stopped_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(server_default=text("''"))


class LtiScoreRow(Base):
    """What a platform was told for one person; `asked_*` is the newest that was put into the outbox.

    `sent_at` is the timestamp that went along: a platform takes no score with one that is not later.
    """

    __tablename__ = "lti_scores"
    __table_args__ = (Index(None, "person_id"),)

    link_id: Mapped[int] = mapped_column(ForeignKey("lti_links.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    asked_score: Mapped[float | None]
    asked_max: Mapped[float]
    sent_score: Mapped[float | None]
    sent_max: Mapped[float | None]
    sent_at: Mapped[datetime | None]


class LtiNonceRow(Base):
    """A launch that came: its nonce is good once."""

    __tablename__ = "lti_nonces"
    __table_args__ = (Index(None, "at"),)

    nonce: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
