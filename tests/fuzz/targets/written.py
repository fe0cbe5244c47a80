"""Written answers as the server reads them: formulas, shapes, tables, and the file that holds them."""

from __future__ import annotations

import contextlib
import json

from grader.answers.arrays import MAX_CELLS, UnreadableArray, array_of, fits, shape_of
from grader.answers.asked import AskedQuestion, misfit, number_of, polynomial_of, read_as
from grader.answers.formulas import UnreadableFormula, parse
from grader.answers.given import BadAnswers, checked, packed, problem_of, read_answers, unpacked
from tests.fuzz.targets.bounds import is_a_sentence, within

# So long may one answer take, on a busy machine and at the worst.
ANSWER_S = 0.2
QUESTIONS = (
    AskedQuestion(id="number", kind="number"),
    AskedQuestion(id="formula", kind="formula", given={"K": 3}, variables={"S": ("stride",), "NK": ()}),
    AskedQuestion(id="shape", kind="shape"),
    AskedQuestion(id="A3.tensor", kind="tensor"),
    AskedQuestion(id="text", kind="text"),
)


def formulas(content: bytes) -> None:
    """A formula is a polynomial that can be written down and is then read as itself, or a sentence."""
    text = content.decode("utf-8", "replace")
    with within(ANSWER_S):
        try:
            found = parse(text)
        except UnreadableFormula as error:
            is_a_sentence(error)
        else:
            written = str(found)
            if len(written) < 600:
                with contextlib.suppress(UnreadableFormula):  # a coefficient may have more digits than a number may
                    assert parse(written) == found, written
    with within(2 * ANSWER_S):
        for question in QUESTIONS[:2]:
            _fits_or_says(question, text)


def _fits_or_says(question: AskedQuestion, value: object) -> None:
    problem = misfit(question, value)
    assert "\n" not in problem
    if not problem:
        read_as(question, value)
        if question.kind == "number":
            number_of(question, value)
        elif question.kind == "formula":
            polynomial_of(question, value)


def arrays(content: bytes) -> None:
    """Text, or a JSON value, as a shape and as a table: both are equal to themselves."""
    text = content.decode("utf-8", "replace")
    value: object = text
    if text.startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(text, parse_int=lambda digits: int(digits[:300]))
    with within(4 * ANSWER_S):
        for question in QUESTIONS[2:]:
            _fits_or_says(question, value)
        with contextlib.suppress(UnreadableArray):
            shape = shape_of(value)
            assert len(shape) <= 8
            assert shape_of(" x ".join(map(str, shape))) == shape
        with contextlib.suppress(UnreadableArray):
            table = array_of(value)
            assert fits(table, table, lambda a, b: a == b)
            assert len(str(table)) < 100 * MAX_CELLS


def answers(content: bytes) -> None:
    """What is taken is under the caps and has the same bytes when it is read back; what is not leaves a sentence."""
    with within(0.5):
        try:
            given = read_answers(content.decode("utf-8", "replace"))
            kept = checked(given, QUESTIONS)
        except BadAnswers as error:
            is_a_sentence(error)
            return
    assert packed(unpacked(packed(kept))) == packed(kept)
    assert checked(kept, QUESTIONS) == kept
    for question in QUESTIONS:
        if question.id in kept:
            assert problem_of(question, kept[question.id]) == ""
