"""Make `questions.toml` from the arithmetic in `reference.counts`.

Run by hand after a change: `python make_questions.py > questions.toml`; a test sees that the file is up to date.
"""

from __future__ import annotations

from itertools import product

import sympy
from colourisation.counting import counts
from colourisation.diagrams import SIX_BLOCKS

NF, NC, K, NIC, H, W = sympy.symbols("NF NC K NIC H W")
HEADER = """# Made by make_questions.py from colourisation.counting; do not edit by hand.
# `given` is what a student may have put in already, `at` the course's setting, for answers that are numbers.
"""
HINTS = {
    "weights": "Add up the weights of the six convolutions (biases and batch norms may be counted too).",
    "outputs": "Count output units, of the network or of its layers, with the size that each layer works at.",
    "connections": "Each output unit of a convolution is connected with a window of all its input channels.",
}


def accepted(quantity: str, *, doubled: bool) -> dict[str, str]:
    """Convention -> formula in all six variables."""
    height, width = (2 * H, 2 * W) if doubled else (H, W)
    values = counts(SIX_BLOCKS, NF, NC, k=K, nic=NIC, height=height, width=width)[quantity]
    return {name: str(sympy.expand(value)).replace("**", "^") for name, value in values.items()}


def questions() -> str:
    """The text of `questions.toml`."""
    tables = [HEADER]
    for doubled, quantity in product((False, True), ("weights", "outputs", "connections")):
        lines = "".join(f'"{name}" = "{form}"\n' for name, form in accepted(quantity, doubled=doubled).items())
        tables.append(
            f'[[question]]\nid = "A3.{quantity}{"_doubled" if doubled else ""}"\nkind = "formula"\n'
            f'hint = "{HINTS[quantity]}"\n'
            "given = { K = 3, NIC = 1, H = 32, W = 32 }\nat = [{ NF = 32, NC = 24 }]\n\n"
            f"[question.accept]\n{lines}"
        )
    return "\n".join(tables)


if __name__ == "__main__":
    print(questions(), end="")  # noqa: T201
