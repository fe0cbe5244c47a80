"""Submissions with passages in common, as the API writes them."""

from __future__ import annotations

from pydantic import Field

from grader.api.schemas.common import Answer, Time
from grader.domain.similarity import Comparison, PairTexts, Piece, Side, SimilarPair


class SideAnswer(Answer):
    """One of two submissions; `total` counts the fingerprints of its own."""

    submission: str
    number: int
    who: str
    file: str
    received_at: Time
    assignment: str
    course: str
    term: str
    total: int


class SimilarPairAnswer(Answer):
    id: int
    share: float = Field(description="Of the fingerprints of the text that has less of its own.", examples=[0.62])
    shared: int
    one: SideAnswer
    other: SideAnswer


class SimilarityAnswer(Answer):
    """The last comparison; `compared_at` is null where there was none."""

    compared_at: Time | None
    submissions: int
    earlier: int
    unread: int
    items: list[SimilarPairAnswer]


class PieceAnswer(Answer):
    """A file, or a cell of a notebook (from 1; 0 is a whole file), as text."""

    path: str
    cell: int
    text: str


class MatchAnswer(Answer):
    """Lines of a piece of one text (pieces from 0, lines from 1) that are in the other, too."""

    one_piece: int
    one_first: int
    one_last: int
    other_piece: int
    other_first: int
    other_last: int


class PairTextsAnswer(SimilarPairAnswer):
    one_pieces: list[PieceAnswer]
    other_pieces: list[PieceAnswer]
    matches: list[MatchAnswer]


def similarity_answer(made: Comparison | None, pairs: tuple[SimilarPair, ...]) -> SimilarityAnswer:
    return SimilarityAnswer(
        compared_at=None if made is None else made.made_at,
        submissions=0 if made is None else made.submissions,
        earlier=0 if made is None else made.earlier,
        unread=0 if made is None else made.unread,
        items=[_pair(pair) for pair in pairs],
    )


def pair_answer(texts: PairTexts) -> PairTextsAnswer:
    pair = _pair(texts.pair)
    return PairTextsAnswer(
        id=pair.id,
        share=pair.share,
        shared=pair.shared,
        one=pair.one,
        other=pair.other,
        one_pieces=[_piece(piece) for piece in texts.one],
        other_pieces=[_piece(piece) for piece in texts.other],
        matches=[MatchAnswer(**match._asdict()) for match in texts.matches],
    )


def _pair(pair: SimilarPair) -> SimilarPairAnswer:
    return SimilarPairAnswer(
        id=pair.id, share=round(pair.share, 4), shared=pair.shared, one=_side(pair.one), other=_side(pair.other)
    )


def _side(side: Side) -> SideAnswer:
    return SideAnswer(
        submission=side.submission,
        number=side.number,
        who=side.who,
        file=side.file,
        received_at=side.received_at,
        assignment=side.assignment,
        course=side.course_title,
        term=side.term,
        total=side.total,
    )


def _piece(piece: Piece) -> PieceAnswer:
    return PieceAnswer(path=piece.path, cell=piece.cell, text=piece.text)
