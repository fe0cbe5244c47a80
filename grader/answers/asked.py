"""What a question asks for, without what it accepts: all that a student may be told, and all that the server knows.

The invariant: nothing here can say whether an answer is right. `questions.toml` is read for its public members alone,
and an answer is held against nothing but its own kind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from grader.answers.arrays import UnreadableArray, array_of, shape_of
from grader.answers.formulas import Polynomial, TooLarge, UnreadableFormula, parse
from grader.answers.spelling import SPELLINGS
from grader.domain.errors import BadSpec
from grader.kit.text import one_line
from grader.kit.toml import BadToml, parsed

FILE_NAME = "questions.toml"
MAX_CHARACTERS = 4000
MAX_NUMBER_BITS = 256
Number = int | float
Kind = Literal["number", "formula", "shape", "tensor", "text"]
WANTED: Mapping[Kind, str] = {
    "number": "a number such as 12345",
    "formula": "a formula such as 9*NF*NC + 2*NF^2",
    "shape": "a shape such as 3x32x32",
    "tensor": "rows of numbers such as [[1, 0], [x, 2]]",
    "text": "a few words",
}


class AskedQuestion(BaseModel):
    """The public members of one `[[question]]` of `questions.toml`.

    `variables` adds spellings of names in formulas; `given` are numbers that may be written for names (K = 3).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    kind: Kind
    title: str = ""
    variables: dict[str, tuple[str, ...]] = {}
    given: dict[str, Number] = {}

    @field_validator("given")
    @classmethod
    def _finite(cls, given: dict[str, Number]) -> dict[str, Number]:
        if not all(isinstance(value, int) or math.isfinite(value) for value in given.values()):
            raise ValueError("a number that is given is not finite")
        return given

    @property
    def wanted(self) -> str:
        """What an answer looks like, in words: "a number such as 12345"."""
        return WANTED[self.kind]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a formula may hold."""
        return (*SPELLINGS, *(name for name in self.variables if name not in SPELLINGS))


def asked_in(content: bytes) -> tuple[AskedQuestion, ...]:
    """What a `questions.toml` asks, in its order.

    Raises:
        BadSpec: it cannot be read.

    """
    try:
        tables = parsed(content.decode("utf-8")).get("question", [])
        return tuple(AskedQuestion.model_validate(table) for table in tables)
    except ValidationError as error:
        # The whole message would quote the table, and with it what is accepted.
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadSpec(f"A question of {FILE_NAME} cannot be used: {first['loc']}: {first['msg']}.") from None
    except (UnicodeDecodeError, BadToml, TypeError, AttributeError) as error:
        raise BadSpec(f"{FILE_NAME} cannot be read ({type(error).__name__}).") from None


def misfit(asked: AskedQuestion, given: Any) -> str:
    """Why `given` is no answer of the question's kind, as what follows "The answer ..."; empty when it is one.

    It says nothing of whether the answer is right.
    """
    wanted = f"should be {asked.wanted}"
    if isinstance(given, bool) or not isinstance(given, str | int | float | list | tuple):
        return wanted
    if isinstance(given, str) and not given.strip():
        return f"is empty; it {wanted}"
    if isinstance(given, str) and len(given) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    try:
        _read(asked, given)
    except (UnreadableFormula, UnreadableArray) as error:
        return f"cannot be read, because {one_line(str(error))}; it {wanted}"
    return ""


def read_as(asked: AskedQuestion, given: Any) -> str:
    """How a readable answer was understood, for the kinds where that is not what is written."""
    if asked.kind == "formula":
        return one_line(str(polynomial_of(asked, given)), limit=200)
    if asked.kind == "shape":
        return " x ".join(map(str, shape_of(given)))
    return ""


def polynomial_of(asked: AskedQuestion, value: Any) -> Polynomial:
    """A formula with what the question gives put in.

    Raises:
        UnreadableFormula: with what is wrong, in words for the student.

    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UnreadableFormula("it is not a finite number")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise UnreadableFormula("it is a list")
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        raise UnreadableFormula("it is too large a number")
    spelled = _parsed(value if isinstance(value, str) else repr(value), tuple(asked.variables.items()))
    try:
        return spelled.at(exact(asked.given)) if asked.given else spelled
    except TooLarge as error:
        raise UnreadableFormula("it is larger than any answer to these questions could be") from error


def number_of(asked: AskedQuestion, value: Any) -> Fraction:
    """A number, written as one or as a calculation.

    Raises:
        UnreadableFormula: it is neither.

    """
    # Digits grouped by blanks or apostrophes, as "12 345", become one number.
    joined = re.sub(r"(?<=\d)[\s'](?=\d{3}(?!\d))", "", value) if isinstance(value, str) else value
    read = polynomial_of(asked, joined)
    if not read.is_constant:
        raise UnreadableFormula("it holds a name")
    return read.value


def exact(numbers: Mapping[str, Number]) -> dict[str, Fraction]:
    """The numbers as they are written, not as floating point has them."""
    return {name: Fraction(repr(value)) for name, value in numbers.items()}


def _read(asked: AskedQuestion, given: Any) -> None:
    if asked.kind == "number":
        number_of(asked, given)
    elif asked.kind == "formula":
        polynomial_of(asked, given)
    elif asked.kind == "shape":
        shape_of(given)
    elif asked.kind == "tensor":
        array_of(given)


# A question may accept a hundred readings; the student's answer and each of them are parsed once.
@lru_cache(maxsize=2048)
def _parsed(text: str, extra: tuple[tuple[str, tuple[str, ...]], ...]) -> Polynomial:
    return parse(text, dict(extra))
