"""The arithmetic of the counting questions: weights, outputs and connections, layer by layer and in total.

A connection is one multiplication by a weight; a convention may add biases (one per output of a convolution) and the
one-to-one connections of layers without weights of their own (pooling: one per input; upsampling, batch norm and
ReLU: one per output). Everything works on numbers and on symbols alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from colourisation.diagrams import Block, Diagram

Quantity = Literal["weights", "outputs", "connections"]
Layer = Literal["convolution", "pooling", "upsampling", "batch norm", "ReLU"]


class Row(NamedTuple):
    """One layer. `biases` and `multiplications` are a convolution's, `links` are connections of other layers.

    `weights` of a batch norm are its scales and shifts.
    """

    block: int
    layer: Layer
    weights: Any = 0
    biases: Any = 0
    outputs: Any = 0
    multiplications: Any = 0
    links: Any = 0


def rows(diagram: Diagram, nf: Any, nc: Any, *, k: Any, nic: Any, height: Any, width: Any) -> Iterator[Row]:
    """The layers of a diagram in the order of the forward pass, ReLU after batch norm after resizing."""
    widths = [block.width(nf, nc) for block in diagram.blocks]
    sources = (*widths, nic)
    into, pixels = nic, height * width
    for index, (block, out) in enumerate(zip(diagram.blocks, widths, strict=True)):
        joined = into if block.skip is None else into + sources[block.skip]
        convolved = _times(pixels, block, ("half", "double"))
        per_pixel = k * k * joined * out
        # A transposed convolution multiplies each input pixel, the others give each output pixel.
        worked_on = pixels if block.resize == "double" else convolved
        yield Row(index, "convolution", per_pixel, out, out * convolved, per_pixel * worked_on)
        if index == len(widths) - 1:
            return
        pixels = _times(convolved, block, ("pool", "up"))
        units = out * pixels
        if block.resize == "pool":
            yield Row(index, "pooling", outputs=units, links=out * convolved)
        elif block.resize == "up":
            yield Row(index, "upsampling", outputs=units, links=units)
        yield Row(index, "batch norm", weights=2 * out, outputs=units, links=units)
        yield Row(index, "ReLU", outputs=units, links=units)
        into = out


def _times(pixels: Any, block: Block, kinds: tuple[str, str]) -> Any:
    shrinks, grows = kinds
    if block.resize == shrinks:
        return pixels / 4
    return 4 * pixels if block.resize == grows else pixels


def counts(
    diagram: Diagram, nf: Any, nc: Any, *, k: Any = 3, nic: Any = 1, height: Any = 32, width: Any = 32
) -> dict[Quantity, dict[str, Any]]:
    """The three totals of a network, each under every convention a fair grader accepts."""
    layers = list(rows(diagram, nf, nc, k=k, nic=nic, height=height, width=width))

    def total(field: str, *kinds: Layer) -> Any:
        return sum(getattr(row, field) for row in layers if row.layer in kinds)

    plain, biases, norms = (
        total("weights", "convolution"),
        total("biases", "convolution"),
        total("weights", "batch norm"),
    )
    convolved, multiplied = total("outputs", "convolution"), total("multiplications", "convolution")
    resized, links = total("outputs", "pooling", "upsampling"), total("links", "pooling", "upsampling")
    normed, final = total("outputs", "batch norm"), layers[-1].outputs
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
