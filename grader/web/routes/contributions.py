"""What a member says about who did what in their team."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from grader.domain.contribution import LONGEST, Stance
from grader.domain.errors import BadRequest
from grader.service import contributions, submissions
from grader.web.access import IdInPath, TheCommand, TheServices

router = APIRouter()


@router.post("/submissions/{submission}/contributions")
def say(submission: IdInPath, command: TheCommand, services: TheServices) -> Response:
    """Confirm, correct or dispute the team's paragraph; what is refused is said on a page of its own."""
    form = command.form
    about, stance = form.line("about", limit=20), form.line("stance", limit=20)
    if not (about.isascii() and about.isdecimal() and len(about) < 10) or stance not in set(Stance):
        raise BadRequest("Choose whether you confirm, correct or dispute what stands there.")
    with services.database.begin() as work:
        found = submissions.find(work, command.visitor.reader, submission)
        contributions.say(
            work, command.visitor.reader, found, about=int(about), stance=Stance(stance),
            text=form.text("text", limit=LONGEST + 1),
        )  # fmt: skip
    return RedirectResponse(f"/submissions/{submission}#who-did-what", status_code=HTTPStatus.SEE_OTHER)
