"""C1 and C2: which weights are trained, and what the network looks like when training begins."""

from __future__ import annotations

import pytest
from fine_tuning import iou_loss, last_layer

from grader.checks import Student, check


@check("C1", points=2, title="train gives the optimiser the weights of the last layer")
def test_last_layer_selected(student: Student) -> None:
    last_layer.is_selected(student)


@check("C1", points=1, title="train gives the optimiser nothing but the last layer")
def test_nothing_else_selected(student: Student) -> None:
    last_layer.is_alone(student)


@check("C2", points=2, title="The last layer is replaced by a convolution with 2 output channels")
def test_replaced(student: Student) -> None:
    last_layer.is_replaced(student)


@check("C2", points=1.5, title="Everything but the last layer is frozen")
def test_frozen(student: Student) -> None:
    last_layer.is_all_that_is_free(student)


@check("C2", points=0.5, title="The new last layer itself is trained")
def test_trainable(student: Student) -> None:
    last_layer.is_free(student)


@check("C2", points=0, title="compute_iou_loss, where there is one, is a soft intersection over union")
def test_iou_loss(student: Student) -> None:
    if not iou_loss.is_defined(student):
        pytest.skip("There is no compute_iou_loss, and none was asked for.")
    iou_loss.has_value(student)
    iou_loss.has_gradient(student)
