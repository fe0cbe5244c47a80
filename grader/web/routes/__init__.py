"""Every page's address."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.routes import (
    assignments,
    contributions,
    courses,
    drafts,
    gradebook,
    grading,
    home,
    items,
    late,
    lti,
    lti_places,
    notices,
    regrades,
    sheets,
    sign_in,
    similarity,
    submissions,
    tokens,
    trials,
)

router = APIRouter(include_in_schema=False)
_NOUNS = (
    sign_in, home, assignments, drafts, submissions, grading, gradebook, items, late, regrades, similarity, courses,
    notices, tokens, trials, sheets, lti, lti_places, contributions,
)  # fmt: skip
for part in _NOUNS:
    router.include_router(part.router)
