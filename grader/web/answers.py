"""Written answers laid out for templates: the fields of an assignment's questions, and what a submission holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from grader.answers.asked import AskedQuestion, read_as
from grader.answers.given import as_written, problem_of, tidied, unpacked
from grader.domain.assignment import Assignment
from grader.domain.submission import Submission
from grader.storage.blobs import BlobMissing, Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerField:
    """A question's field. `anchor` is its id in the page; `problem` says why what is written cannot be read."""

    id: str
    anchor: str
    title: str
    kind: str
    wanted: str
    names: tuple[str, ...]
    value: str
    problem: str
    read_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfForm:
    """The fields of one part of the assignment; `title` is empty for questions that belong to none."""

    id: str
    title: str
    fields: tuple[AnswerField, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    id: str
    title: str
    value: str


def answer_fields(asked: Sequence[AskedQuestion], typed: Mapping[str, str]) -> list[AnswerField]:
    """A field for each question, with what was written and what can be said of its form."""
    return [_field(number, question, typed.get(question.id, "")) for number, question in enumerate(asked, 1)]


def fields_as_before(blobs: Blobs, asked: Sequence[AskedQuestion], before: Submission | None) -> list[AnswerField]:
    """A field for each question, with what the submission before held."""
    given = {} if before is None or not asked else _answers(blobs, before)
    return answer_fields(asked, {name: as_written(value) for name, value in given.items()})


def fields_by_part(fields: Sequence[AnswerField], definition: Assignment) -> list[PartOfForm]:
    """The fields in their order, under the parts that their ids begin with."""
    titles = {str(part.id): part.title for part in definition.part}
    grouped = groupby(fields, key=lambda field: field.id.rpartition(".")[0])
    return [PartOfForm(id=part, title=titles.get(part, ""), fields=tuple(group)) for part, group in grouped]


def given_answers(blobs: Blobs, asked: Sequence[AskedQuestion], submission: Submission) -> list[GivenAnswer]:
    """What came beside the submission's file, in the order of the questions."""
    titles = {question.id: question.title for question in asked}
    given = _answers(blobs, submission)
    ordered = [name for name in titles if name in given] + [name for name in given if name not in titles]
    return [GivenAnswer(id=name, title=titles.get(name, ""), value=as_written(given[name])) for name in ordered]


def _answers(blobs: Blobs, submission: Submission) -> Mapping[str, object]:
    if submission.answers_sha256 is None:
        return {}
    try:
        return unpacked(blobs.get(submission.answers_sha256))
    except BlobMissing:
        # The page shows the rest; whoever grades the submission is told.
        return {}


def _field(number: int, question: AskedQuestion, value: str) -> AnswerField:
    problem, kept = problem_of(question, value), tidied(value)
    read = read_as(question, kept) if kept and not problem else ""
    return AnswerField(
        id=question.id,
        anchor=f"answer-{number}",
        title=question.title,
        kind=question.kind,
        wanted=question.wanted,
        names=question.names if question.kind == "formula" else (),
        value=value,
        problem=problem,
        read_as=read,
    )
