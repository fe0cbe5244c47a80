"""A1: the convolution that the networks are built of. The course gives it; these checks see that it still works."""

from __future__ import annotations

from colourisation import my_conv

from grader.checks import Student, check


@check("A1", points=0.5, title="MyConv2d has a weight and a bias of the right shapes")
def test_conv_parameters(student: Student) -> None:
    my_conv.has_parameters(student)


@check("A1", points=1, title="MyConv2d equals a reference convolution")
def test_conv_forward(student: Student) -> None:
    my_conv.convolves(student)


@check("A1", points=0.5, title="The gradients of MyConv2d are right for input, weight and bias")
def test_conv_gradients(student: Student) -> None:
    my_conv.differentiates(student)
