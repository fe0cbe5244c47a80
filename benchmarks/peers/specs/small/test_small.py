"""The checks of `plain.py`, as ours are written: this file never meets the student's code."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from grader.checks import Student, assert_close, check, tensor


@check("all", points=1, title="MyConv2d has the right parameters")
def test_conv_parameters(student: Student) -> None:
    layer = student.MyConv2d(3, 8, 5)
    tensor(layer.weight, shape=(8, 3, 5, 5))
    tensor(layer.bias, shape=(8,))


@check("all", points=2, title="MyConv2d equals a reference convolution")
def test_conv_forward(student: Student) -> None:
    layer = student.MyConv2d(3, 8, 3)
    x = torch.randn(2, 3, 16, 15)
    assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1), atol=1e-5)
