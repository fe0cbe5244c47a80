"""Grading by hand: how far each item is, one question over everybody's work, its rubric and comments. Staff only."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from grader.domain.course import Reader
from grader.domain.errors import BadRequest, ConflictError, GraderError, InputError
from grader.domain.ids import CourseId, PersonId
from grader.domain.rubric import LONGEST_COMMENT, LONGEST_LABEL
from grader.http import problems
from grader.http.downloads import attachment
from grader.http.services import Services
from grader.service import assignments, courses, given_marks, gradings, items, sheets, submissions
from grader.service.accounts import SignedIn
from grader.service.gradings import PieceOfWork
from grader.storage.database import Work
from grader.web.access import (
    Command,
    IdInPath,
    PersonInPath,
    SentForm,
    SlugInPath,
    TheCommand,
    TheServices,
    TheVisitor,
    Words,
    number_of,
)
from grader.web.answers import given_answers
from grader.web.code import handin_of, without_names
from grader.web.facts import claims_of
from grader.web.render import page
from grader.web.routes.gradebook import person_page
from grader.web.sheets import sheets_view

router = APIRouter()

_HERE = "/assignments/{slug}/grading"
_PIECE = _HERE + "/{item}/{submission}"
_DONE = "done"
# What is too long comes back whole, to be shortened.
_MOST_TYPED = 20_000


class Place(NamedTuple):
    """Which piece of work a page is about."""

    slug: str
    item: str
    submission: str

    @property
    def address(self) -> str:
        return f"/assignments/{self.slug}/grading/{self.item}/{self.submission}"


@router.get(_HERE)
def overview(request: Request, slug: SlugInPath, visitor: TheVisitor, services: TheServices) -> Response:
    """Every item: how many are graded by whom, how many wait; blind grading and release."""
    return _overview(request, services, visitor, slug)


@router.post(_HERE + "/settings")
def settings(request: Request, slug: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Blind or not, released or not. Instructors only."""
    form = command.form
    choices = {name: form.line(name) for name in ("is_blind", "is_released")}
    said = {name: value == "yes" for name, value in choices.items() if value in ("yes", "no")}
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, command.visitor.reader, slug)
            items.set_grading(work, command.visitor.reader, offered, **said)
    except InputError as problem:
        return _overview(request, services, command.visitor, slug, problem)
    return RedirectResponse(f"/assignments/{slug}/grading", status_code=HTTPStatus.SEE_OTHER)


@router.get(_HERE + "/{item}")
def list_work(
    request: Request, slug: SlugInPath, item: SlugInPath, visitor: TheVisitor, services: TheServices, said: Words = ""
) -> Response:
    """Everybody's work for one item."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        lines = gradings.list_pieces(work, reader, offered, item)
        found = items.find(work, offered, item)
        course = courses.course_of(work, reader, offered.course_slug)
    return page(
        request, "grading_work.html", visitor=visitor, assignment=offered, course=course, item=found, lines=lines,
        is_done=said == _DONE,
    )  # fmt: skip


@router.post(_HERE + "/{item}/next")
def take_next(slug: SlugInPath, item: SlugInPath, command: TheCommand, services: TheServices) -> Response:
    """Claim the next piece of work that nobody has graded."""
    with services.database.begin() as work:
        offered = assignments.offered(work, command.visitor.reader, slug)
        after = command.form.line("after")
        piece = gradings.take_next(work, command.visitor.reader, offered, item, after=after)
    return _to(slug, item, piece)


@router.get(_PIECE)
def show(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    visitor: TheVisitor,
    services: TheServices,
) -> Response:
    """One piece of work with its rubric, comments, and what was given. It claims nothing."""
    return _piece(request, services, visitor, Place(slug, item, submission))


@router.post(_PIECE)
def grade(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    command: TheCommand,
    services: TheServices,
) -> Response:
    """Give what the item comes to, then the next one unless the grader stays."""
    reader, form, place = command.visitor.reader, command.form, Place(slug, item, submission)
    try:
        member = form.line("member")
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            gradings.grade(
                work, reader, offered, item, submission, applied=form.lines("applied"),
                free_points=_points(form.line("free_points") or "0"), comment=form.text("comment", limit=_MOST_TYPED),
                member=PersonId(_whole(member)) if member else None,
                newest=None if member else _whole(form.line("newest") or "0"),
            )  # fmt: skip
            stays = form.line("go") == "stay"
            piece = None if stays else gradings.take_next(work, reader, offered, item, after=submission)
    except (InputError, ConflictError) as problem:
        return _piece(request, services, command.visitor, place, form=form, problem=problem)
    return RedirectResponse(place.address, status_code=HTTPStatus.SEE_OTHER) if stays else _to(slug, item, piece)


@router.post(_PIECE + "/withdraw")
def withdraw(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    command: TheCommand,
    services: TheServices,
) -> Response:
    """Take a grading back: the item waits again."""
    form, place = command.form, Place(slug, item, submission)
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, command.visitor.reader, slug)
            gradings.withdraw(
                work, command.visitor.reader, offered, item, submission, _whole(form.line("grading")),
                reason=form.text("reason"),
            )  # fmt: skip
    except InputError as problem:
        return _piece(request, services, command.visitor, place, problem=problem)
    return RedirectResponse(place.address, status_code=HTTPStatus.SEE_OTHER)


@router.post(_PIECE + "/rubric")
def change_rubric(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    command: TheCommand,
    services: TheServices,
) -> Response:
    """A line added, changed or removed; the page comes back with what was typed into it."""
    return _changed(request, services, command, Place(slug, item, submission), _change_rubric)


@router.post(_PIECE + "/comments")
def change_comments(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    command: TheCommand,
    services: TheServices,
) -> Response:
    """The comment that was typed kept for the item, or one that is kept removed."""
    return _changed(request, services, command, Place(slug, item, submission), _change_comments)


@router.get(_PIECE + "/code")
def code(
    request: Request,
    slug: SlugInPath,
    item: SlugInPath,
    submission: IdInPath,
    visitor: TheVisitor,
    services: TheServices,
) -> Response:
    """What was handed in, as on the page of a submission; while grading is blind without names of files."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        piece = gradings.open_piece(work, reader, offered, item, submission)
        found = submissions.find(work, reader, submission)
        run = submissions.latest_run(work, reader, found)
    handin = handin_of(
        found.file, services.blobs.get(found.kept_sha256()), offered.spec.definition, claims_of(run.facts)
    )
    return page(
        request, "grading_code.html", visitor=visitor, assignment=offered, piece=piece,
        handin=without_names(handin) if offered.is_blind else handin, address=Place(slug, item, submission).address,
        size_bytes=found.size_bytes,
    )  # fmt: skip


@router.get(_PIECE + "/file")
def file(
    slug: SlugInPath, item: SlugInPath, submission: IdInPath, visitor: TheVisitor, services: TheServices
) -> Response:
    """The bytes that were handed in; while grading is blind under a name that says nothing."""
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        piece = gradings.open_piece(work, reader, offered, item, submission)
        found = submissions.find(work, reader, submission)
    suffix = found.file.rpartition(".")[2] if "." in found.file else "bin"
    name = f"work-{piece.number}.{suffix}" if offered.is_blind else found.file
    return attachment(name, services.blobs.get(found.kept_sha256()))


@router.post("/assignments/{slug}/people/{person}/mark")
def give_mark(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    """A mark that only a person gives."""
    form, reader = command.form, command.visitor.reader
    try:
        value = number_of(form.line("value"), "the mark as a number, such as 5")
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            given_marks.give(
                work, reader, offered, PersonId(person), value=value, reason=form.text("reason"),
                for_member=form.is_set("for_member"),
            )  # fmt: skip
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, PersonId(person), problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


@router.post("/assignments/{slug}/people/{person}/mark/take-back")
def take_mark_back(
    request: Request, slug: SlugInPath, person: PersonInPath, command: TheCommand, services: TheServices
) -> Response:
    """Let the mark follow from the points again."""
    reader = command.visitor.reader
    try:
        with services.database.begin() as work:
            offered = assignments.offered(work, reader, slug)
            given_marks.take_back(work, reader, offered, PersonId(person), reason=command.form.text("reason"))
    except InputError as problem:
        return person_page(request, services, command.visitor, slug, PersonId(person), problem)
    return RedirectResponse(f"/assignments/{slug}/people/{person}", status_code=HTTPStatus.SEE_OTHER)


def _change_rubric(work: Work, reader: Reader, place: Place, form: SentForm) -> str:
    offered = assignments.offered(work, reader, place.slug)
    if key := form.line("remove"):
        many = items.remove_line(work, reader, offered, place.item, key)
        return f"The line is removed; {many} scored anew."
    key = form.line("change")
    label, points = form.text(f"label:{key}", limit=LONGEST_LABEL), _points(form.line(f"points:{key}"))
    if key:
        many = items.change_line(work, reader, offered, place.item, key, label=label, points=points)
        return f"The line is changed; {many} scored anew."
    items.add_line(work, reader, offered, place.item, label=label, points=points)
    return "The line is added."


def _change_comments(work: Work, reader: Reader, place: Place, form: SentForm) -> str:
    offered = assignments.offered(work, reader, place.slug)
    if comment := form.line("forget"):
        items.remove_comment(work, reader, offered, place.item, _whole(comment))
        return "The comment is kept no longer."
    items.keep_comment(work, reader, offered, place.item, form.text("comment", limit=_MOST_TYPED))
    return "The comment is kept."


def _changed(request: Request, services: Services, command: Command, place: Place, change: object) -> Response:
    assert callable(change)
    try:
        with services.database.begin() as work:
            said = str(change(work, command.visitor.reader, place, command.form))
    except InputError as problem:
        return _piece(request, services, command.visitor, place, form=command.form, problem=problem)
    return _piece(request, services, command.visitor, place, form=command.form, said=said)


def _to(slug: str, item: str, piece: PieceOfWork | None) -> Response:
    """To the piece of work that was claimed; without one, to the list, which says that all is done."""
    address = f"/assignments/{slug}/grading/{item}"
    where = f"{address}?said={_DONE}" if piece is None else f"{address}/{piece.submission}"
    return RedirectResponse(where, status_code=HTTPStatus.SEE_OTHER)


def _overview(
    request: Request, services: Services, visitor: SignedIn, slug: str, problem: GraderError | None = None
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, slug)
        found = gradings.progress(work, reader, offered)
        trail = items.trail(work, reader, offered)
        course = courses.course_of(work, reader, offered.course_slug)
    return page(
        request, "grading.html", visitor=visitor, status=_status(problem), assignment=offered, course=course,
        items=found, trail=trail, is_instructor=reader.is_instructor(CourseId(offered.course_id)),
        problem=_detail(problem),
    )  # fmt: skip


def _piece(
    request: Request,
    services: Services,
    visitor: SignedIn,
    place: Place,
    *,
    form: SentForm | None = None,
    problem: GraderError | None = None,
    said: str = "",
) -> Response:
    reader = visitor.reader
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, place.slug)
        piece = gradings.open_piece(work, reader, offered, place.item, place.submission)
        kept = items.comments(work, reader, offered, place.item)
        course = courses.course_of(work, reader, offered.course_slug)
        found = submissions.find(work, reader, place.submission)
        made = sheets.of_submission(work, reader, found)
    asked = services.questions.of(services.blobs, offered.spec)
    answers = [
        one
        for one in given_answers(services.blobs, asked, found)
        if one.id.rpartition(".")[0] == piece.item.part or one.id == piece.item.id
    ]
    held = piece.held
    typed = form is not None
    return page(
        request, "grading_item.html", visitor=visitor, status=_status(problem), assignment=offered, course=course,
        piece=piece, comments=kept, answers=answers, address=place.address, submission=found.id,
        applied=set(form.lines("applied")) if form else set(held.applied if held else ()),
        free_points=form.line("free_points") if form else _plain(held.free_points) if held else "",
        comment=form.text("comment", limit=_MOST_TYPED) if form else held.comment if held else "",
        member=form.line("member") if form else "", typed=typed, longest=LONGEST_COMMENT, problem=_detail(problem),
        said=said, view=sheets_view(made, offered.spec.definition, item=place.item, is_blind=offered.is_blind),
    )  # fmt: skip


def _plain(points: float) -> str:
    return f"{points:g}" if points else ""


def _points(written: str) -> float:
    return number_of(written, "points as a number, such as 1.5 or -2")


def _whole(written: str) -> int:
    # Written by our own pages; whoever writes something else gets a sentence.
    if not (written.isascii() and written.isdecimal() and len(written) <= 9):
        raise BadRequest("The form cannot be read; load the page again and repeat.")
    return int(written)


def _status(problem: GraderError | None) -> int:
    return HTTPStatus.OK if problem is None else problems.status_of(type(problem))


def _detail(problem: GraderError | None) -> str:
    return "" if problem is None else problems.detail_of(problem)
