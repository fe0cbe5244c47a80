"""Written answers: what `questions.toml` accepts, and whether a student's answer is one of them.

The invariant: an answer comes from the sandbox, so it is text, a number or a list and nothing else; it is read by our
own parsers, under caps, and never evaluated. A message never holds an accepted answer, only how the given one was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from grader.answers.arrays import Cell, UnreadableArray, array_of, fits, shape_of
from grader.answers.asked import AskedQuestion, Number, exact, misfit, number_of, polynomial_of, read_as
from grader.answers.formulas import UnreadableFormula, equal
from grader.domain.errors import BadSpec
from grader.kit.text import one_line
from grader.kit.toml import BadToml, parsed


class Alternative(BaseModel):
    """One accepted answer; `convention` says which reading of the question it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    answer: int | float | str | list[Any]
    convention: str = ""


class Question(AskedQuestion):
    """One `[[question]]` of `questions.toml`.

    `accept` takes plain answers, tables of `answer` and `convention`, or one table from convention to answer.
    `tolerance` is relative for numbers above 1 and absolute below. For formulas, `given` replaces variables by numbers
    on both sides (K = 3), `at` lists settings for which a plain number is accepted too, and `variables` adds spellings.
    For text, each accepted answer is a regular expression, matched against the whole answer without case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    accept: Annotated[tuple[Alternative, ...], Field(min_length=1)]
    tolerance: float = Field(default=0.0, ge=0)
    hint: str = ""
    at: tuple[dict[str, Number], ...] = ()

    @field_validator("accept", mode="before")
    @classmethod
    def _alternatives(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return [{"answer": answer, "convention": convention} for convention, answer in value.items()]
        if isinstance(value, list):
            return [item if isinstance(item, dict) else {"answer": item} for item in value]
        return value

    @model_validator(mode="after")
    def _accepts_its_own_answers(self) -> Self:
        for alternative in self.accept:
            try:
                if self.kind == "text":
                    re.compile(str(alternative.answer))
                elif not _READERS[self.kind](self, alternative.answer, alternative.answer):
                    raise ValueError(f"{alternative.answer!r} does not accept itself")
            except (UnreadableFormula, UnreadableArray, re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"{alternative.answer!r} cannot be read: {error}") from error
        return self


class Verdict(NamedTuple):
    """Whether an answer is accepted, with a sentence for the student."""

    ok: bool
    message: str


def load_questions(path: Path) -> dict[str, Question]:
    """The questions of a spec by id.

    Raises:
        BadSpec: the file cannot be read, or an accepted answer of its own is not one.

    """
    try:
        tables = parsed(path.read_text(encoding="utf-8"))
        questions = [Question.model_validate(table) for table in tables.get("question", [])]
    except (OSError, UnicodeDecodeError, BadToml, TypeError) as error:
        raise BadSpec(f"{path} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "question"
        raise BadSpec(f"{path}: {one_line(str(error.title))} {where}: {first['msg']}.") from error
    known = {question.id: question for question in questions}
    if not questions or len(known) != len(questions) or set(tables) != {"question"}:
        raise BadSpec(f"{path} needs [[question]] tables and nothing else, each with an id of its own.")
    return known


def accepts(question: Question, given: Any) -> Verdict:
    """Whether `given`, as it came from the sandbox, is one of the accepted answers."""
    name = one_line(question.id, limit=80)
    if problem := misfit(question, given):
        return Verdict(False, f"The answer to {name} {problem}.")
    for alternative in question.accept:
        if _READERS[question.kind](question, alternative.answer, given):
            counted = f" ({alternative.convention})" if alternative.convention else ""
            return Verdict(True, f"The answer to {name} is right{counted}.")
    # A slip of writing must not be taken for one of thinking.
    read = f" It was read as {found}." if (found := read_as(question, given)) else ""
    hint = f" Hint: {question.hint}" if question.hint else ""
    return Verdict(False, f"The answer to {name} is not right.{read}{hint}")


def _near(question: Question, wanted: Fraction, given: Fraction) -> bool:
    return abs(wanted - given) <= Fraction(repr(question.tolerance)) * max(Fraction(1), abs(wanted))


def _formula(question: Question, wanted: Any, given: Any) -> bool:
    ours, theirs = polynomial_of(question, wanted), polynomial_of(question, given)
    if equal(ours, theirs):
        return True
    settings = [ours.at(exact(setting)) for setting in question.at] if theirs.is_constant else []
    return any(setting.is_constant and _near(question, setting.value, theirs.value) for setting in settings)


def _number(question: Question, wanted: Any, given: Any) -> bool:
    return _near(question, number_of(question, wanted), number_of(question, given))


def _shape(_: Question, wanted: Any, given: Any) -> bool:
    return shape_of(wanted) == shape_of(given)


def _tensor(question: Question, wanted: Any, given: Any) -> bool:
    def near(ours: Cell, theirs: Cell) -> bool:
        if isinstance(ours, str) or isinstance(theirs, str):
            return ours == theirs
        return _near(question, ours, theirs)

    return fits(array_of(wanted), array_of(given), near)


def _text(_: Question, wanted: Any, given: Any) -> bool:
    said = " ".join(given.split()) if isinstance(given, str) else str(given)
    return re.fullmatch(str(wanted), said, re.IGNORECASE) is not None


_READERS: dict[str, Callable[[Question, Any, Any], bool]] = {
    "number": _number, "formula": _formula, "shape": _shape, "tensor": _tensor, "text": _text,
}  # fmt: skip
