"""A3: the report's table of layers, its formulas (1.1) and (1.2), and what doubling the picture changes."""

from __future__ import annotations

from grader.checks import CheckFailed, Student, assert_answer, award, check

_LAYERS = ("b1", "b2", "b3", "b4", "b5", "out")


@check("A3", points=1, title="Formula for the number of weights of CNN")
def test_weights(student: Student) -> None:
    assert_answer(student, "A3.weights")


@check("A3", points=1, title="Formula for the number of outputs of CNN")
def test_outputs(student: Student) -> None:
    assert_answer(student, "A3.outputs")


@check("A3", points=1, title="Formula for the number of connections of CNN")
def test_connections(student: Student) -> None:
    assert_answer(student, "A3.connections")


@check("A3", points=0.5, title="Weights of each of the six convolutions")
def test_weights_by_layer(student: Student) -> None:
    _row_by_row(student, "weights")


@check("A3", points=0.5, title="Outputs of each of the six convolutions")
def test_outputs_by_layer(student: Student) -> None:
    _row_by_row(student, "outputs")


@check("A3", points=0.5, title="Connections of each of the six convolutions")
def test_connections_by_layer(student: Student) -> None:
    _row_by_row(student, "connections")


@check("A3", points=0.5, title="Pictures twice as high and wide: how many times the weights")
def test_weights_factor(student: Student) -> None:
    assert_answer(student, "A3.weights_factor")


@check("A3", points=0.5, title="Pictures twice as high and wide: how many times the outputs")
def test_outputs_factor(student: Student) -> None:
    assert_answer(student, "A3.outputs_factor")


@check("A3", points=0.5, title="Pictures twice as high and wide: how many times the connections")
def test_connections_factor(student: Student) -> None:
    assert_answer(student, "A3.connections_factor")


def _row_by_row(student: Student, quantity: str) -> None:
    """Every layer's answer on its own; a share of the points for a share of them."""
    wrong: list[CheckFailed] = []
    for layer in _LAYERS:
        try:
            assert_answer(student, f"A3.{quantity}_{layer}")
        except CheckFailed as error:
            wrong.append(error)
    if wrong:
        award(1 - len(wrong) / len(_LAYERS))
        raise wrong[0]
