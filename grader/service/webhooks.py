"""A course's webhooks: registered by its instructors, seen by its staff."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from grader.domain.course import Course, Reader, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.notices import NoticeKind, Webhook
from grader.formats.webhooks import SECRET_BYTES, secret_of
from grader.kit.destinations import BadDestination, Network, destination_of
from grader.service import audit
from grader.storage.database import Work
from grader.storage.repositories import courses, notices, webhooks

_MOST = 10


def register(work: Work, reader: Reader, course: Course, url: str, networks: Sequence[Network] = ()) -> Webhook:
    """A new webhook with its secret, which is shown this once. Instructors with scope manage. Audited.

    `networks` are those that may be reached though they are not public.

    Raises:
        NeedsRole, NeedsScope.
        BadRequest: the address is none that is called, or the course has as many as it may.

    """
    _require_managing(reader, course)
    try:
        destination = destination_of(url.strip(), networks)
    except BadDestination as error:
        raise BadRequest(str(error)) from error
    courses.lock(work, course.id)
    present = webhooks.listed(work, course.id)
    if len(present) >= _MOST:
        raise BadRequest(f"A course has at most {_MOST} webhooks; remove one first.")
    secret = secret_of(secrets.token_bytes(SECRET_BYTES))
    made = webhooks.add(work, course.id, url=url.strip(), secret=secret, created_by=reader.id)
    # An address may hold a secret of its receiver's, so that the trail names the host alone.
    audit.note(work, reader, "add webhook", f"course:{course.id}", f"{made}: {destination.host}")
    return replace(_found(work, course, made), secret=secret)


def listed(work: Work, reader: Reader, course: Course) -> list[Webhook]:
    """Staff with scope read; whoever is no instructor sees the host of an address alone."""
    reader.require_staff(course.id)
    reader.require_scope(Scope.READ)
    found = webhooks.listed(work, course.id)
    return found if reader.is_instructor(course.id) else [replace(one, url=_host_of(one.url)) for one in found]


def remove(work: Work, reader: Reader, course: Course, webhook: int) -> None:
    """It is told nothing more. Audited. Raises UnknownThing, NeedsRole, NeedsScope."""
    _require_managing(reader, course)
    found = _found(work, course, webhook)
    webhooks.remove(work, webhook)
    notices.give_up_all_of(work, webhook, "The webhook was removed.")
    audit.note(work, reader, "remove webhook", f"course:{course.id}", f"{webhook}: {_host_of(found.url)}")


def enable(work: Work, reader: Reader, course: Course, webhook: int) -> None:
    """Tell one that was disabled again, from now on. Audited. Raises UnknownThing, NeedsRole, NeedsScope."""
    _require_managing(reader, course)
    found = _found(work, course, webhook)
    webhooks.enable(work, webhook)
    audit.note(work, reader, "enable webhook", f"course:{course.id}", f"{webhook}: {_host_of(found.url)}")


def send_test(work: Work, reader: Reader, course: Course, webhook: int) -> None:
    """Tell this one alone something that did not happen, through the same outbox. Audited.

    Raises:
        UnknownThing, NeedsRole, NeedsScope.
        BadRequest: it is disabled.

    """
    _require_managing(reader, course)
    if _found(work, course, webhook).disabled_at is not None:
        raise BadRequest("The webhook is disabled; enable it first.")
    notices.add(work, NoticeKind.TEST, course=course.id, webhook=webhook, about={"state": "test"})
    audit.note(work, reader, "test webhook", f"course:{course.id}", str(webhook))


def _require_managing(reader: Reader, course: Course) -> None:
    reader.require_instructor(course.id)
    reader.require_scope(Scope.MANAGE)


def _found(work: Work, course: Course, webhook: int) -> Webhook:
    found = next((one for one in webhooks.listed(work, course.id) if one.id == webhook), None)
    if found is None:
        raise UnknownThing("There is no such webhook in the course.")
    return found


def _host_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}/…"
