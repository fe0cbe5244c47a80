"""Who did what in a team: read by the team and staff, confirmed, corrected or disputed by each member."""

from __future__ import annotations

from fastapi import APIRouter

from grader.api.access import MayRead, MaySubmit, TheServices, UuidInPath
from grader.api.document import problems
from grader.api.schemas.contributions import ContributionsAnswer, NewWord, contributions_answer
from grader.service import contributions, submissions

router = APIRouter(tags=["submissions"])


@router.get("/submissions/{submission}/contributions", responses=problems(404))
def read_contributions(submission: UuidInPath, reader: MayRead, services: TheServices) -> ContributionsAnswer:
    """The team's paragraph that holds now, and what each member says about it."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        return contributions_answer(contributions.of_submission(work, reader, found))


@router.post("/submissions/{submission}/contributions", status_code=201, responses=problems(404, 409, 413))
def say(submission: UuidInPath, body: NewWord, reader: MaySubmit, services: TheServices) -> ContributionsAnswer:
    """Confirm, correct or dispute the paragraph, as a member of the team; the newest word of each holds."""
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        said = contributions.say(work, reader, found, about=body.about, stance=body.as_stance(), text=body.text)
    return contributions_answer(said)
