"""Written answers: what `questions.toml` accepts, and whether a student's answer is one of them.

The invariant: an answer comes from the sandbox, so it is text, a number or a list and nothing else; it is read by our
own parsers, under caps, and never evaluated. A message never holds an accepted answer, only how the given one was read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from grader.domain.errors import BadSpec
from grader.engine.harness.arrays import Cell, UnreadableArray, array_of, fits, shape_of
from grader.engine.harness.formulas import Polynomial, UnreadableFormula, equal, parse
from grader.kit.text import one_line

_MAX_TEXT = 4000
Number = int | float


class Alternative(BaseModel):
    """One accepted answer; `convention` says which reading of the question it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    answer: int | float | str | list[Any]
    convention: str = ""


class Question(BaseModel):
    """One `[[question]]` of `questions.toml`.

    `accept` takes plain answers, tables of `answer` and `convention`, or one table from convention to answer.
    `tolerance` is relative for numbers above 1 and absolute below. For formulas, `given` replaces variables by numbers
    on both sides (K = 3), `at` lists settings for which a plain number is accepted too, and `variables` adds spellings.
    For text, each accepted answer is a regular expression, matched against the whole answer without case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    kind: Literal["number", "formula", "shape", "tensor", "text"]
    accept: Annotated[tuple[Alternative, ...], Field(min_length=1)]
    title: str = ""
    tolerance: float = Field(default=0.0, ge=0)
    hint: str = ""
    variables: dict[str, tuple[str, ...]] = {}
    given: dict[str, Number] = {}
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
            except (UnreadableFormula, UnreadableArray, re.error) as error:
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
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        questions = [Question.model_validate(table) for table in tables.get("question", [])]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
    if isinstance(given, bool) or not isinstance(given, str | int | float | list | tuple):
        return Verdict(False, f"The answer to {name} should be {_WANTED[question.kind]}.")
    if isinstance(given, str) and not given.strip():
        return Verdict(False, f"The answer to {name} is empty; it should be {_WANTED[question.kind]}.")
    if isinstance(given, str) and len(given) > _MAX_TEXT:
        return Verdict(False, f"The answer to {name} is longer than {_MAX_TEXT} characters.")
    try:
        for alternative in question.accept:
            if _READERS[question.kind](question, alternative.answer, given):
                counted = f" ({alternative.convention})" if alternative.convention else ""
                return Verdict(True, f"The answer to {name} is right{counted}.")
        read_as = _read_as(question, given)
    except (UnreadableFormula, UnreadableArray) as error:
        wanted = f"it should be {_WANTED[question.kind]}"
        return Verdict(False, f"The answer to {name} cannot be read, because {one_line(str(error))}; {wanted}.")
    hint = f" Hint: {question.hint}" if question.hint else ""
    return Verdict(False, f"The answer to {name} is not right.{read_as}{hint}")


def _polynomial(question: Question, value: Any) -> Polynomial:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
        raise UnreadableFormula("it is not a finite number")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise UnreadableFormula("it is a list")
    if isinstance(value, int) and value.bit_length() > 256:
        raise UnreadableFormula("it is too large a number")
    spelled = _parsed(value if isinstance(value, str) else repr(value), tuple(question.variables.items()))
    return spelled.at(_exact(question.given)) if question.given else spelled


# A question may accept a hundred readings; the student's answer and each of them are parsed once.
@lru_cache(maxsize=2048)
def _parsed(text: str, extra: tuple[tuple[str, tuple[str, ...]], ...]) -> Polynomial:
    return parse(text, dict(extra))


def _exact(numbers: dict[str, Number]) -> dict[str, Fraction]:
    return {name: Fraction(repr(value)) for name, value in numbers.items()}


def _near(question: Question, wanted: Fraction, given: Fraction) -> bool:
    return abs(wanted - given) <= Fraction(repr(question.tolerance)) * max(Fraction(1), abs(wanted))


def _formula(question: Question, wanted: Any, given: Any) -> bool:
    ours, theirs = _polynomial(question, wanted), _polynomial(question, given)
    if equal(ours, theirs):
        return True
    settings = [ours.at(_exact(setting)) for setting in question.at] if theirs.is_constant else []
    return any(setting.is_constant and _near(question, setting.value, theirs.value) for setting in settings)


def _number(question: Question, wanted: Any, given: Any) -> bool:
    ours, theirs = (_polynomial(question, _joined(value)) for value in (wanted, given))
    if not theirs.is_constant:
        raise UnreadableFormula("it holds a name")
    return _near(question, ours.value, theirs.value)


def _joined(value: Any) -> Any:
    """Digits grouped by blanks or apostrophes, as "12 345", become one number."""
    return re.sub(r"(?<=\d)[\s'](?=\d{3}(?!\d))", "", value) if isinstance(value, str) else value


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
_WANTED = {
    "number": "a number such as 12345",
    "formula": "a formula such as 9*NF*NC + 2*NF^2",
    "shape": "a shape such as 3x32x32",
    "tensor": "rows of numbers such as [[1, 0], [x, 2]]",
    "text": "a few words",
}


def _read_as(question: Question, given: Any) -> str:
    """How a wrong answer was understood, so that a slip of writing is not taken for one of thinking."""
    if question.kind == "formula":
        return f" It was read as {one_line(str(_polynomial(question, given)), limit=200)}."
    if question.kind == "shape":
        return f" It was read as {' x '.join(map(str, shape_of(given)))}."
    return ""
