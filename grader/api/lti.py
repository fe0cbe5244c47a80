"""Learning platforms (LTI 1.3), and what of a course they lead to. A launch itself is no matter of the API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from grader.api.access import MayManage, MayRead, NumberInPath, SlugInPath, TheServices
from grader.api.document import problems
from grader.api.schemas.common import Listed
from grader.api.schemas.lti import (
    Binding,
    ConnectionAnswer,
    ContextAnswer,
    LinkAnswer,
    LinkedCourse,
    NewPlatform,
    PlatformAnswer,
    Resent,
    connection_answer,
    context_answer,
    link_answer,
    platform_answer,
    registration_of,
)
from grader.domain.errors import NeedsRole
from grader.domain.ids import PersonId
from grader.service import courses
from grader.service.lti import connections, launches, links, platforms, scores

router = APIRouter(tags=["learning platforms"])


@router.get("/lti/platforms", responses=problems())
def list_platforms(reader: MayRead, services: TheServices) -> Listed[PlatformAnswer]:
    """Learning platforms from which people may come. Administrators only."""
    with services.database.begin() as work:
        return Listed(items=[platform_answer(one) for one in platforms.listed(work, reader)])


@router.post("/lti/platforms", status_code=201, responses=problems(409, 413))
def register_platform(body: NewPlatform, reader: MayManage, services: TheServices) -> PlatformAnswer:
    """Let people come from this platform, too. Administrators only."""
    with services.database.begin() as work:
        made = platforms.register(work, reader, registration_of(body), services.settings.networks)
    return platform_answer(made)


@router.put("/lti/platforms/{platform}", responses=problems(404, 413))
def change_platform(
    platform: NumberInPath, body: NewPlatform, reader: MayManage, services: TheServices
) -> PlatformAnswer:
    """Say anew what a platform is; its issuer and client id stay. Administrators only."""
    with services.database.begin() as work:
        changed = platforms.change(work, reader, platform, registration_of(body), services.settings.networks)
    return platform_answer(changed)


@router.delete("/lti/platforms/{platform}", status_code=204, responses=problems(404))
def remove_platform(platform: NumberInPath, reader: MayManage, services: TheServices) -> Response:
    """Forget a platform, with who people are on it and what it was sent. Administrators only."""
    with services.database.begin() as work:
        platforms.remove(work, reader, platform)
    return Response(status_code=204)


@router.delete("/lti/platforms/{platform}/people/{person}", status_code=204, responses=problems(404))
def disconnect_person(
    platform: NumberInPath, person: NumberInPath, reader: MayManage, services: TheServices
) -> Response:
    """Let a platform know somebody no more. Oneself, or administrators."""
    with services.database.begin() as work:
        connections.disconnect(work, reader, platform, PersonId(person))
    return Response(status_code=204)


@router.get("/me/platforms", responses=problems())
def list_connections(reader: MayRead, services: TheServices) -> Listed[ConnectionAnswer]:
    """Learning platforms from which the reader may come."""
    with services.database.begin() as work:
        return Listed(items=[connection_answer(one) for one in connections.mine(work, reader)])


@router.get("/lti/contexts", responses=problems())
def list_contexts(reader: MayRead, services: TheServices) -> Listed[ContextAnswer]:
    """Courses on platforms from which somebody came. Administrators only."""
    if not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this.")
    with services.database.begin() as work:
        return Listed(items=[context_answer(one) for one in links.all_contexts(work, reader)])


@router.put("/lti/contexts/{context}/course", status_code=204, responses=problems(404, 413))
def link_context(context: NumberInPath, body: LinkedCourse, reader: MayManage, services: TheServices) -> Response:
    """Link a platform's course to ours, or with null to none. Administrators only."""
    with services.database.begin() as work:
        launches.link_by_admin(work, reader, context, body.course or "")
    return Response(status_code=204)


@router.get("/courses/{course}/lti", responses=problems(404))
def list_links(course: SlugInPath, reader: MayRead, services: TheServices) -> Listed[LinkAnswer]:
    """Links on platforms that lead into the course, and how their scores do. Staff only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        return Listed(items=[link_answer(one) for one in links.listed(work, reader, found)])


@router.put("/courses/{course}/lti/links/{link}", status_code=204, responses=problems(404, 413))
def bind_link(
    course: SlugInPath, link: NumberInPath, body: Binding, reader: MayManage, services: TheServices
) -> Response:
    """Let a link lead to this assignment, or with null to none. Instructors only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        links.bind(work, reader, found, link, body.assignment or "")
    return Response(status_code=204)


@router.post("/courses/{course}/lti/resend", responses=problems(404))
def resend_scores(course: SlugInPath, reader: MayManage, services: TheServices) -> Resent:
    """Send every released score of the course once more, to links that were stopped, too. Instructors only."""
    with services.database.begin() as work:
        return Resent(students=scores.resend(work, reader, courses.course_of(work, reader, course)))
