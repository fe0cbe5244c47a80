"""Text of `questions.toml` for counts asked as formulas in NF, NC, NIC, K, H and W, from `counting`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import sympy

from colourisation.counting import Quantity, counts
from colourisation.diagrams import Diagram

NF, NC, K, NIC, H, W = sympy.symbols("NF NC K NIC H W")
HEADER = """# Made by make_questions.py from colourisation.counting; do not edit by hand.
# `given` is what a student may have put in already, `at` the course's setting, for answers that are numbers.
"""
HINTS: dict[Quantity, str] = {
    "weights": "Add up the weights of the six convolutions (biases and batch norms may be counted too).",
    "outputs": "Count output units, of the network or of its layers, with the size that each layer works at.",
    "connections": "Each output unit of a convolution is connected with a window of all its input channels.",
}


def as_text(formula: sympy.Expr) -> str:
    """As `questions.toml` spells it."""
    return str(formula).replace("**", "^")


def accepted(diagram: Diagram, quantity: Quantity, *, doubled: bool) -> dict[str, str]:
    """Convention -> formula in all six variables."""
    height, width = (2 * H, 2 * W) if doubled else (H, W)
    values = counts(diagram, NF, NC, k=K, nic=NIC, height=height, width=width)[quantity]
    return {name: as_text(sympy.expand(value)) for name, value in values.items()}


def tables(part: str, diagram: Diagram) -> Iterator[str]:
    """One `[[question]]` for each quantity, for pictures of H x W and of twice that."""
    for doubled, quantity in product((False, True), HINTS):
        forms = accepted(diagram, quantity, doubled=doubled)
        lines = "".join(f'"{name}" = "{form}"\n' for name, form in forms.items())
        title = f"Number of {quantity}{', for pictures twice as high and wide' if doubled else ''}"
        yield (
            f'[[question]]\nid = "{part}.{quantity}{"_doubled" if doubled else ""}"\ntitle = "{title}"\n'
            f'kind = "formula"\nhint = "{HINTS[quantity]}"\n'
            "given = { K = 3, NIC = 1, H = 32, W = 32 }\nat = [{ NF = 32, NC = 24 }]\n\n"
            f"[question.accept]\n{lines}"
        )
