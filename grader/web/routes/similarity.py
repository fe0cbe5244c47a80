"""Which submissions have passages in common, and two of them side by side. Staff only; who looks is noted."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from grader.service import assignments, courses, similarity, submissions
from grader.web.access import NumberInPath, SlugInPath, TheServices, TheVisitor
from grader.web.render import page
from grader.web.similarity import beside

router = APIRouter()


@router.get("/assignments/{slug}/similarity")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The pairs of the last comparison, the greatest share first."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        comparison, pairs = similarity.overview(work, reader, offered)
        now = submissions.seen_at(work)
    return page(
        request,
        "similarity.html",
        visitor=visitor,
        assignment=offered,
        course=course,
        comparison=comparison,
        pairs=pairs,
        now=now,
    )


@router.get("/assignments/{slug}/similarity/{pair}")
def show_pair(
    request: Request, slug: SlugInPath, pair: NumberInPath, visitor: TheVisitor, services: TheServices
) -> Response:
    """Two submissions side by side."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        course = courses.course_of(work, reader, offered.course_slug)
        texts = similarity.pair(work, reader, offered, pair)
    return page(
        request,
        "similar_pair.html",
        visitor=visitor,
        assignment=offered,
        course=course,
        pair=texts.pair,
        beside=beside(texts),
    )
