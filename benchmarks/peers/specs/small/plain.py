"""Two checks as peers run them. See peers/assignment.py."""
# ruff: noqa: ANN201, D400, D415, F821  # as a teacher writes

import torch
import torch.nn.functional as F


def test_conv_parameters():
    """1 points: MyConv2d"""
    layer = MyConv2d(3, 8, 5)
    assert tuple(layer.weight.shape) == (8, 3, 5, 5)
    assert tuple(layer.bias.shape) == (8,)


def test_conv_forward():
    """2 points: MyConv2d"""
    layer = MyConv2d(3, 8, 3)
    x = torch.randn(2, 3, 16, 15)
    assert torch.allclose(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1), atol=1e-5)
