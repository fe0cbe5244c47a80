"""Items that persons grade, as the API writes and reads them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictBool

from grader.api.access import Words
from grader.api.schemas.common import Answer, Request, Time
from grader.domain.rubric import LARGEST, LONGEST_COMMENT, LONGEST_LABEL, Grading, RubricItem
from grader.service.gradings import ItemProgress, PieceLine, PieceOfWork
from grader.service.shown_items import ShownItem
from grader.storage.repositories.given_marks import GivenMark
from grader.storage.repositories.items import Comment

# More or less points; `false` is none, and neither is "4".
Points = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST, allow_inf_nan=False, examples=[1.5])]
CommentText = Annotated[Words, Field(max_length=LONGEST_COMMENT, examples=["Say why the edges are sharper."])]
_LARGEST_ID = 2**31 - 1


class RubricLineAnswer(Answer):
    key: str = Field(examples=["r1"])
    label: str = Field(examples=["Two different reasons"])
    points: float = Field(examples=[2.0])


class GraderAnswer(Answer):
    name: str
    graded: int


class ItemAnswer(Answer):
    """A question that persons grade, with how far they are. `points` is the most for it unless it is extra."""

    id: str = Field(examples=["II.5b.why"])
    part: str = Field(examples=["II.5b"])
    title: str
    guide: str
    points: float = Field(examples=[4.0])
    is_extra: bool
    rubric: list[RubricLineAnswer]
    total: int = Field(description="Submissions that count and have a score.", examples=[112])
    graded: int = Field(examples=[40])
    waiting: int = Field(examples=[72])
    claimed: int = Field(description="How many somebody has before them now.", examples=[2])
    graders: list[GraderAnswer]


class ItemsAnswer(Answer):
    is_blind: bool
    released_at: Time | None
    items: list[ItemAnswer]


class GradingSettings(Request):
    """What is left out stays as it is."""

    is_blind: StrictBool | None = None
    is_released: StrictBool | None = None


class NewRubricLine(Request):
    label: Annotated[Words, Field(min_length=1, max_length=LONGEST_LABEL, examples=["Two different reasons"])]
    points: Points


class ScoredAnew(Answer):
    """For how many students or teams the score was worked out anew."""

    scored_anew: int = Field(examples=[17])


class CommentAnswer(Answer):
    id: int = Field(examples=[3])
    text: str
    made_by: str


class CommentsAnswer(Answer):
    items: list[CommentAnswer]


class NewComment(Request):
    text: Annotated[CommentText, Field(min_length=1)]


class CommentMade(Answer):
    id: int = Field(examples=[3])


class PieceLineAnswer(Answer):
    """Somebody's work; `whose` is empty while grading is blind."""

    submission: str
    number: int
    whose: str = Field(examples=[""])
    graded_by: str | None
    claimed_by: str | None


class PiecesAnswer(Answer):
    items: list[PieceLineAnswer]


class GradingAnswer(Answer):
    """What a person gave. `member` is the name of the one member it is for, a number while grading is blind."""

    id: int = Field(examples=[12])
    applied: list[str] = Field(examples=[["two"]])
    free_points: float = Field(examples=[0.0])
    comment: str
    member: str | None
    made_by: str | None
    made_at: Time


class MemberAnswer(Answer):
    person: int
    name: str = Field(examples=["Member 1"])


class PieceAnswer(Answer):
    """One submission, as far as one item of it is concerned. `newest` is what a grading says it was made after."""

    submission: str
    item: str
    part: str
    number: int
    total: int
    previous: str | None
    following: str | None
    whose: str = Field(examples=[""])
    members: list[MemberAnswer]
    points: float | None
    newest: int
    gradings: list[GradingAnswer]
    earlier: list[GradingAnswer]
    claimed_by: str | None
    answers: dict[str, Any] = Field(examples=[{"I.2.words": "vertical edges"}], description="Those of the item's part.")


class AfterPiece(Request):
    after: Annotated[Words, Field(max_length=80, description="The submission to go on from.")] = ""


class NewGrading(Request):
    """It takes the place of what holds for the same people. Without `newest` it does so whatever that is."""

    applied: list[Annotated[Words, Field(max_length=80)]] = Field(
        default_factory=list, max_length=100, examples=[["two"]]
    )
    free_points: Points = 0.0
    comment: CommentText = ""
    member: Annotated[int, Field(strict=True, ge=1, le=_LARGEST_ID)] | None = None
    newest: Annotated[int, Field(strict=True, ge=0, le=_LARGEST_ID)] | None = None


class GradingMade(Answer):
    id: int = Field(examples=[12])


class AppliedLine(Answer):
    label: str
    points: float


class GradedItem(Answer):
    """What was given for an item; `points` and `graded_at` are null while it waits, `graded_by` to a student."""

    id: str
    part: str
    title: str
    points: float | None
    max_points: float
    is_extra: bool
    lines: list[AppliedLine]
    free_points: float
    comment: str
    graded_at: Time | None
    graded_by: str | None


class NewGivenMark(Request):
    """One of the marks of the course's scale that only a person gives."""

    value: Points
    reason: Annotated[Words, Field(min_length=1, max_length=1000, examples=["A loss of their own, well argued."])]
    for_member: StrictBool = False


class GivenMarkAnswer(Answer):
    """A mark that a person gave; `made_by` is null to a student."""

    value: float = Field(examples=[5.0])
    reason: str
    made_by: str | None
    made_at: Time


class GivenMarksAnswer(Answer):
    """What a person gave (null: nothing), and what they may give: value, label and the share of the points it asks."""

    given: GivenMarkAnswer | None
    possible: list[dict[str, Any]] = Field(examples=[[{"value": 5.0, "label": "creative", "share": 0.9}]])


def item_answer(one: ItemProgress) -> ItemAnswer:
    item = one.item
    return ItemAnswer(
        id=item.id,
        part=item.part,
        title=item.title,
        guide=item.guide,
        points=item.points,
        is_extra=item.is_extra,
        rubric=[line_answer(line) for line in item.rubric],
        total=one.total,
        graded=one.graded,
        waiting=one.waiting,
        claimed=one.claimed,
        graders=[GraderAnswer(name=name, graded=many) for name, many in one.by],
    )


def line_answer(line: RubricItem) -> RubricLineAnswer:
    return RubricLineAnswer(key=line.key, label=line.label, points=line.points)


def comment_answer(one: Comment) -> CommentAnswer:
    return CommentAnswer(id=one.id, text=one.text, made_by=one.made_by)


def piece_line_answer(one: PieceLine) -> PieceLineAnswer:
    return PieceLineAnswer(
        submission=one.submission,
        number=one.number,
        whose=one.whose,
        graded_by=one.graded_by,
        claimed_by=one.claimed_by,
    )


def piece_answer(piece: PieceOfWork, answers: dict[str, Any]) -> PieceAnswer:
    return PieceAnswer(
        submission=piece.submission,
        item=piece.item.id,
        part=piece.item.part,
        number=piece.number,
        total=piece.total,
        previous=piece.previous,
        following=piece.following,
        whose=piece.whose,
        members=[MemberAnswer(person=one.person, name=one.name) for one in piece.members],
        points=piece.points,
        newest=piece.newest,
        gradings=[_grading(one) for one in piece.gradings],
        earlier=[_grading(one) for one in piece.earlier],
        claimed_by=piece.claimed_by,
        answers=answers,
    )


def _grading(one: Grading) -> GradingAnswer:
    return GradingAnswer(
        id=one.id,
        applied=list(one.applied),
        free_points=one.free_points,
        comment=one.comment,
        member=one.member,
        made_by=one.made_by,
        made_at=one.made_at,
    )


def graded_item(one: ShownItem) -> GradedItem:
    return GradedItem(
        id=one.id,
        part=one.part,
        title=one.title,
        points=one.points,
        max_points=one.max_points,
        is_extra=one.is_extra,
        lines=[AppliedLine(label=label, points=points) for label, points in one.lines],
        free_points=one.free_points,
        comment=one.comment,
        graded_at=one.made_at,
        graded_by=one.made_by,
    )


def given_mark_answer(one: GivenMark | None) -> GivenMarkAnswer | None:
    if one is None:
        return None
    return GivenMarkAnswer(value=one.value, reason=one.reason, made_by=one.made_by or None, made_at=one.made_at)
