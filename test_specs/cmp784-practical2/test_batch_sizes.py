"""B4: the table of batch sizes, for whoever enters one; the report is read by a person either way."""

from __future__ import annotations

import pytest
from notebook_2020 import batch_sizes

from grader.checks import Student, check


@check("B4", points=0, title="The table of batch sizes, where there is one, has a row for at least three")
def test_batch_sizes(student: Student) -> None:
    if not batch_sizes.are_entered(student):
        pytest.skip("No table of batch sizes was entered, and none was asked for.")
    batch_sizes.make_a_table(student)
