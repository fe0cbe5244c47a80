"""Learning platforms, who people are on them, and the places that lead here. Times are the database's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from grader.domain.course import Role
from grader.domain.ids import CourseId, PersonId
from grader.domain.lti import Connection, Context, Launch, Platform, ResourceLink
from grader.storage.database import Work
from grader.storage.models import (
    LtiContextRow,
    LtiLinkRow,
    LtiNonceRow,
    LtiPersonRow,
    LtiPlatformRow,
)
from grader.storage.repositories.people import Credentials, by_id

# Longer than a launch may take.
_NONCES_KEPT = text("interval '1 day'")
_LINKS = """
    SELECT l.id, l.context_id, l.title, a.slug AS assignment, l.line_item <> '' AS takes_scores, l.stopped_at,
           l.problem,
           (SELECT count(*) FROM lti_scores s WHERE s.link_id = l.id AND s.sent_at IS NOT NULL) AS sent,
           (SELECT count(*) FROM lti_scores s WHERE s.link_id = l.id AND (s.sent_at IS NULL
                OR s.sent_score IS DISTINCT FROM s.asked_score OR s.sent_max IS DISTINCT FROM s.asked_max)) AS waiting
    FROM lti_links l JOIN lti_contexts c ON c.id = l.context_id LEFT JOIN assignments a ON a.id = l.assignment_id
    WHERE c.course_id = :course ORDER BY l.id
"""
# Made anew on the platform: it has none of the scores, and what it refused is over.
_ANOTHER_LINE_ITEM = """
    UPDATE lti_links SET refused = 0, stopped_at = NULL, problem = ''
    WHERE context_id = :context AND resource = :resource AND line_item NOT IN ('', :line_item) RETURNING id
"""
_SEND_ANEW = """
    UPDATE lti_scores SET asked_max = -1
    WHERE link_id = (SELECT id FROM lti_links WHERE context_id = :context AND resource = :resource)
"""
_CONTEXTS = """
    SELECT x.id, x.platform_id, p.name AS platform, x.title, x.course_id, c.slug AS course, w.email AS linked_by,
           x.seen_at
    FROM lti_contexts x JOIN lti_platforms p ON p.id = x.platform_id LEFT JOIN courses c ON c.id = x.course_id
    LEFT JOIN people w ON w.id = x.linked_by
    WHERE (CAST(:course AS integer) IS NULL OR x.course_id = :course)
      AND (CAST(:context AS integer) IS NULL OR x.id = :context)
    ORDER BY p.name, x.title, x.id LIMIT 500
"""


class Place(NamedTuple):
    """Where a launch comes from: the context with our course, the resource link with our assignment's slug."""

    context: int
    course: CourseId | None
    link: int
    assignment: str | None


def add(work: Work, values: Mapping[str, Any]) -> int | None:
    """The new platform's number; None when issuer and client id are registered already."""
    statement = insert(LtiPlatformRow).values(dict(values)).on_conflict_do_nothing()
    return work.session.execute(statement.returning(LtiPlatformRow.id)).scalar_one_or_none()


def change(work: Work, platform: int, values: Mapping[str, Any]) -> None:
    work.session.execute(update(LtiPlatformRow).where(LtiPlatformRow.id == platform).values(dict(values)))


def remove(work: Work, platform: int) -> None:
    """With who people are on it, its contexts, links and what it was sent."""
    work.session.execute(delete(LtiPlatformRow).where(LtiPlatformRow.id == platform))


def platforms(work: Work) -> list[Platform]:
    query = select(LtiPlatformRow).order_by(LtiPlatformRow.id).execution_options(populate_existing=True)
    return [platform_of(row) for row in work.session.scalars(query)]


def platform_of(row: LtiPlatformRow) -> Platform:
    return Platform(
        id=row.id, name=row.name, issuer=row.issuer, client_id=row.client_id, deployments=tuple(row.deployments),
        auth_url=row.auth_url, token_url=row.token_url, jwks_url=row.jwks_url, trusts_email=row.trusts_email,
        roles=frozenset(Role(role) for role in row.roles),
    )  # fmt: skip


def use_nonce(work: Work, digest: str) -> bool:
    """Whether it had not been used; now it is. Old ones are forgotten."""
    old = LtiNonceRow.at < func.clock_timestamp() - _NONCES_KEPT
    work.session.execute(delete(LtiNonceRow).where(old), execution_options={"synchronize_session": False})
    statement = insert(LtiNonceRow).values(nonce=digest).on_conflict_do_nothing().returning(LtiNonceRow.nonce)
    return work.session.execute(statement).one_or_none() is not None


def person_of(work: Work, platform: int, subject: str) -> Credentials | None:
    found = work.session.scalar(
        select(LtiPersonRow.person_id).where(LtiPersonRow.platform_id == platform, LtiPersonRow.subject == subject)
    )
    return None if found is None else by_id(work, PersonId(found))


def link_person(work: Work, platform: int, subject: str, person: PersonId, how: str) -> bool:
    """Whether neither the subject nor the person was linked on this platform."""
    values = {"platform_id": platform, "subject": subject, "person_id": person, "how": how}
    statement = insert(LtiPersonRow).values(values).on_conflict_do_nothing().returning(LtiPersonRow.person_id)
    return work.session.execute(statement).one_or_none() is not None


def connections(work: Work, person: PersonId) -> list[Connection]:
    """Oldest first."""
    query = (
        select(LtiPersonRow, LtiPlatformRow)
        .join(LtiPlatformRow, LtiPlatformRow.id == LtiPersonRow.platform_id)
        .where(LtiPersonRow.person_id == person)
        .order_by(LtiPersonRow.linked_at, LtiPersonRow.platform_id)
    )
    return [
        Connection(
            platform=platform.id, name=platform.name, issuer=platform.issuer, how=row.how, linked_at=row.linked_at
        )
        for row, platform in work.session.execute(query)
    ]  # fmt: skip


def unlink_person(work: Work, platform: int, person: PersonId) -> bool:
    """Whether the two were connected."""
    those = (LtiPersonRow.platform_id == platform, LtiPersonRow.person_id == person)
    return work.session.execute(delete(LtiPersonRow).where(*those).returning(LtiPersonRow.subject)).first() is not None


def place(work: Work, launch: Launch) -> Place:
    """Where the launch comes from, written down when it is new."""
    context = {"platform_id": launch.platform, "deployment": launch.deployment, "context": launch.context}
    about = {"title": launch.context_title, "seen_at": func.clock_timestamp()}
    found = work.session.execute(
        insert(LtiContextRow)
        .values(context | about)
        .on_conflict_do_update(index_elements=["platform_id", "deployment", "context"], set_=about)
        .returning(LtiContextRow.id, LtiContextRow.course_id)
    ).one()
    said: dict[str, Any] = {"title": launch.resource_title}
    if launch.line_item:
        said["line_item"] = launch.line_item
    place = {"context": found.id, "resource": launch.resource, "line_item": launch.line_item}
    if launch.line_item and work.session.execute(text(_ANOTHER_LINE_ITEM), place).one_or_none() is not None:
        work.session.execute(text(_SEND_ANEW), place)
    link = work.session.execute(
        insert(LtiLinkRow)
        .values(said | {"context_id": found.id, "resource": launch.resource})
        .on_conflict_do_update(index_elements=["context_id", "resource"], set_=said)
        .returning(LtiLinkRow.id, LtiLinkRow.assignment_id)
    ).one()
    slug = work.session.execute(
        text("SELECT slug FROM assignments WHERE id = :id"), {"id": link.assignment_id}
    ).scalar_one_or_none()
    course = None if found.course_id is None else CourseId(found.course_id)
    return Place(found.id, course, link.id, slug)


def contexts(work: Work, *, course: CourseId | None = None, context: int | None = None) -> list[Context]:
    rows = work.session.execute(text(_CONTEXTS), {"course": course, "context": context})
    return [
        Context(
            id=row.id, platform=row.platform_id, platform_name=row.platform, title=row.title, course=row.course,
            course_id=None if row.course_id is None else CourseId(row.course_id), linked_by=row.linked_by,
            seen_at=row.seen_at,
        )
        for row in rows
    ]  # fmt: skip


def link_context(work: Work, context: int, course: CourseId | None, by: PersonId | None) -> None:
    """Link it, or with None unlink it: its links are bound to nothing then."""
    linked_at = None if course is None else func.clock_timestamp()
    values = {"course_id": course, "linked_by": by, "linked_at": linked_at}
    work.session.execute(update(LtiContextRow).where(LtiContextRow.id == context).values(values))
    if course is None:
        statement = update(LtiLinkRow).where(LtiLinkRow.context_id == context)
        work.session.execute(statement.values(assignment_id=None, bound_by=None))


def links(work: Work, course: CourseId) -> list[ResourceLink]:
    return [
        ResourceLink(
            id=row.id, context=row.context_id, title=row.title, assignment=row.assignment,
            takes_scores=row.takes_scores, stopped_at=row.stopped_at, problem=row.problem, sent=row.sent,
            waiting=row.waiting,
        )
        for row in work.session.execute(text(_LINKS), {"course": course})
    ]  # fmt: skip


def bind(work: Work, link: int, assignment: int | None, by: PersonId | None) -> None:
    """What was sent for another assignment is forgotten: the new one's scores take its place."""
    values = {"assignment_id": assignment, "bound_by": by, "refused": 0, "stopped_at": None, "problem": ""}
    work.session.execute(update(LtiLinkRow).where(LtiLinkRow.id == link).values(values))
