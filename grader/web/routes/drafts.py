"""Drafts of written answers: the form of an assignment kept on the server, with a script or with a button."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from grader.domain.errors import DraftChanged, GraderError, InputError
from grader.http import problems
from grader.http.services import Services
from grader.service import assignments, drafts
from grader.service.accounts import SignedIn
from grader.web.access import SlugInPath, TheCommand, TheServices
from grader.web.drafts import differing, said_of
from grader.web.errors import wants_page
from grader.web.routes.assignments import assignment_page, is_own, kept_contribution, typed_in, version_in

router = APIRouter()


@router.post("/assignments/{slug}/draft")
@router.post("/assignments/{slug}/own/draft")
def save(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Keep what is typed as the draft, or with the field `discard` let the draft go.

    A script gets `{"version", "said"}`; where somebody has saved another version 409 with `problem` and `others`
    besides: what that one has instead, by question. A browser gets the form again.
    """
    typed, own = typed_in(command.form), is_own(request, slug)
    here = f"/assignments/{slug}/own" if own else f"/assignments/{slug}"
    try:
        version = version_in(command.form)
        if command.form.is_set("discard"):
            with services.database.begin() as work:
                offered = assignments.offered(work, command.visitor.reader, slug)
                drafts.discard(work, command.visitor.reader, offered, version=version, own=own)
            return RedirectResponse(here, status_code=HTTPStatus.SEE_OTHER)
        with services.database.begin() as work:
            offered = assignments.offered(work, command.visitor.reader, slug)
            asked = services.questions.for_reader(work, services.blobs, command.visitor.reader, offered, own=own)
            drafts.save(work, command.visitor.reader, offered, asked, typed, version=version, own=own)
    except (InputError, DraftChanged) as problem:
        if wants_page(request):
            return assignment_page(
                request,
                services,
                command.visitor,
                slug,
                problem,
                typed,
                version_in(command.form),
                kept_contribution(command.form),
            )
        if not isinstance(problem, DraftChanged):
            raise
        return _kept(services, command.visitor, slug, problem, typed, own=own)
    if wants_page(request):
        return RedirectResponse(f"{here}#answers", status_code=HTTPStatus.SEE_OTHER)
    return _kept(services, command.visitor, slug, None, typed, own=own)


def _kept(
    services: Services, visitor: SignedIn, slug: str, problem: GraderError | None, typed: dict[str, str], *, own: bool
) -> Response:
    """The draft as it is now, for a script."""
    with services.database.begin() as work:
        offered = assignments.offered(work, visitor.reader, slug)
        asked = services.questions.for_reader(work, services.blobs, visitor.reader, offered, own=own)
        draft = drafts.read(work, visitor.reader, offered, asked, own=own)
    told: dict[str, object] = {"version": draft.version, "said": said_of(draft, offered.time_zone)}
    if problem is None:
        return JSONResponse(told)
    others = dict(differing(draft, typed))
    return JSONResponse(
        told | {"problem": problems.detail_of(problem), "others": others}, status_code=HTTPStatus.CONFLICT
    )
