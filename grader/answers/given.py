"""Written answers on their way in: read from JSON or TOML, held against what is asked, and one form of their bytes.

The invariant: what `checked` gives is text, finite numbers and lists of them under the caps, so that equal answers have
equal bytes and every later reader gets what the first one saw.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grader.answers.asked import MAX_CHARACTERS, MAX_NUMBER_BITS, AskedQuestion, misfit
from grader.domain.errors import InputError
from grader.kit.text import one_line, plain
from grader.kit.toml import parsed

MAX_ANSWERS = 200
MAX_BYTES = 2**20
_MAX_DEPTH = 8
# What a number in a message to the sandbox can be.
_LARGEST = 2**63

Value = str | int | float | list[Any]


class BadAnswers(InputError):
    """Some written answers cannot be taken as they are."""

    code = "bad-answers"

    def __init__(self, message: str | None = None, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        # By the question's id (as it was given), one sentence each.
        self.problems = dict(problems or {})


def read_answers(text: str) -> dict[str, Any]:
    """Answers by question, from a JSON object or from TOML; tables are dotted keys, so `A3.x` may be `[A3]` and `x`.

    Raises:
        BadAnswers: it is neither, or holds an answer twice.

    """
    if len(text) > MAX_BYTES:
        raise BadAnswers(f"The answers are longer than {MAX_BYTES // 2**20} MiB.")
    try:
        if text.lstrip().startswith("{"):
            return _flat(json.loads(text, object_pairs_hook=_once))
        return _flat(parsed(text.replace("\r\n", "\n")))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else one_line(str(error), limit=200)
        raise BadAnswers(
            f'The answers are neither a JSON object nor TOML ({reason}); write a line such as "A1" = "your answer".'
        ) from error


def checked(given: Mapping[str, Any], asked: Sequence[AskedQuestion]) -> dict[str, Value]:
    """The answers as they are kept; empty ones are left out.

    Raises:
        BadAnswers: with a sentence for each answer that nobody asked for or that cannot be read.

    """
    known = {question.id: question for question in asked}
    filled = {
        name: value for name, value in zip(given, map(tidied, given.values()), strict=True) if not _is_blank(value)
    }
    if len(filled) > MAX_ANSWERS:
        raise BadAnswers(f"There are {len(filled)} answers; an upload holds at most {MAX_ANSWERS}.")
    problems = {
        name: f"The answer {problem}." if name in known else _unknown(known)
        for name, value in filled.items()
        if name not in known or (problem := _problem(known[name], value))
    }
    if problems:
        first, *others = ((one_line(name, limit=80), sentence) for name, sentence in problems.items())
        more = f" {len(others)} more cannot be taken: {', '.join(name for name, _ in others[:10])}." if others else ""
        raise BadAnswers(f"{first[0]}: {first[1]}{more}", problems)
    return filled


def problem_of(question: AskedQuestion, value: Any) -> str:
    """A sentence on why this cannot be taken as an answer; empty when it can, or is blank."""
    kept = tidied(value)
    found = "" if _is_blank(kept) else _problem(question, kept)
    return f"The answer {found}." if found else ""


def tidied(value: Any) -> Any:
    """An answer as it is kept: text without control characters and with plain line ends; the rest as it is."""
    if isinstance(value, str):
        return plain(value.replace("\r\n", "\n").replace("\r", "\n").strip(), limit=MAX_BYTES)
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST and value.bit_length() <= MAX_NUMBER_BITS:
        return str(value)
    return value


def packed(answers: Mapping[str, Value]) -> bytes:
    """The bytes under which answers are kept: equal answers have equal bytes."""
    return json.dumps(dict(answers), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False).encode()


def unpacked(content: bytes) -> dict[str, Value]:
    """The inverse of `packed`."""
    answers = json.loads(content)
    assert isinstance(answers, dict)
    return answers


def as_written(value: Any) -> str:
    """An answer as somebody would write it into a field."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _problem(question: AskedQuestion, value: Any) -> str:
    if not _is_plain(value):
        return f"should be {question.wanted}"
    if len(as_written(value)) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    return misfit(question, value)


def _unknown(known: Iterable[str]) -> str:
    names = ", ".join(one_line(name, limit=80) for name in known)
    return f"There is no such question; there are {names}." if names else "This assignment asks for no written answers."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands there twice")
    return table


def _flat(table: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise ValueError("its tables are nested too deep")
    found: dict[str, Any] = {}
    for key, value in table.items():
        inner = _flat(value, f"{prefix}{key}.", depth + 1) if isinstance(value, dict) else {f"{prefix}{key}": value}
        if found.keys() & inner.keys():
            raise ValueError("an answer stands there twice")
        found |= inner
    return found


def _is_blank(value: Any) -> bool:
    return value is None or value in ("", [])


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list):
        return depth < _MAX_DEPTH and all(_is_plain(item, depth + 1) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    if isinstance(value, str):
        return depth == 0 or value == plain(value)
    return math.isfinite(value) and -_LARGEST <= value < _LARGEST
