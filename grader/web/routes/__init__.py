"""Every page's address."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.routes import (
    assignments,
    courses,
    gradebook,
    grading,
    home,
    items,
    late,
    notices,
    regrades,
    sign_in,
    similarity,
    submissions,
    tokens,
)

router = APIRouter(include_in_schema=False)
_NOUNS = (
    sign_in, home, assignments, submissions, grading, gradebook, items, late, regrades, similarity, courses, notices,
    tokens,
)  # fmt: skip
for part in _NOUNS:
    router.include_router(part.router)
