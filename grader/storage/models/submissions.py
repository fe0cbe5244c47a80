from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.storage.models.base import Base


class SubmissionRow(Base):
    """What a student handed in once; never updated. `owner` is "p<person>" or "t<team>".

    `late_days` alone is derived: from when it came in and the due date that holds, worked out anew when that changes.
    `removed_at` is when retention let its bytes go; score and points stay.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("assignment_id", "owner", "number"),
        UniqueConstraint("assignment_id", "owner", "idempotency_key"),
        Index("ix_submissions_newest", "assignment_id", "received_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    owner: Mapped[str]
    number: Mapped[int]
    file_name: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    answers_sha256: Mapped[str | None]
    late_days: Mapped[int] = mapped_column(server_default="0")
    idempotency_key: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    removed_at: Mapped[datetime | None]
    # For the parts of a team's assignment that each member hands in alone.
    is_own: Mapped[bool] = mapped_column(server_default=text("false"))


class GradebookEntryRow(Base):
    """What counts for one person and assignment now: derived, rewritten whenever one of the owner's runs ends.

    It exists so that a gradebook reads one row per student however many submissions there are.
    """

    __tablename__ = "gradebook_entries"
    __table_args__ = (Index("ix_gradebook_entries_score", "assignment_id", "score"),)

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submissions.id"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    state: Mapped[str]
    score: Mapped[float | None]
    max_score: Mapped[float]
    mark_value: Mapped[float | None]
    mark_label: Mapped[str | None]
    late_days: Mapped[int] = mapped_column(server_default="0")
    submissions: Mapped[int] = mapped_column(server_default="0")
    # Of the late days those that the term's do not cover, and the points that they cost.
    beyond_days: Mapped[int] = mapped_column(server_default="0")
    penalty: Mapped[float] = mapped_column(server_default="0")
    is_adjusted: Mapped[bool] = mapped_column(server_default=text("false"))
    # What persons gave for items, how many wait, and the score without them: a student's, until they are released.
    items_points: Mapped[float | None]
    items_waiting: Mapped[int] = mapped_column(server_default="0")
    score_without_items: Mapped[float | None]
    given_mark: Mapped[float | None]
    # Where a team's members hand some parts in alone: what counts of theirs. The columns above are of the team's work,
    # or, before there is any, of the member's own, and then both name the same submission.
    own_submission_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("submissions.id", ondelete="SET NULL"), index=True
    )
    own_run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class OverrideRow(Base):
    """A person's change to what counts. The newest one that is not withdrawn holds; none is ever edited."""

    __tablename__ = "overrides"
    __table_args__ = (Index(None, "assignment_id", "person_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    score: Mapped[float]
    reason: Mapped[str]
    made_by: Mapped[int] = mapped_column(ForeignKey("people.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    withdrawn_at: Mapped[datetime | None]


class AuditEventRow(Base):
    """Who did what to what, and when. Only ever added to."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str] = mapped_column(server_default=text("''"))
