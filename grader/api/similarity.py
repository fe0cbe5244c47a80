"""Submissions with passages in common. For staff; who looks is noted."""

from __future__ import annotations

from fastapi import APIRouter

from grader.api.access import MayRead, NumberInPath, SlugInPath, TheServices
from grader.api.document import problems
from grader.api.schemas.similarity import PairTextsAnswer, SimilarityAnswer, pair_answer, similarity_answer
from grader.service import assignments, similarity

router = APIRouter(tags=["similarity"])


@router.get("/assignments/{assignment}/similarity", responses=problems(404))
def read_similarity(assignment: SlugInPath, reader: MayRead, services: TheServices) -> SimilarityAnswer:
    """The last comparison and its pairs in courses where the reader is staff, the greatest share first."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        return similarity_answer(*similarity.overview(work, reader, offered))


@router.get("/assignments/{assignment}/similarity/{pair}", responses=problems(404))
def read_pair(assignment: SlugInPath, pair: NumberInPath, reader: MayRead, services: TheServices) -> PairTextsAnswer:
    """Both texts, and where they have passages in common."""
    with services.database.begin() as work:
        offered = assignments.offered(work, reader, assignment)
        return pair_answer(similarity.pair(work, reader, offered, pair))
