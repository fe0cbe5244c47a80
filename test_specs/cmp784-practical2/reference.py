"""The trusted answers: a convolution by definition, both networks, and the arithmetic of question A3.

Nothing here ever enters a sandbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# What follows each of the six convolutions, and what is joined to its input (None: no skip connection).
_RESIZE = ("pool", "pool", "", "up", "up", "")
_SKIP = (None, None, None, 1, 0, -1)  # index of the block; -1 is the network's own input


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One choice of the four parameters of `CNN` and `UNet`."""

    kernel: int
    num_filters: int
    num_colours: int
    num_in_channels: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels of the six convolutions of the diagram."""
        nf, nc = self.num_filters, self.num_colours
        return (nf, 2 * nf, 2 * nf, nf, nc, nc)

    def incoming(self, *, skips: bool) -> tuple[int, ...]:
        """Input channels of the six convolutions, without or with the skip connections."""
        plain = (self.num_in_channels, *self.widths[:-1])
        if not skips:
            return plain
        sources = (*self.widths, self.num_in_channels)
        return tuple(
            width + (0 if source is None else sources[source]) for width, source in zip(plain, _SKIP, strict=True)
        )

    def convolution_shapes(self, *, skips: bool) -> tuple[tuple[int, int, int, int], ...]:
        """Weight shapes (out, in, k, k) in the order of the forward pass."""
        k = self.kernel
        return tuple((out, into, k, k) for out, into in zip(self.widths, self.incoming(skips=skips), strict=True))

    def norm_widths(self) -> tuple[int, ...]:
        """Features of the five batch norms in the order of the forward pass."""
        return self.widths[:-1]

    def resolutions(self, height: int) -> tuple[int, ...]:
        """Height at which each of the six convolutions works."""
        return (height, height // 2, height // 4, height // 4, height // 2, height)

    def joins(self, height: int) -> Counter[tuple[int, tuple[int, ...]]]:
        """What the UNet concatenates: (height, sorted channel counts) for each of its three skips."""
        nf, nc, nic = self.num_filters, self.num_colours, self.num_in_channels
        return Counter(
            [
                (height // 4, (2 * nf, 2 * nf)),
                (height // 2, (nf, nf)),
                (height, tuple(sorted((nc, nic)))),
            ]
        )


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """Cross-correlation of `x` (N, C, H, W) with `weight` (O, C, k, k), stride 1, zeros around; in float64.

    Written as the sum over kernel positions so that it shares no code with what students call.
    """
    x, weight = x.double(), weight.double()
    size = weight.shape[-1]
    padded = torch.zeros(*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding, dtype=x.dtype)
    padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    height, width = padded.shape[2] - size + 1, padded.shape[3] - size + 1
    out = torch.zeros(x.shape[0], weight.shape[0], height, width, dtype=x.dtype)
    for row in range(size):
        for column in range(size):
            window = padded[:, :, row : row + height, column : column + width]
            out += torch.einsum("nchw,oc->nohw", window, weight[:, :, row, column])
    return out if bias is None else out + bias.double()[None, :, None, None]


class ConvolutionWeights(NamedTuple):
    """One convolution's numbers; `bias` is None where the student's layer has none."""

    weight: Tensor
    bias: Tensor | None


class Norm(NamedTuple):
    """A batch norm in eval mode: `x * scale + shift` per channel."""

    scale: Tensor
    shift: Tensor


class Reading(NamedTuple):
    """One of the ways in which a correct network may be built: see `readings`."""

    relu_first: bool
    skip_first: tuple[bool, bool, bool]


def readings(*, skips: bool) -> Iterator[Reading]:
    """Every accepted reading of the diagram that changes numbers.

    Batch norm before or after pooling and upsampling does not: in eval mode with a positive scale the three
    commute. ReLU before batch norm does, as does the order inside `torch.cat`.
    """
    for relu_first in (False, True):
        for order in product((False, True), repeat=3) if skips else [(False, False, False)]:
            yield Reading(relu_first, order)


def forward(
    x: Tensor,
    convolutions: Sequence[ConvolutionWeights],
    norms: Sequence[Norm],
    reading: Reading,
    *,
    skips: bool,
) -> Tensor:
    """The network in eval mode, in float64. `x` is (N, NIC, H, W), the result (N, NC, H, W)."""
    x = x.double()
    blocks: list[Tensor] = []
    hidden = x
    for index, (weights, resize, skip) in enumerate(zip(convolutions, _RESIZE, _SKIP, strict=True)):
        if skips and skip is not None:
            joined = x if skip == -1 else blocks[skip]
            pair = (joined, hidden) if reading.skip_first[index - 3] else (hidden, joined)
            hidden = torch.cat(pair, dim=1)
        hidden = convolution(hidden, weights.weight, weights.bias, weights.weight.shape[-1] // 2)
        if index == len(_RESIZE) - 1:
            break
        if resize == "pool":
            hidden = F.max_pool2d(hidden, 2)
        elif resize == "up":
            hidden = hidden.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if reading.relu_first:
            hidden = hidden.relu()
        scale, shift = (values.double()[None, :, None, None] for values in norms[index])
        hidden = hidden * scale + shift
        if not reading.relu_first:
            hidden = hidden.relu()
        blocks.append(hidden)
    return hidden


class Network(nn.Module):
    """Both networks, trainable: the thresholds of A2 and B2 are calibrated on it (`calibration.py`)."""

    def __init__(self, setting: Setting, *, skips: bool) -> None:
        super().__init__()
        self.skips = skips
        self.convolutions = nn.ModuleList()
        for out, into, kernel, _ in setting.convolution_shapes(skips=skips):
            layer = nn.Conv2d(into, out, kernel, padding=kernel // 2)
            bound = (into * kernel**2) ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound)
            self.convolutions.append(layer)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in setting.norm_widths())

    def forward(self, x: Tensor) -> Tensor:
        blocks: list[Tensor] = []
        hidden = x
        for index, (layer, resize, skip) in enumerate(zip(self.convolutions, _RESIZE, _SKIP, strict=True)):
            if self.skips and skip is not None:
                hidden = torch.cat([hidden, x if skip == -1 else blocks[skip]], dim=1)
            hidden = layer(hidden)
            if index == len(_RESIZE) - 1:
                break
            if resize == "pool":
                hidden = F.max_pool2d(hidden, 2)
            elif resize == "up":
                hidden = F.interpolate(hidden, scale_factor=2)
            hidden = F.relu(self.norms[index](hidden))
            blocks.append(hidden)
        return hidden


Quantity = Literal["weights", "outputs", "connections"]


def counts(nf, nc, *, k=3, nic=1, height=32, width=32) -> dict[Quantity, dict[str, int]]:
    """Question A3: the three quantities of the CNN, each under every convention a fair grader accepts.

    Works on numbers and on symbols alike (`tests/specs` expands it into the formulas of `questions.toml`).
    A connection is one multiplication by a weight; a convention may add biases, and the one-to-one
    connections of pooling (one per input), upsampling, batch norm and ReLU (one per output).
    """
    pixels = [height * width, height * width / 4, height * width / 16]
    level = (0, 1, 2, 2, 1, 0)
    out = (nf, 2 * nf, 2 * nf, nf, nc, nc)
    into = (nic, *out[:-1])
    norms = sum(2 * width for width in out[:-1])
    biases = sum(out)
    plain = sum(k * k * a * b for a, b in zip(out, into, strict=True))
    convolved = sum(a * pixels[step] for a, step in zip(out, level, strict=True))
    multiplied = sum(k * k * a * b * pixels[step] for a, b, step in zip(out, into, level, strict=True))
    # Units after each block, that is after pooling or upsampling, where batch norm and ReLU work.
    after = (1, 2, 2, 1, 0)
    normed = sum(a * pixels[step] for a, step in zip(out, after, strict=False))
    resized = sum(out[i] * pixels[after[i]] for i in (0, 1, 3, 4))
    # A pooling unit reads four inputs, an upsampling unit one.
    links = sum(out[i] * pixels[level[i]] for i in (0, 1)) + sum(out[i] * pixels[after[i]] for i in (3, 4))
    final = nc * pixels[0]
    connections = {}
    for name, start in (("convolutions", multiplied), ("convolutions and biases", multiplied + convolved)):
        connections[name] = start
        connections[f"{name}, pooling and upsampling"] = start + links
        connections[f"{name}, batch norms"] = start + normed
        connections[f"{name}, pooling, upsampling and batch norms"] = start + links + normed
        connections[f"{name}, all layers"] = start + links + 2 * normed
    return {
        "weights": {
            "convolutions": plain,
            "convolutions and biases": plain + biases,
            "convolutions and batch norms": plain + norms,
            "convolutions, biases and batch norms": plain + biases + norms,
        },
        "outputs": {
            "the network's own output": final,
            "convolutions": convolved,
            "blocks": normed + final,
            "convolutions, pooling and upsampling": convolved + resized,
            "convolutions and batch norms": convolved + normed,
            "all layers but ReLU": convolved + resized + normed,
            "all layers": convolved + resized + 2 * normed,
        },
        "connections": connections,
    }
