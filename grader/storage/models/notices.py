from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class WebhookRow(Base):
    """An address that a course has told. `secret` signs, so it is kept as it is; `problem` says why it was disabled."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    url: Mapped[str]
    secret: Mapped[str]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    failing_since: Mapped[datetime | None]
    last_delivered_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    removed_at: Mapped[datetime | None]


class NoticeRow(Base):
    """The outbox: something that happened, written in the transaction in which it did.

    `expanded_at` is when it was handed out to its receivers. `person_id` is the one person it is for, else those whose
    work the submission is. `key` keeps what must be told once from being told again.
    """

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_new", "created_at", postgresql_where=text("expanded_at IS NULL")),
        Index(None, "course_id", "created_at"),
        Index(None, "submission_id"),
        Index(None, "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignments.id"))
    # Code that does not know this table deletes submissions and people, too.
    submission_id: Mapped[UUID | None] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id"))
    mails: Mapped[bool] = mapped_column(server_default=false())
    about: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime | None]
    expanded_at: Mapped[datetime | None]


class DeliveryRow(Base):
    """One notice to one receiver. While it waits, `not_before` is the next try, and the lease of one under way."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "not_before", postgresql_where=text("state = 'waiting'")),
        Index(None, "notice_id"),
        Index(None, "person_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id", ondelete="CASCADE"))
    channel: Mapped[str]
    webhook_id: Mapped[int | None] = mapped_column(ForeignKey("webhooks.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    until: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class MailRefusalRow(Base):
    """A person who does not want e-mail of this kind."""

    __tablename__ = "mail_refusals"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
