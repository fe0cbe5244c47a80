"""The first page: my assignments, and the courses I teach."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from grader.domain.course import Course, Reader
from grader.domain.ids import CourseId
from grader.service import assignments, courses, gradebook, submissions
from grader.storage.database import Work
from grader.web.access import TheServices, TheVisitor
from grader.web.render import page

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtCourse:
    """A course of mine as staff; counts are over its assignments."""

    course: Course
    assignments: int
    students: int
    waiting: int
    failed: int


@router.get("/")
def show(request: Request, visitor: TheVisitor, services: TheServices) -> Response:
    """Assignments that still take submissions first, the soonest due on top; then the others, newest first."""
    reader = visitor.reader
    with services.database.begin() as work:
        mine = courses.courses_for(work, reader)
        standings = [
            assignments.for_student(work, reader, offered)
            for offered in assignments.offered_for(work, reader)
            if not reader.is_staff(CourseId(offered.course_id))
        ]
        taught = [_taught(work, reader, course) for course in mine if reader.is_staff(course.id)]
        now = submissions.seen_at(work)
    return page(
        request,
        "home.html",
        visitor=visitor,
        open_ones=[standing for standing in standings if standing.is_open],
        closed_ones=[standing for standing in reversed(standings) if not standing.is_open],
        courses={course.slug: course for course in mine},
        taught=taught,
        now=now,
    )


def _taught(work: Work, reader: Reader, course: Course) -> TaughtCourse:
    counts = gradebook.course_overview(work, reader, course).values()
    return TaughtCourse(
        course=course,
        assignments=len(counts),
        students=max((_number(line["students"]) for line in counts), default=0),
        waiting=sum(_number(line["waiting"]) for line in counts),
        failed=sum(_number(line["failed"]) for line in counts),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
