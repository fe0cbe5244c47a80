"""A submission: its receipt, its checks as they come in, its bytes, the pictures beside its checks."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from grader.domain.course import Reader, Role
from grader.domain.errors import NotYours
from grader.domain.grading import GradingRun, OfferedAssignment, QueuePlace
from grader.domain.ids import ArtifactId
from grader.domain.submission import Submission
from grader.http.downloads import attachment
from grader.service import (
    adjustments,
    assignments,
    audit,
    choices,
    contributions,
    courses,
    lateness,
    progress,
    regrades,
    submissions,
    visibility,
)
from grader.service.adjustments import Adjusted
from grader.service.regrades import Asking, RegradeQuery
from grader.service.submissions import SubmissionLine, SubmissionQuery
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.database import Work
from grader.web import charts
from grader.web.access import IdInPath, TheServices, TheVisitor, Words
from grader.web.answers import given_answers
from grader.web.card import Card, card_of
from grader.web.facts import claims_of, notes_of
from grader.web.render import page
from grader.web.standing import charged_words

router = APIRouter()

_STUDENT = "student"
_LARGEST_CURVE_BYTES = 1_000_000
_AS_PICTURE, _AS_JSON = "image/png", "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A submission as one reader sees it. `withheld` holds ids of checks whose results are kept back.

    `asking` says what of it the reader may ask about, `late` what it cost in late days, in words.
    """

    submission: Submission
    offered: OfferedAssignment
    run: GradingRun
    withheld: frozenset[str]
    place: QueuePlace | None
    version: int
    late: str
    adjusted: Adjusted
    asking: Asking

    def card(self, blobs: Blobs) -> Card:
        """Laid out; reads curves from the blob store, so call it when the transaction is over."""
        return card_of(
            self.run,
            self.offered.spec.definition,
            withheld=self.withheld,
            curves=_curves(blobs, self.run),
            place=self.place,
            adjusted=self.adjusted,
        )


@router.get("/submissions/{submission}")
def show(
    request: Request,
    submission: IdInPath,
    visitor: TheVisitor,
    services: TheServices,
    view: Words = "",
    again: Words = "",
) -> Response:
    """Everything about one submission; `view=student` shows staff what its student sees."""
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        is_staff = reader.is_staff(found.course_id) and view != _STUDENT
        seen = shown(work, reader if is_staff else _eyes(reader, found), found)
        course = courses.course_of(work, reader, seen.offered.course_slug)
        history = lines_of(work, reader, found)
        eyes = reader if is_staff else _eyes(reader, found)
        asked_about = regrades.list_requests(work, eyes, RegradeQuery(submission=found.id, limit=200)).requests
        line = submissions.line_of(work, reader, found)
        runs = submissions.runs_of(work, reader, found) if is_staff else []
        trail = audit.trail(work, reader, f"submission:{found.id}") if is_staff else []
        may_choose = choices.may_choose(work, reader, seen.offered)
        is_chosen = choices.chosen(work, seen.offered, found.owner) == found.id
        said = contributions.of_submission(work, eyes, found)
        now = submissions.seen_at(work)
    asked = services.questions.of(services.blobs, seen.offered.spec)
    return page(
        request,
        "submission.html",
        visitor=visitor,
        shown=seen,
        submission=found,
        definition=seen.offered.spec.definition,
        card=seen.card(services.blobs),
        course=course,
        line=line,
        history=history,
        requests=asked_about,
        is_staff=is_staff,
        as_student=reader.is_staff(found.course_id) and not is_staff,
        runs=runs,
        stage_notes=notes_of(seen.run.facts),
        claims=claims_of(seen.run.facts),
        trail=trail,
        may_choose=may_choose,
        is_chosen=is_chosen,
        answers=given_answers(services.blobs, asked, found),
        contributions=said,
        again=bool(again),
        now=now,
    )


@router.get("/submissions/{submission}/card")
def card(
    request: Request, submission: IdInPath, visitor: TheVisitor, services: TheServices, view: Words = ""
) -> Response:
    """The part of the page that changes while the submission is graded."""
    reader = visitor.reader
    with services.database.begin() as work:
        found = submissions.find(work, reader, submission)
        is_staff = reader.is_staff(found.course_id) and view != _STUDENT
        seen = shown(work, reader if is_staff else _eyes(reader, found), found)
        course = courses.course_of(work, reader, seen.offered.course_slug)
    return page(
        request,
        "card.html",
        visitor=visitor,
        shown=seen,
        submission=found,
        definition=seen.offered.spec.definition,
        card=seen.card(services.blobs),
        course=course,
        is_staff=is_staff,
    )


@router.get("/submissions/{submission}/receipt")
def receipt(request: Request, submission: IdInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """A page to print: what was handed in, by whom, when."""
    with services.database.begin() as work:
        found = submissions.find(work, visitor.reader, submission)
        offered = assignments.offered(work, visitor.reader, found.assignment)
        course = courses.course_of(work, visitor.reader, offered.course_slug)
        late = _late(work, visitor.reader, found, offered)
    return page(
        request, "receipt.html", visitor=visitor, submission=found, assignment=offered, course=course, late=late
    )


@router.get("/submissions/{submission}/file")
def file(submission: IdInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """The bytes that were handed in, exactly."""
    with services.database.begin() as work:
        found = submissions.find(work, visitor.reader, submission)
    return attachment(found.file, services.blobs.get(found.kept_sha256()))


@router.get("/artifacts/{artifact}")
def artifact(artifact: IdInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """A picture or a curve beside a check's message."""
    if not artifact:
        raise NotYours
    with services.database.begin() as work:
        kind, sha256 = submissions.artifact_for(work, visitor.reader, artifact)
    # Bytes under an id never change, and a card that is fetched again asks for its pictures again.
    headers = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}
    media_type = _AS_PICTURE if kind == "picture" else _AS_JSON
    return Response(services.blobs.get(sha256), media_type=media_type, headers=headers)


def shown(work: Work, reader: Reader, found: Submission) -> Shown:
    """The submission with its newest run, cut to what this reader may see."""
    offered = submissions.offered_to_owner(work, reader, found)
    run = submissions.latest_run(work, reader, found)
    now = submissions.seen_at(work)
    return Shown(
        submission=found,
        offered=offered,
        run=run,
        withheld=frozenset(
            str(check.id) for check in run.plan if not visibility.may_see_check(run, check.id, offered, reader, now)
        ),
        place=progress.queue_place(work, reader, found),
        version=progress.version_of(work, found.id),
        late=_late(work, reader, found, offered),
        adjusted=adjustments.shown_with(work, reader, offered, found, run),
        asking=regrades.asking(work, reader, offered, found, run),
    )


def _late(work: Work, reader: Reader, found: Submission, offered: OfferedAssignment) -> str:
    """In words, what it cost the reader; for staff, whoever handed it in."""
    if not found.late_days:
        return ""
    person = found.person.id if reader.is_staff(found.course_id) else reader.id
    return charged_words(lateness.charge_of(work, person, found.course_id, found.id), offered.late)


def lines_of(work: Work, reader: Reader, found: Submission) -> list[SubmissionLine]:
    """What the same student handed in for the same assignment, newest first."""
    # A student's own list holds the team's too; the staff's list would hold everybody's.
    person = found.person.id if reader.is_staff(found.course_id) else None
    query = SubmissionQuery(assignment=found.assignment, person=person, limit=200)
    return list(submissions.list_submissions(work, reader, query).lines)


def _eyes(reader: Reader, found: Submission) -> Reader:
    """The reader, or for staff who look as the student does, somebody who is only a student of the course."""
    if not reader.is_staff(found.course_id):
        return reader
    return Reader(person=found.person, roles={found.course_id: Role.STUDENT}, scopes=reader.scopes)


def _curves(blobs: Blobs, run: GradingRun) -> dict[ArtifactId, charts.Curve]:
    curves: dict[ArtifactId, charts.Curve] = {}
    for kept in run.artifacts:
        if kept.kind != "curve" or kept.size_bytes > _LARGEST_CURVE_BYTES:
            continue
        try:
            drawn = charts.curve(kept.title, blobs.get(kept.sha256))
        except BlobMissing:
            continue
        if drawn is not None:
            curves[kept.id] = drawn
    return curves
