from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, text, update

from grader.domain.ids import CourseId, PersonId
from grader.domain.notices import Webhook
from grader.storage.database import Work
from grader.storage.models import PersonRow, WebhookRow


def add(work: Work, course: CourseId, *, url: str, secret: str, created_by: PersonId) -> int:
    values = {"course_id": course, "url": url, "secret": secret, "created_by": created_by}
    return int(work.session.execute(insert(WebhookRow).values(values).returning(WebhookRow.id)).scalar_one())


def listed(work: Work, course: CourseId) -> list[Webhook]:
    """Those that were not removed, oldest first, without their secrets."""
    query = (
        select(WebhookRow, PersonRow.email)
        .outerjoin(PersonRow, PersonRow.id == WebhookRow.created_by)
        .where(WebhookRow.course_id == course, WebhookRow.removed_at.is_(None))
        .order_by(WebhookRow.id)
        .execution_options(populate_existing=True)
    )
    return [_webhook(row, email) for row, email in work.session.execute(query)]


def lock(work: Work, among: Collection[int]) -> None:
    """Let one transaction at a time say how these do. Before anything about their deliveries is written."""
    if among:
        statement = text("SELECT id FROM webhooks WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
        work.session.execute(statement, {"ids": sorted(among)})


def change(work: Work, webhook: int, **values: Any) -> None:
    work.session.execute(
        update(WebhookRow).where(WebhookRow.id == webhook).values(values),
        execution_options={"synchronize_session": False},
    )


def remove(work: Work, webhook: int) -> None:
    """It is told nothing more, and its secret is gone; the log of what it was told stays."""
    change(work, webhook, removed_at=func.clock_timestamp(), secret="")


def enable(work: Work, webhook: int) -> None:
    change(work, webhook, disabled_at=None, failing_since=None, problem="")


def disable(work: Work, webhook: int, problem: str) -> None:
    change(work, webhook, disabled_at=func.clock_timestamp(), problem=problem)


def note_delivered(work: Work, webhook: int) -> None:
    change(work, webhook, failing_since=None, last_delivered_at=func.clock_timestamp())


class Failing(NamedTuple):
    """For how long a webhook has failed without a delivery between, and whether it was disabled for it before."""

    since: timedelta
    is_disabled: bool


def note_failed(work: Work, webhook: int) -> Failing:
    row = work.session.execute(
        text("""UPDATE webhooks SET failing_since = coalesce(failing_since, clock_timestamp()) WHERE id = :id
                RETURNING clock_timestamp() - failing_since, disabled_at IS NOT NULL"""),
        {"id": webhook},
    ).one()
    return Failing(row[0], row[1])


def _webhook(row: WebhookRow, email: str | None) -> Webhook:
    return Webhook(
        id=row.id, course=CourseId(row.course_id), url=row.url, created_at=row.created_at, created_by=email,
        failing_since=row.failing_since, disabled_at=row.disabled_at, problem=row.problem,
        last_delivered_at=row.last_delivered_at,
    )  # fmt: skip
