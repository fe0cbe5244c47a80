"""A3: the six counts, as formulas in NF, NC (K and NIC if wanted) or as numbers for the course's setting."""

from __future__ import annotations

from grader.checks import Student, assert_answer, check


@check("A3", points=1, title="Number of weights of CNN")
def test_weights(student: Student) -> None:
    assert_answer(student, "A3.weights")


@check("A3", points=1, title="Number of outputs of CNN")
def test_outputs(student: Student) -> None:
    assert_answer(student, "A3.outputs")


@check("A3", points=1, title="Number of connections of CNN")
def test_connections(student: Student) -> None:
    assert_answer(student, "A3.connections")


@check("A3", points=0.5, title="Number of weights for pictures twice as high and wide")
def test_weights_doubled(student: Student) -> None:
    assert_answer(student, "A3.weights_doubled")


@check("A3", points=0.5, title="Number of outputs for pictures twice as high and wide")
def test_outputs_doubled(student: Student) -> None:
    assert_answer(student, "A3.outputs_doubled")


@check("A3", points=0.5, title="Number of connections for pictures twice as high and wide")
def test_connections_doubled(student: Student) -> None:
    assert_answer(student, "A3.connections_doubled")
