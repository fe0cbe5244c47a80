"""D1.1 and D1.2: which weights are trained, and what the network looks like when training begins."""

from __future__ import annotations

from fine_tuning import last_layer

from grader.checks import Student, check


@check("D1.1", points=2, title="train gives the optimiser the weights of the last layer")
def test_last_layer_selected(student: Student) -> None:
    last_layer.is_selected(student)


@check("D1.1", points=1, title="train gives the optimiser nothing but the last layer")
def test_nothing_else_selected(student: Student) -> None:
    last_layer.is_alone(student)


@check("D1.2", points=2, title="The last layer is replaced by a convolution with 2 output channels")
def test_replaced(student: Student) -> None:
    last_layer.is_replaced(student)


@check("D1.2", points=1.5, title="Everything but the last layer is frozen")
def test_frozen(student: Student) -> None:
    last_layer.is_all_that_is_free(student)


@check("D1.2", points=0.5, title="The new last layer itself is trained")
def test_trainable(student: Student) -> None:
    last_layer.is_free(student)
