"""Courses, rosters, and what courses offer."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from grader.api.access import MayManage, MayRead, SlugInPath, TheServices, Words, require_admin
from grader.api.assignments import shown_assignment
from grader.api.document import problems
from grader.api.schemas.assignments import AssignmentAnswer, Offer
from grader.api.schemas.common import Listed
from grader.api.schemas.people import (
    CourseAnswer,
    MemberAnswer,
    NewCourse,
    RosterAnswer,
    course_answer,
    member_answer,
    roster_answer,
)
from grader.domain.course import Reader
from grader.domain.errors import BadRequest, UploadTooLarge
from grader.domain.grading import Counting
from grader.http.services import Services
from grader.http.specs import publish_from_folder
from grader.service import assignments, audit, courses

router = APIRouter(tags=["courses"])
# Ten thousand lines of a roster are a megabyte.
_ROSTER_BYTES = 4 * 2**20
_ROSTER_BODY = {
    "required": True,
    "content": {"text/csv": {"schema": {"type": "string"}, "example": "email,name\nada@example.org,Ada Lovelace\n"}},
}


@router.get("/courses", responses=problems())
def list_courses(reader: MayRead, services: TheServices) -> Listed[CourseAnswer]:
    """The reader's courses; all of them for an administrator."""
    with services.database.begin() as work:
        return Listed(items=[course_answer(course, reader) for course in courses.courses_for(work, reader)])


@router.post("/courses", status_code=201, responses=problems(409, 413))
def create_course(body: NewCourse, reader: MayManage, services: TheServices) -> CourseAnswer:
    """A new course. Administrators only."""
    require_admin(reader)
    with services.database.begin() as work:
        course = courses.create_course(work, slug=body.slug, title=body.title, term=body.term, time_zone=body.time_zone)
        audit.note(work, reader, "create course", f"course:{course.id}")
    return course_answer(course, reader)


@router.get("/courses/{course}/members", responses=problems(404))
def list_members(course: SlugInPath, reader: MayRead, services: TheServices) -> Listed[MemberAnswer]:
    """Who is in the course, by name. Staff only."""
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        reader.require_staff(found.id)
        return Listed(items=[member_answer(member) for member in courses.members(work, reader, found)])


@router.post(
    "/courses/{course}/roster",
    response_model=RosterAnswer,
    responses=problems(404, 413),
    openapi_extra={"requestBody": _ROSTER_BODY},
)
async def import_roster(
    request: Request,
    course: SlugInPath,
    reader: MayManage,
    services: TheServices,
    dry_run: Annotated[bool, Query(description="Only say what would change, and which lines are wrong.")] = False,
    preview: Annotated[bool, Query(description="The same as dry_run.")] = False,
    remove_missing: Annotated[bool, Query(description="Students who are not on it leave the course.")] = False,
    email_domain: Annotated[
        Words, Query(max_length=200, description="Of logins in Canvas's export that are no addresses.")
    ] = "",
) -> RosterAnswer:
    """Apply a roster: Canvas's or Gradescope's export, or CSV with a header line. Instructors only."""
    content = await _body(request)
    asked = _Asked(dry_run=dry_run or preview, remove_missing=remove_missing, email_domain=email_domain)
    return await run_in_threadpool(_import, services, reader, course, content, asked)


@router.put("/courses/{course}/assignments/{assignment}", responses=problems(404, 409, 413))
def offer_assignment(
    course: SlugInPath, assignment: SlugInPath, body: Offer, reader: MayManage, services: TheServices
) -> AssignmentAnswer:
    """Offer an assignment by a spec of the server's folder, or move it to the spec as it is now. Instructors only."""
    if not assignment:
        raise BadRequest("An assignment's slug is letters, digits, dots, dashes and underscores, at most 80 of them.")
    with services.database.begin() as work:
        found = courses.course_of(work, reader, course)
        reader.require_instructor(found.id)
        offered = assignments.offer(
            work,
            found,
            publish_from_folder(work, services.blobs, body.spec),
            slug=assignment,
            due_at=body.due_at,
            uploads_per_day=body.uploads_per_day,
            counting=None if body.counting is None else Counting(body.counting),
        )
        audit.note(work, reader, "offer assignment", f"assignment:{offered.id}", offered.spec.version)
        return shown_assignment(work, reader, offered)


class _Asked(NamedTuple):
    dry_run: bool
    remove_missing: bool
    email_domain: str


def _import(services: Services, reader: Reader, slug: str, content: bytes, asked: _Asked) -> RosterAnswer:
    with services.database.begin() as work:
        found = courses.course_of(work, reader, slug)
        file, change = courses.apply_roster(work, reader, found, content, **asked._asdict())
    return roster_answer(file, change, preview=asked.dry_run)


async def _body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _ROSTER_BYTES:
            raise UploadTooLarge(f"The roster is larger than {_ROSTER_BYTES // 2**20} MiB; send only its columns.")
        pieces.append(chunk)
    return b"".join(pieces)
