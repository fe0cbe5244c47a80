"""Drafts of written answers: the reader's own or their team's, and nobody else's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.api.access import MayRead, MaySubmit, Own, SlugInPath, TheServices
from grader.api.document import problems
from grader.api.schemas.drafts import DraftAnswer, NewDraft, draft_answer
from grader.service import assignments, drafts

router = APIRouter(tags=["assignments"])


@router.get("/assignments/{assignment}/draft", responses=problems(404))
def read_draft(assignment: SlugInPath, reader: MayRead, services: TheServices, own: Own = False) -> DraftAnswer:
    """What the reader, or their team, has written and not handed in. It is never graded, and staff do not see it."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        asked = services.questions.for_reader(work, services.blobs, reader, offered, own=own)
        return draft_answer(drafts.read(work, reader, offered, asked, own=own), asked)


@router.put("/assignments/{assignment}/draft", responses=problems(404, 409, 413))
def save_draft(
    assignment: SlugInPath, body: NewDraft, reader: MaySubmit, services: TheServices, own: Own = False
) -> DraftAnswer:
    """Keep this draft, unless somebody has saved another version than the one it began from."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        asked = services.questions.for_reader(work, services.blobs, reader, offered, own=own)
        saved = drafts.save(work, reader, offered, asked, body.answers, version=body.version, own=own)
    return draft_answer(saved, asked)


@router.delete("/assignments/{assignment}/draft", status_code=204, responses=problems(404, 409))
def discard_draft(
    assignment: SlugInPath,
    reader: MaySubmit,
    services: TheServices,
    version: Annotated[int, Query(ge=0, le=2**31 - 1, description="The version that is to go.")],
    own: Own = False,
) -> Response:
    """Let the draft go, unless somebody has saved another version."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        drafts.discard(work, reader, offered, version=version, own=own)
    return Response(status_code=204)
