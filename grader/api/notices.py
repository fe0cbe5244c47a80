"""Webhooks of a course, what was delivered to whom, and which e-mails one gets."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import MayManage, MayRead, MaySubmit, NumberInPath, SlugInPath, TheServices
from grader.api.document import problems
from grader.api.schemas.common import Listed
from grader.api.schemas.notices import (
    ChangedMail,
    DeliveryAnswer,
    MailChoices,
    NewWebhook,
    StateName,
    WebhookAnswer,
    WebhookWithSecret,
    chosen_mail,
    delivery_answer,
    mail_answer,
    webhook_answer,
    webhook_with_secret,
)
from grader.service import courses, notices, webhooks

router = APIRouter(tags=["notices"])


@router.get("/courses/{course}/webhooks", responses=problems(404))
def list_webhooks(course: SlugInPath, reader: MayRead, services: TheServices) -> Listed[WebhookAnswer]:
    """Addresses that are told what happens in the course. Staff only; never with a secret."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        return Listed(items=[webhook_answer(one) for one in webhooks.listed(work, reader, found)])


@router.post("/courses/{course}/webhooks", status_code=201, responses=problems(404, 413))
def add_webhook(course: SlugInPath, body: NewWebhook, reader: MayManage, services: TheServices) -> WebhookWithSecret:
    """Tell this https address, too. The answer alone holds the secret that signs. Instructors only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        made = webhooks.register(work, reader, found, body.url, services.settings.networks)
    return webhook_with_secret(made)


@router.delete("/courses/{course}/webhooks/{webhook}", status_code=204, responses=problems(404))
def remove_webhook(course: SlugInPath, webhook: NumberInPath, reader: MayManage, services: TheServices) -> Response:
    """Tell it nothing more. Instructors only."""
    with services.database.begin() as work:
        webhooks.remove(work, reader, courses.course_of(work, reader, course), webhook)
    return Response(status_code=204)


@router.post("/courses/{course}/webhooks/{webhook}/enable", status_code=204, responses=problems(404))
def enable_webhook(course: SlugInPath, webhook: NumberInPath, reader: MayManage, services: TheServices) -> Response:
    """Tell one that was disabled again, of what happens from now on. Instructors only."""
    with services.database.begin() as work:
        webhooks.enable(work, reader, courses.course_of(work, reader, course), webhook)
    return Response(status_code=204)


@router.post("/courses/{course}/webhooks/{webhook}/test", status_code=204, responses=problems(404))
def send_test(course: SlugInPath, webhook: NumberInPath, reader: MayManage, services: TheServices) -> Response:
    """Have `webhook.test` delivered to it; the log says how that went. Instructors only."""
    with services.database.begin() as work:
        webhooks.send_test(work, reader, courses.course_of(work, reader, course), webhook)
    return Response(status_code=204)


@router.get("/courses/{course}/deliveries", responses=problems(404))
def list_deliveries(
    course: SlugInPath,
    reader: MayRead,
    services: TheServices,
    state: Literal[""] | StateName = "",
    webhook: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Listed[DeliveryAnswer]:
    """The newest deliveries to webhooks and by e-mail. Staff only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        log = notices.log(work, reader, found, state=state, webhook=webhook, limit=limit)
    return Listed(items=[delivery_answer(one) for one in log])


@router.get("/me/mail", responses=problems())
def read_mail_choices(reader: MayRead, services: TheServices) -> MailChoices:
    """Which e-mails the reader gets."""
    with services.database.begin() as work:
        return mail_answer(notices.mail_choices(work, reader))


@router.put("/me/mail", responses=problems(413))
def choose_mail(body: ChangedMail, reader: MaySubmit, services: TheServices) -> MailChoices:
    """Choose which e-mails one gets; what is left out stays."""
    with services.database.begin() as work:
        notices.choose_mail(work, reader, chosen_mail(body))
        return mail_answer(notices.mail_choices(work, reader))
