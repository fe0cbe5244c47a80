"""The trusted networks: with given numbers in every layer, and trainable. Nothing here ever enters a sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colourisation.convolution import convolution, transposed
from colourisation.diagrams import INPUT, Block, Diagram, Setting

# Strided layers halve and double the size.
_STRIDE = 2


class ConvolutionWeights(NamedTuple):
    """One convolution's numbers; `bias` is None where the student's layer has none.

    `weight` is (out, in, k, k), or (in, out, k, k) for a transposed convolution.
    """

    weight: Tensor
    bias: Tensor | None
    is_transposed: bool = False


class Norm(NamedTuple):
    """A batch norm in eval mode: `x * scale + shift` per channel."""

    scale: Tensor
    shift: Tensor


class Reading(NamedTuple):
    """One of the ways in which a correct network may be built: see `readings`."""

    relu_first: bool
    skip_first: tuple[bool, ...]


def readings(diagram: Diagram) -> Iterator[Reading]:
    """Every accepted reading of the diagram that changes numbers.

    Batch norm before or after pooling and upsampling does not: in eval mode with a positive scale the three
    commute. ReLU before batch norm does, as does the order inside `torch.cat`.
    """
    for relu_first in (False, True):
        for order in product((False, True), repeat=len(diagram.skips)):
            yield Reading(relu_first, order)


def forward(
    x: Tensor,
    convolutions: Sequence[ConvolutionWeights],
    norms: Sequence[Norm],
    reading: Reading,
    diagram: Diagram,
) -> Tensor:
    """The network in eval mode, in float64. `x` is (N, NIC, H, W), the result (N, NC, H, W)."""
    x = x.double()
    blocks: list[Tensor] = []
    skip_first = iter(reading.skip_first)
    hidden = x
    for index, (weights, block) in enumerate(zip(convolutions, diagram.blocks, strict=True)):
        if block.skip is not None:
            joined = x if block.skip == INPUT else blocks[block.skip]
            hidden = torch.cat((joined, hidden) if next(skip_first) else (hidden, joined), dim=1)
        hidden = _convolved(hidden, weights, block)
        if index == len(diagram.blocks) - 1:
            break
        if block.resize == "pool":
            hidden = F.max_pool2d(hidden, 2)
        elif block.resize == "up":
            hidden = hidden.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if reading.relu_first:
            hidden = hidden.relu()
        scale, shift = (values.double()[None, :, None, None] for values in norms[index])
        hidden = hidden * scale + shift
        if not reading.relu_first:
            hidden = hidden.relu()
        blocks.append(hidden)
    return hidden


def _convolved(x: Tensor, weights: ConvolutionWeights, block: Block) -> Tensor:
    size = weights.weight.shape[-1]
    if weights.is_transposed:
        # A transposed convolution of stride 1 is a convolution with the kernel turned around: accepted as one.
        stride = _STRIDE if block.resize == "double" else 1
        padding = (size - 1) // 2
        # What is left over so that the size is exactly `stride` times the input's.
        left_over = stride + 2 * padding - size
        return transposed(x, weights.weight, weights.bias, padding, stride=stride, output_padding=left_over)
    padding = block.dilation * (size - 1) // 2
    stride = _STRIDE if block.resize == "half" else 1
    return convolution(x, weights.weight, weights.bias, padding, stride=stride, dilation=block.dilation)


class Network(nn.Module):
    """A diagram as a network that can be trained: thresholds are calibrated on it."""

    def __init__(self, setting: Setting, diagram: Diagram) -> None:
        super().__init__()
        self.diagram = diagram
        self.convolutions = nn.ModuleList()
        for (out, into, kernel, _), block in zip(diagram.convolution_shapes(setting), diagram.blocks, strict=True):
            self.convolutions.append(self._layer(out, into, kernel, block))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in diagram.norm_widths(setting))

    @staticmethod
    def _layer(out: int, into: int, kernel: int, block: Block) -> nn.Module:
        padding = kernel // 2
        if block.resize == "double":
            return nn.ConvTranspose2d(into, out, kernel, _STRIDE, padding, output_padding=1)
        stride = _STRIDE if block.resize == "half" else 1
        layer = nn.Conv2d(into, out, kernel, stride, block.dilation * padding, block.dilation)
        bound = (into * kernel**2) ** -0.5
        nn.init.uniform_(layer.weight, -bound, bound)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        blocks: list[Tensor] = []
        hidden = x
        for index, (layer, block) in enumerate(zip(self.convolutions, self.diagram.blocks, strict=True)):
            if block.skip is not None:
                hidden = torch.cat([hidden, x if block.skip == INPUT else blocks[block.skip]], dim=1)
            hidden = layer(hidden)
            if index == len(self.diagram.blocks) - 1:
                break
            if block.resize == "pool":
                hidden = F.max_pool2d(hidden, 2)
            elif block.resize == "up":
                hidden = F.interpolate(hidden, scale_factor=2)
            hidden = F.relu(self.norms[index](hidden))
            blocks.append(hidden)
        return hidden
