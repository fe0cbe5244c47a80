"""Everything under /api: the endpoints of /api/v1, their document, and a page to read it."""

from __future__ import annotations

from fastapi import APIRouter

from grader.api import (
    adjustments,
    assignments,
    contributions,
    courses,
    drafts,
    events,
    gradebook,
    health,
    items,
    late,
    lti,
    notices,
    people,
    reference,
    regrades,
    sheets,
    similarity,
    submissions,
    trials,
)
from grader.http.edge import API_PREFIX

router = APIRouter()
for _noun in (
    notices,
    lti,
    people,
    assignments,
    drafts,
    submissions,
    sheets,
    contributions,
    events,
    gradebook,
    late,
    adjustments,
    items,
    regrades,
    similarity,
    trials,
    courses,
    health,
):
    router.include_router(_noun.router, prefix=API_PREFIX)
router.include_router(reference.router, include_in_schema=False)
# Where whoever runs the service looks first.
router.include_router(health.router, include_in_schema=False)
