"""Items that persons grade: rubrics, comments, one question over everybody's work, and marks by persons. For staff."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from grader.answers.given import unpacked
from grader.api.access import (
    MayGrade,
    MayManage,
    MayRead,
    NumberInPath,
    SlugInPath,
    TheServices,
    UuidInPath,
    Words,
)
from grader.api.document import problems
from grader.api.schemas.items import (
    AfterPiece,
    CommentMade,
    CommentsAnswer,
    GivenMarksAnswer,
    GradingMade,
    GradingSettings,
    ItemsAnswer,
    NewComment,
    NewGivenMark,
    NewGrading,
    NewRubricLine,
    PieceAnswer,
    PiecesAnswer,
    RubricLineAnswer,
    ScoredAnew,
    comment_answer,
    given_mark_answer,
    item_answer,
    line_answer,
    piece_answer,
    piece_line_answer,
)
from grader.domain.course import Reader
from grader.domain.ids import PersonId
from grader.service import assignments, given_marks, gradings, items
from grader.service.gradings import PieceOfWork
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.database import Work

router = APIRouter(tags=["items"])
_ITEM = "/assignments/{assignment}/items/{item}"
_PIECE = _ITEM + "/pieces/{submission}"
_MARK = "/assignments/{assignment}/given-marks/{person}"
Reason = Annotated[Words, Query(min_length=1, max_length=1000)]


@router.get("/assignments/{assignment}/items", responses=problems(404))
def list_items(assignment: SlugInPath, reader: MayRead, services: TheServices) -> ItemsAnswer:
    """Every question that persons grade: its rubric, how many are done by whom, how many wait."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = gradings.progress(work, reader, offered)
    return ItemsAnswer(
        is_blind=offered.is_blind, released_at=offered.items_released_at, items=[item_answer(one) for one in found]
    )


@router.put("/assignments/{assignment}/grading", status_code=204, responses=problems(404, 413))
def set_grading(assignment: SlugInPath, body: GradingSettings, reader: MayManage, services: TheServices) -> Response:
    """Whether graders see whose work they grade, and whether students read what they were given. Instructors only."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        items.set_grading(work, reader, offered, is_blind=body.is_blind, is_released=body.is_released)
    return Response(status_code=204)


@router.post(_ITEM + "/rubric", status_code=201, responses=problems(404, 413))
def add_rubric_line(
    assignment: SlugInPath, item: SlugInPath, body: NewRubricLine, reader: MayGrade, services: TheServices
) -> RubricLineAnswer:
    """A new line of an item's rubric."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        return line_answer(items.add_line(work, reader, offered, item, label=body.label, points=body.points))


@router.put(_ITEM + "/rubric/{line}", responses=problems(404, 413))
def change_rubric_line(
    assignment: SlugInPath,
    item: SlugInPath,
    line: SlugInPath,
    body: NewRubricLine,
    reader: MayGrade,
    services: TheServices,
) -> ScoredAnew:
    """Let a line say and give something else; everybody it was applied to is scored anew."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        many = items.change_line(work, reader, offered, item, line, label=body.label, points=body.points)
    return ScoredAnew(scored_anew=many)


@router.delete(_ITEM + "/rubric/{line}", responses=problems(404))
def remove_rubric_line(
    assignment: SlugInPath, item: SlugInPath, line: SlugInPath, reader: MayGrade, services: TheServices
) -> ScoredAnew:
    """Take a line away; it gives nothing any more to those it was applied to."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        return ScoredAnew(scored_anew=items.remove_line(work, reader, offered, item, line))


@router.get(_ITEM + "/comments", responses=problems(404))
def list_comments(assignment: SlugInPath, item: SlugInPath, reader: MayRead, services: TheServices) -> CommentsAnswer:
    """What is kept to be said again of an item."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = items.comments(work, reader, offered, item)
    return CommentsAnswer(items=[comment_answer(one) for one in found])


@router.post(_ITEM + "/comments", status_code=201, responses=problems(404, 413))
def keep_comment(
    assignment: SlugInPath, item: SlugInPath, body: NewComment, reader: MayGrade, services: TheServices
) -> CommentMade:
    """Keep a comment for an item; the same words are kept once."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        return CommentMade(id=items.keep_comment(work, reader, offered, item, body.text))


@router.delete(_ITEM + "/comments/{comment}", status_code=204, responses=problems(404))
def remove_comment(
    assignment: SlugInPath, item: SlugInPath, comment: NumberInPath, reader: MayGrade, services: TheServices
) -> Response:
    """Keep a comment no longer; where it was written it stays."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        items.remove_comment(work, reader, offered, item, comment)
    return Response(status_code=204)


@router.get(_ITEM + "/pieces", responses=problems(404))
def list_work(assignment: SlugInPath, item: SlugInPath, reader: MayRead, services: TheServices) -> PiecesAnswer:
    """Everybody's work for an item, in an order that follows nothing about them."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        found = gradings.list_pieces(work, reader, offered, item)
    return PiecesAnswer(items=[piece_line_answer(one) for one in found])


@router.post(
    _ITEM + "/next",
    response_model=PieceAnswer,
    responses=problems(404, 413) | {204: {"description": "Nobody's work waits for this item."}},
)
def take_next(
    assignment: SlugInPath, item: SlugInPath, reader: MayGrade, services: TheServices, body: AfterPiece | None = None
) -> PieceAnswer | Response:
    """The next piece of work that nobody has graded, claimed for 20 minutes."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        piece = gradings.take_next(work, reader, offered, item, after="" if body is None else body.after)
    return Response(status_code=204) if piece is None else _answer(services.blobs, piece)


@router.get(_PIECE, responses=problems(404))
def read_piece(
    assignment: SlugInPath, item: SlugInPath, submission: UuidInPath, reader: MayRead, services: TheServices
) -> PieceAnswer:
    """One submission, as far as this item of it is concerned; it claims nothing."""
    with services.database.begin() as work:
        piece = _opened(work, reader, assignment, item, submission)
    return _answer(services.blobs, piece)


@router.post(_PIECE + "/gradings", status_code=201, responses=problems(404, 409, 413))
def grade_item(
    assignment: SlugInPath,
    item: SlugInPath,
    submission: UuidInPath,
    body: NewGrading,
    reader: MayGrade,
    services: TheServices,
) -> GradingMade:
    """Give what an item comes to: lines of the rubric, free points, a comment."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        made = gradings.grade(
            work, reader, offered, item, submission, applied=body.applied, free_points=body.free_points,
            comment=body.comment, member=None if body.member is None else PersonId(body.member), newest=body.newest,
        )  # fmt: skip
    return GradingMade(id=made)


@router.delete(_PIECE + "/gradings/{grading}", status_code=204, responses=problems(404))
def withdraw_grading(
    assignment: SlugInPath,
    item: SlugInPath,
    submission: UuidInPath,
    grading: NumberInPath,
    reader: MayGrade,
    services: TheServices,
    reason: Reason,
) -> Response:
    """Take a grading back: the item waits again; a member's then has what everybody was given."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        gradings.withdraw(work, reader, offered, item, submission, grading, reason=reason)
    return Response(status_code=204)


@router.get(_MARK, responses=problems(404))
def read_given_mark(
    assignment: SlugInPath, person: NumberInPath, reader: MayRead, services: TheServices
) -> GivenMarksAnswer:
    """The mark that a person gave a student, and the marks that persons may give."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        held = given_marks.held(work, reader, offered, PersonId(person))
    possible = [{"value": one.value, "label": one.label, "share": one.share} for one in given_marks.possible(offered)]
    return GivenMarksAnswer(given=given_mark_answer(held), possible=possible)


@router.put(_MARK, status_code=204, responses=problems(404, 413))
def give_mark(
    assignment: SlugInPath, person: NumberInPath, body: NewGivenMark, reader: MayGrade, services: TheServices
) -> Response:
    """Give a mark that only a person gives; for all of a team whose work it is."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        given_marks.give(
            work, reader, offered, PersonId(person), value=body.value, reason=body.reason, for_member=body.for_member
        )
    return Response(status_code=204)


@router.delete(_MARK, status_code=204, responses=problems(404))
def take_mark_back(
    assignment: SlugInPath, person: NumberInPath, reader: MayGrade, services: TheServices, reason: Reason
) -> Response:
    """Let the mark follow from the points again."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        given_marks.take_back(work, reader, offered, PersonId(person), reason=reason)
    return Response(status_code=204)


def _opened(work: Work, reader: Reader, assignment: str, item: str, submission: str) -> PieceOfWork:
    offered = assignments.offered(work, reader, assignment)
    return gradings.open_piece(work, reader, offered, item, submission)


def _answer(blobs: Blobs, piece: PieceOfWork) -> PieceAnswer:
    answers: dict[str, Any] = {}
    if piece.answers_sha256 is not None:
        try:
            answers = dict(unpacked(blobs.get(piece.answers_sha256)))
        except BlobMissing:
            # Whoever grades it by machine is told; the rest of the piece is there.
            answers = {}
    return piece_answer(piece, {name: value for name, value in answers.items() if is_of_part(name, piece.item.part)})


def is_of_part(question: str, part: str) -> bool:
    """Whether a question's answer belongs to a part, which its id begins with."""
    return question.rpartition(".")[0] == part
