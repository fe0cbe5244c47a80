"""B4: the table of batch sizes that a student chose, and of what was reached with each.

The check sees that it is such a table; a person judges whether the figures are plausible and what was made of them.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from grader.answers.arrays import UnreadableArray, array_of
from grader.checks import Student, expect, fail

QUESTION = "B4.table"
_FORM = "three numbers a row: batch size, validation loss, validation accuracy in percent"
_COLUMNS = 3
_FEWEST = 3
_MOST_PERCENT = 100
# 24 colours guessed alike cost log(24) = 3.2; a training that went worse than this was not recorded rightly.
_WORST_LOSS = 3 * math.log(24)


def are_entered(student: Student) -> bool:
    """Whether the student entered a table."""
    return student.answers().get(QUESTION) not in (None, "", [])


def make_a_table(student: Student) -> None:
    """At least three rows of numbers that a training can give, each with a batch size of its own."""
    expect(
        are_entered(student),
        f"No table of batch sizes was found; enter it as {QUESTION} on the assignment's page, in answers.toml, or in a "
        f"cell that starts with '# answers': {_FORM}.",
    )
    rows = _rows(student.answers()[QUESTION])
    expect(len(rows) >= _FEWEST, f"The table of {QUESTION} should hold at least {_FEWEST} batch sizes.")
    sizes = [row[0] for row in rows]
    expect(
        all(size >= 1 and size.denominator == 1 for size in sizes) and len(set(sizes)) == len(sizes),
        f"The first column of {QUESTION} should hold batch sizes, each once.",
    )
    expect(
        all(0 < row[1] < _WORST_LOSS for row in rows),
        f"The second column of {QUESTION} should hold losses; one of these is not what cross-entropy per pixel gives.",
    )
    expect(
        all(0 <= row[2] <= _MOST_PERCENT for row in rows),
        f"The third column of {QUESTION} should hold accuracies from 0 to 100 percent.",
    )
    expect(
        len({row[1:] for row in rows}) > 1,
        f"The rows of {QUESTION} all have the same loss and accuracy; enter what each training reached.",
    )


def _rows(given: Any) -> list[tuple[Fraction, ...]]:
    try:
        table = array_of(_without_percent_signs(given))
    except UnreadableArray as error:
        fail(f"The table of {QUESTION} cannot be read: {error}; enter {_FORM}.")
    rows = table if isinstance(table, list) else [table]
    for row in rows:
        if not isinstance(row, list) or len(row) != _COLUMNS or not all(map(_is_number, row)):
            fail(f"The table of {QUESTION} needs {_FORM}.")
    return [tuple(row) for row in rows]


def _without_percent_signs(given: Any) -> Any:
    if isinstance(given, list):
        return [_without_percent_signs(item) for item in given]
    return given.replace("%", "").strip() if isinstance(given, str) else given


def _is_number(cell: Any) -> bool:
    return isinstance(cell, Fraction)


def tables() -> str:
    """The question as `questions.toml` has it; a document's own figures stand for the tables that are accepted."""
    return (
        f'[[question]]\nid = "{QUESTION}"\nkind = "tensor"\n'
        'title = "A row for each batch size: batch size, validation loss, validation accuracy in percent"\n'
        'hint = "A row for each batch size: batch size, validation loss, validation accuracy in percent."\n'
        "accept = [{ answer = [[50, 1.32, 50], [100, 1.36, 49], [500, 1.52, 43], [1000, 1.63, 41]] }]\n"
    )
