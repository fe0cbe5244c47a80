"""An assignment: what to hand in, handing it in, and what was handed in."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from secrets import token_urlsafe

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from grader.answers.asked import MAX_CHARACTERS
from grader.domain.contribution import LONGEST
from grader.domain.errors import ConflictError, DraftChanged, GraderError, InputError, StorageFull
from grader.domain.grading import OfferedAssignment
from grader.domain.ids import CourseId
from grader.http import problems
from grader.http.services import Services
from grader.http.uploads import ANSWER_PREFIX, CONTRIBUTION_FIELD, DRAFT_FIELD, Typed, receive_upload
from grader.service import assignments, contributions, courses, drafts, submissions
from grader.service.accounts import SignedIn
from grader.service.late_policy import in_words
from grader.service.members import halves_of
from grader.service.submissions import SubmissionQuery
from grader.web.access import SentForm, SlugInPath, TheCommand, TheServices, TheVisitor
from grader.web.answers import answer_fields, fields_as_before, fields_by_part
from grader.web.drafts import draft_of_form
from grader.web.errors import wants_page
from grader.web.render import page
from grader.web.standing import cost_of

router = APIRouter()

_HISTORY = 50


@router.get("/assignments/{slug}")
@router.get("/assignments/{slug}/own")
def show(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The assignment as whoever looks stands to it; for staff, with the newest submissions of the course.

    Below `/own` the parts of a team's assignment that each member hands in alone; so for what follows.
    """
    return assignment_page(request, services, visitor, slug)


@router.post("/assignments/{slug}/submissions")
@router.post("/assignments/{slug}/own/submissions")
async def hand_in(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """Take an upload in, then on to its page; a script gets the page's address, or a problem document."""
    offered = await run_in_threadpool(_offered, services, visitor, slug)
    typed = Typed() if wants_page(request) else None
    try:
        receipt = await receive_upload(
            request, visitor.reader, offered, idempotency_key=None, typed=typed, own=is_own(request, slug)
        )
    except (InputError, ConflictError, StorageFull) as problem:
        if typed is None:
            raise
        # What is wrong is said beside the form, where it can be mended.
        return await run_in_threadpool(
            assignment_page, request, services, visitor, slug, problem, typed.answers, typed.draft, typed.contribution
        )
    target = f"/submissions/{receipt.id}" + ("" if receipt.is_new else "?again=1")
    if wants_page(request):
        return RedirectResponse(target, status_code=HTTPStatus.SEE_OTHER)
    return JSONResponse({"page": target, "id": receipt.id}, status_code=HTTPStatus.CREATED)


def _offered(services: Services, visitor: SignedIn, slug: str) -> OfferedAssignment:
    with services.database.begin() as work:
        return assignments.offered(work, visitor.reader, slug)


@router.post("/assignments/{slug}/answers")
@router.post("/assignments/{slug}/own/answers")
def look_at_answers(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Say of each written answer whether it can be read, and as what; nothing is kept, and nothing is judged.

    A script gets it as an object by question; a browser the page, with what was written.
    """
    visitor = command.visitor
    offered = _offered(services, visitor, slug)
    typed = typed_in(command.form)
    if wants_page(request):
        return assignment_page(request, services, visitor, slug, typed=typed, version=version_in(command.form),
            contribution=kept_contribution(command.form),
        )  # fmt: skip
    fields = answer_fields(services.questions.of(services.blobs, offered.spec), typed)
    return JSONResponse(
        {field.id: {"problem": field.problem, "read_as": field.read_as} for field in fields if field.id in typed}
    )


def is_own(request: Request, slug: str) -> bool:
    """Whether the address is of the parts that each member of a team hands in alone."""
    return request.url.path.startswith(f"/assignments/{slug}/own")


def typed_in(form: SentForm) -> dict[str, str]:
    """What a form has in the fields of questions, by question."""
    return {
        name.removeprefix(ANSWER_PREFIX): values[0][: MAX_CHARACTERS + 1]
        for name, values in form.fields.items()
        if name.startswith(ANSWER_PREFIX)
    }


def kept_contribution(form: SentForm) -> str | None:
    """What a form has in the field for who did what; None where it has no such field."""
    return form.exact(CONTRIBUTION_FIELD)[: LONGEST + 1] if CONTRIBUTION_FIELD in form.fields else None


def version_in(form: SentForm) -> int:
    """The version of the draft that a form's fields began with."""
    told = form.line(DRAFT_FIELD, limit=20)
    # What no form of ours says is the newest version of nothing.
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else -1


def assignment_page(
    request: Request,
    services: Services,
    visitor: SignedIn,
    slug: str,
    problem: GraderError | None = None,
    typed: Mapping[str, str] | None = None,
    version: int | None = None,
    contribution: str | None = None,
) -> Response:
    """The page; with what was typed into its fields (begun with this version of the draft) and why it was not taken.

    Without that the fields begin with the draft, if there is one, else with the submission before.
    """
    reader, own = visitor.reader, is_own(request, slug)
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        is_staff = reader.is_staff(CourseId(offered.course_id))
        standing = assignments.for_student(work, reader, offered, own=own)
        halves = halves_of(work, reader, offered)
        said = None if own else contributions.of_reader(work, reader, offered)
        course = courses.course_of(work, reader, offered.course_slug)
        history = submissions.list_submissions(work, reader, SubmissionQuery(assignment=slug, limit=_HISTORY))
        asked = services.questions.for_reader(work, services.blobs, reader, offered, own=own)
        draft = drafts.read(work, reader, offered, asked, own=own) if asked else None
        now = submissions.seen_at(work)
    lines = [line for line in history.lines if is_staff or halves is None or line.submission.is_own == own]
    before = lines[0].submission if lines and not is_staff else None
    # Each submission stands for itself: whoever mends the code alone would otherwise lose the answers.
    known = typed if typed is not None else draft.answers if draft is not None and draft.answers else None
    fields = answer_fields(asked, known) if known is not None else fields_as_before(services.blobs, asked, before)
    conflict = problem if isinstance(problem, DraftChanged) else None
    return page(
        request,
        "assignment.html",
        visitor=visitor,
        status=HTTPStatus.OK if problem is None else problems.status_of(type(problem)),
        assignment=offered,
        definition=offered.spec.definition,
        course=course,
        standing=standing,
        is_staff=is_staff,
        lines=lines,
        own_lines=[line for line in history.lines if line.submission.is_own],
        here=f"/assignments/{slug}{'/own' if own else ''}",
        own=own,
        halves=halves,
        who_did_what=None if said is None else said.text if contribution is None else contribution,
        has_more=bool(history.next_cursor),
        parts=fields_by_part(fields, offered.spec.definition),
        draft=draft and draft_of_form(draft, offered.time_zone, typed=typed, version=version, conflict=_said(conflict)),
        from_before=before if known is None and before is not None and any(field.value for field in fields) else None,
        is_typed=typed is not None and any(field.value for field in fields),
        late_words=in_words(offered.late),
        cost="" if is_staff else cost_of(standing),
        key=token_urlsafe(16),
        problem=_said(problem) if conflict is None else "",
        now=now,
    )


def _said(problem: GraderError | None) -> str:
    return "" if problem is None else problems.detail_of(problem)
