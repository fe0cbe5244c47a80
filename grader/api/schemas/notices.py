"""Webhooks, deliveries and e-mail choices, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.domain.notices import Delivery, NoticeKind, Webhook

KindName = Literal[
    "submission.graded", "regrade.answered", "items.released", "assignment.due_soon", "webhook.test", "score.changed"
]  # fmt: skip
StateName = Literal["waiting", "delivered", "given_up", "dropped"]


class NewWebhook(Request):
    url: Annotated[Words, Field(max_length=500, examples=["https://example.org/hooks/grader"])]


class WebhookAnswer(Answer):
    """`url` is whole for instructors, and its host for other staff. `problem` says why it was disabled."""

    id: int
    url: str
    created_at: Time
    created_by: str | None
    last_delivered_at: Time | None
    failing_since: Time | None
    disabled_at: Time | None
    problem: str


class WebhookWithSecret(WebhookAnswer):
    """`secret` is shown this once."""

    secret: str = Field(examples=["whsec_3nQ9..."])


class DeliveryAnswer(Answer):
    """One notice to one receiver. `notice` is what a webhook reads as `webhook-id`."""

    id: str
    notice: str
    kind: KindName
    channel: Literal["webhook", "email", "lti"]
    state: StateName
    attempts: int
    problem: str
    created_at: Time
    ended_at: Time | None
    next_at: Time | None
    assignment: str | None
    submission: str | None
    webhook: int | None
    person: str | None


class MailChoices(Answer):
    """Which e-mails one gets."""

    graded: bool
    regrade_answered: bool
    items_released: bool
    due_soon: bool


class ChangedMail(Request):
    """What is left out stays as it is."""

    graded: StrictBool | None = None
    regrade_answered: StrictBool | None = None
    items_released: StrictBool | None = None
    due_soon: StrictBool | None = None


def webhook_answer(webhook: Webhook) -> WebhookAnswer:
    return WebhookAnswer(
        id=webhook.id,
        url=webhook.url,
        created_at=webhook.created_at,
        created_by=webhook.created_by,
        last_delivered_at=webhook.last_delivered_at,
        failing_since=webhook.failing_since,
        disabled_at=webhook.disabled_at,
        problem=webhook.problem,
    )


def webhook_with_secret(webhook: Webhook) -> WebhookWithSecret:
    assert webhook.secret is not None
    return WebhookWithSecret(**webhook_answer(webhook).model_dump(), secret=webhook.secret)


def delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=delivery.id,
        notice=delivery.notice,
        kind=delivery.kind.value,
        channel=delivery.channel.value,
        state=delivery.state.value,
        attempts=delivery.attempts,
        problem=delivery.problem,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at,
        next_at=delivery.next_at,
        assignment=delivery.assignment,
        submission=delivery.submission,
        webhook=delivery.webhook,
        person=delivery.person,
    )


def mail_answer(choices: dict[NoticeKind, bool]) -> MailChoices:
    return MailChoices(
        graded=choices[NoticeKind.GRADED],
        regrade_answered=choices[NoticeKind.REGRADE_ANSWERED],
        items_released=choices[NoticeKind.ITEMS_RELEASED],
        due_soon=choices[NoticeKind.DUE_SOON],
    )


def chosen_mail(changed: ChangedMail) -> dict[NoticeKind, bool]:
    given = {
        NoticeKind.GRADED: changed.graded,
        NoticeKind.REGRADE_ANSWERED: changed.regrade_answered,
        NoticeKind.ITEMS_RELEASED: changed.items_released,
        NoticeKind.DUE_SOON: changed.due_soon,
    }
    return {kind: choice for kind, choice in given.items() if choice is not None}
