"""Make `questions.toml` from the arithmetic in `colourisation.counting`.

The document's own table has three slips, and the spec follows the arithmetic: it counts (H/2 * W/2)^2 connections for a
batch norm (each of its outputs depends on one input: NF * H/2 * W/2), leaves out the bias of the fourth convolution
(NC numbers), and adds both up into its totals. What the document leaves open is accepted either way, as set here:
biases and batch norms among the weights or not, layers without weights among outputs and connections or not, and
three input channels, as in the table, or one, as for grey pictures.

Run by hand after a change: `python make_questions.py > questions.toml`; a test sees that the file is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import sympy
from colourisation.counting import Row, counts, rows
from networks import POOLED, TABLE

NF, NC, K, NIC, H, W = sympy.symbols("NF NC K NIC H W")
SIZES = (32, 64)
# Input channels: the table's, and those of grey pictures.
CHANNELS = (3, 1)
QUANTITIES = ("weights", "outputs", "connections")
HEADER = """# Made by make_questions.py from colourisation.counting; do not edit by hand.
# `given` is what a student may have put in already, `at` the course's setting, for answers that are numbers.
"""
HINTS = {
    "weights": "Add up the weights of the five convolutions (biases and batch norms may be counted too).",
    "outputs": "Count output units, of the network or of its layers, with the size that each layer works at.",
    "connections": "Each output unit of a convolution is connected with a window of all its input channels; a unit of "
    "a batch norm with one unit.",
}
ROW_HINT = (
    "One number for each layer in the order of the forward pass (a layer without any gets 0), or for each of the five "
    "convolutions alone; biases may be counted or not."
)
_CONVOLUTIONS = ("convolution",)
_WITH_NORMS = ("convolution", "batch norm")
_BUT_RELU = ("convolution", "pooling", "upsampling", "batch norm")
_ALL = (*_BUT_RELU, "ReLU")


def totals(quantity: str) -> dict[str, str]:
    """Convention -> formula in all six variables, and the same for grey pictures."""
    values = counts(POOLED, NF, NC, k=K, nic=NIC, height=H, width=W)[quantity]
    accepted = {name: sympy.expand(value) for name, value in values.items()}
    grey = {f"{name}, one input channel": value.subs(NIC, 1) for name, value in accepted.items() if value.has(NIC)}
    return {name: str(value).replace("**", "^") for name, value in (accepted | grey).items()}


def row_answers(quantity: str, size: int) -> dict[str, list[int]]:
    """Convention -> one number for each layer that it lists, each list once."""
    found: dict[str, list[int]] = {}
    for channels in CHANNELS:
        layers = list(
            rows(POOLED, TABLE.num_filters, TABLE.num_colours, k=TABLE.kernel, nic=channels, height=size, width=size)
        )
        for name, numbers in _conventions(quantity, layers):
            if numbers not in found.values():
                found[f"{name}{', one input channel' if channels == 1 else ''}"] = numbers
    return found


def _conventions(quantity: str, layers: list[Row]) -> Iterator[tuple[str, list[int]]]:
    listed = {
        "every layer": _ALL,
        "no ReLU": _BUT_RELU,
        "layers with weights": _WITH_NORMS,
        "convolutions": _CONVOLUTIONS,
    }
    if quantity == "outputs":
        for name, kinds in listed.items():
            yield name, [int(row.outputs) for row in layers if row.layer in kinds]
        return
    # What counts at all: biases of convolutions, and for connections the one-to-one layers.
    counted = ((), ("batch norm",)) if quantity == "weights" else _counted_links()
    for (name, kinds), biases, extra in product(listed.items(), (True, False), counted):
        words = f"{name}, {'with' if biases else 'without'} biases, counting {', '.join(extra) or 'convolutions alone'}"
        yield words, [_of(quantity, row, biases=biases, extra=extra) for row in layers if row.layer in kinds]


def _counted_links() -> tuple[tuple[str, ...], ...]:
    resized = ("pooling", "upsampling")
    return ((), resized, ("batch norm",), (*resized, "batch norm"), (*resized, "batch norm", "ReLU"))


def _of(quantity: str, row: Row, *, biases: bool, extra: tuple[str, ...]) -> int:
    if row.layer != "convolution":
        return int(row.weights if quantity == "weights" else row.links) if row.layer in extra else 0
    if quantity == "weights":
        return int(row.weights + row.biases * biases)
    return int(row.multiplications + row.outputs * biases)


def _total_table(quantity: str, size: int) -> str:
    lines = "".join(f'"{name}" = "{formula}"\n' for name, formula in totals(quantity).items())
    at = ", ".join(f"{{ NF = 32, NC = 24, NIC = {channels} }}" for channels in CHANNELS)
    return (
        f'[[question]]\nid = "A3.{quantity}_{size}"\ntitle = "Number of {quantity}, pictures of {size} x {size}"\n'
        f'kind = "formula"\nhint = "{HINTS[quantity]}"\n'
        f"given = {{ K = 3, H = {size}, W = {size} }}\nat = [{at}]\n\n[question.accept]\n{lines}"
    )


def _row_table(quantity: str, size: int) -> str:
    lines = "".join(f'"{name}" = {numbers}\n' for name, numbers in row_answers(quantity, size).items())
    return (
        f'[[question]]\nid = "A3.{quantity}_{size}_rows"\nkind = "tensor"\nhint = "{ROW_HINT}"\n'
        f'title = "{quantity.capitalize()} of each layer in the order of the forward pass, {size} x {size}"\n\n'
        f"[question.accept]\n{lines}"
    )


def paddings() -> Iterator[tuple[str, int]]:
    """B4: the only padding and output padding with which stride 2 halves and doubles exactly, for each kernel."""
    for kernel in (4, 5):
        convolution = next(p for p in range(kernel) if all(_halved(n, kernel, p) == n // 2 for n in (8, 16, 32)))
        transposed, left_over = next(
            (p, more) for p, more in product(range(kernel), (0, 1)) if (8 - 1) * 2 - 2 * p + kernel + more == 2 * 8
        )
        yield f"B4.conv_padding_{kernel}", convolution
        yield f"B4.transpose_padding_{kernel}", transposed
        yield f"B4.transpose_output_padding_{kernel}", left_over


def _titled(name: str) -> str:
    layer, *words, kernel = name.removeprefix("B4.").split("_")
    module = "nn.ConvTranspose2d" if layer == "transpose" else "nn.Conv2d"
    return f"{' '.join(words).capitalize()} of {module} for kernel size {kernel}"


def _halved(size: int, kernel: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // 2 + 1


def questions() -> str:
    """The text of `questions.toml`."""
    tables = [HEADER]
    for size, quantity in product(SIZES, QUANTITIES):
        tables += [_total_table(quantity, size), _row_table(quantity, size)]
    for name, number in paddings():
        kind = "nn.ConvTranspose2d doubles" if "transpose" in name else "nn.Conv2d halves"
        tables.append(
            f'[[question]]\nid = "{name}"\ntitle = "{_titled(name)}"\nkind = "number"\naccept = [{number}]\n'
            f'hint = "With stride 2, {kind} the size exactly: put the sizes into the formula of its documentation."\n'
        )
    return "\n".join(tables)


if __name__ == "__main__":
    print(questions(), end="")  # noqa: T201
