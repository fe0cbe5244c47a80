"""Every page's address."""

from __future__ import annotations

from fastapi import APIRouter

from grader.web.routes import assignments, courses, gradebook, grading, home, notices, sign_in, submissions, tokens

router = APIRouter(include_in_schema=False)
for part in (sign_in, home, assignments, submissions, grading, gradebook, courses, notices, tokens):
    router.include_router(part.router)
