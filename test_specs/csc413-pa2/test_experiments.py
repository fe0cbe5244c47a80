"""B4 and C5: what was measured with other batch sizes, and what larger pictures cost."""

from __future__ import annotations

from notebook_2020 import batch_sizes

from grader.checks import Student, assert_answer, check


@check("B4", points=1, title="Loss and accuracy for at least three batch sizes")
def test_batch_sizes(student: Student) -> None:
    batch_sizes.make_a_table(student)


@check("C5", points=0.5, title="Pictures twice as high and wide: how many times the memory for activations")
def test_memory_factor(student: Student) -> None:
    assert_answer(student, "C5.memory_factor")


@check("C5", points=0.5, title="Pictures twice as high and wide: how many times the parameters")
def test_parameters_factor(student: Student) -> None:
    assert_answer(student, "C5.parameters_factor")
