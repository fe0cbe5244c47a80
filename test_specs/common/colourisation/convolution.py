"""Convolution by definition, in float64: shares no code with what students call, and never enters a sandbox."""

from __future__ import annotations

import torch
from torch import Tensor


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, *, stride: int = 1, dilation: int = 1
) -> Tensor:
    """Cross-correlation of `x` (N, C, H, W) with `weight` (O, C, k, k), zeros around; float64.

    Written as the sum over kernel positions. `dilation` counts as PyTorch counts: 1 leaves no pixel out.
    """
    x, weight = x.double(), weight.double()
    size = weight.shape[-1]
    padded = torch.zeros(*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding, dtype=x.dtype)
    padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    reach = dilation * (size - 1)
    height, width = padded.shape[2] - reach, padded.shape[3] - reach
    out = torch.zeros(x.shape[0], weight.shape[0], height, width, dtype=x.dtype)
    for row in range(size):
        for column in range(size):
            top, left = row * dilation, column * dilation
            window = padded[:, :, top : top + height, left : left + width]
            out = out + torch.einsum("nchw,oc->nohw", window, weight[:, :, row, column])
    out = out[:, :, ::stride, ::stride]
    return out if bias is None else out + bias.double()[None, :, None, None]


def transposed(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, *, stride: int, output_padding: int
) -> Tensor:
    """Transposed convolution of `x` (N, C, H, W) with `weight` (C, O, k, k): each input spreads over its window."""
    x, weight = x.double(), weight.double()
    size = weight.shape[-1]
    high, wide = ((side - 1) * stride + size + output_padding for side in x.shape[2:])
    out = torch.zeros(x.shape[0], weight.shape[1], high, wide, dtype=x.dtype)
    for row in range(size):
        for column in range(size):
            spread = torch.einsum("nchw,co->nohw", x, weight[:, :, row, column])
            rows = slice(row, row + (x.shape[2] - 1) * stride + 1, stride)
            columns = slice(column, column + (x.shape[3] - 1) * stride + 1, stride)
            out[:, :, rows, columns] += spread
    out = out[:, :, padding : high - padding, padding : wide - padding]
    return out if bias is None else out + bias.double()[None, :, None, None]
