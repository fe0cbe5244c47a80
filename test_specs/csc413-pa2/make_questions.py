"""Make `questions.toml` from the arithmetic in `colourisation.counting`.

Formula (1.1) of the report counts the convolutions' weights without biases and the batch norms, (1.2) the convolutions'
connections; both stand among the accepted conventions. Run by hand after a change, with the shared packages on the
path: `PYTHONPATH=../common python make_questions.py > questions.toml`; a test sees that the file is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy
from colourisation.counting import rows
from colourisation.diagrams import SIX_BLOCKS
from colourisation.formulas import HEADER, NC, NF, NIC, H, K, W, as_text, tables
from notebook_2020 import batch_sizes

_LAYERS = {
    **{f"b{number}": f"the convolution of block {number}" for number in range(1, 6)},
    "out": "the last convolution",
}
# A factor may have either sign of multiplication beside it.
_TIMES = "[x\u00d7]"
_FOUR_TIMES = (
    rf"(4|4\.0+|400 ?%|{_TIMES} ?4|4 ?{_TIMES}|(4|four) times( as (many|much))?|quadrupled?s?|2 ?({_TIMES}|\*) ?2)\.?"
)
_UNCHANGED = (
    rf"(1|1\.0+|100 ?%|{_TIMES} ?1|1 ?{_TIMES}|(1|one) times|once|no change"
    r"|((it|they|that) )?((is |are )?(not|never) changed?|do(es)?(n.?t| not) change"
    r"|((is|are|stays?|remains?) )?(unchanged|constant|the same|same)))\.?"
)
_FACTORS = {"weights": _UNCHANGED, "outputs": _FOUR_TIMES, "connections": _FOUR_TIMES}
# C5 asks the same of the segmentation network.
_ALL_FACTORS = {
    **{f"A3.{quantity}_factor": (words, "") for quantity, words in _FACTORS.items()},
    "C5.memory_factor": (_FOUR_TIMES, "Think of the results of the layers, which are kept for the backward pass. "),
    "C5.parameters_factor": (_UNCHANGED, "Think of what a convolution's weight has for sizes. "),
}


def layer_tables() -> Iterator[str]:
    """One question for each quantity of each convolution."""
    convolutions = [
        row for row in rows(SIX_BLOCKS, NF, NC, k=K, nic=NIC, height=H, width=W) if row.layer == "convolution"
    ]
    for quantity in _FACTORS:
        for layer, row in zip(_LAYERS, convolutions, strict=True):
            accepted = {
                "weights": {"weights": row.weights, "weights and biases": row.weights + row.biases},
                "outputs": {"outputs": row.outputs},
                "connections": {
                    "multiplications": row.multiplications,
                    "multiplications and biases": row.multiplications + row.outputs,
                },
            }[quantity]
            lines = "".join(f'"{name}" = "{as_text(sympy.expand(value))}"\n' for name, value in accepted.items())
            yield (
                f'[[question]]\nid = "A3.{quantity}_{layer}"\nkind = "formula"\n'
                f'title = "{quantity.capitalize()} of {_LAYERS[layer]}"\n'
                'hint = "This convolution alone, as in the row of your table."\n'
                "given = { K = 3, NIC = 1, H = 32, W = 32 }\nat = [{ NF = 32, NC = 24 }]\n\n"
                f"[question.accept]\n{lines}"
            )


def factor_tables(part: str) -> Iterator[str]:
    for name, (words, hint) in _ALL_FACTORS.items():
        if not name.startswith(part):
            continue
        title = f"Pictures twice as high and wide: how many times the {name.partition('.')[2].removesuffix('_factor')}"
        yield (
            f'[[question]]\nid = "{name}"\ntitle = "{title}"\nkind = "text"\n'
            f"hint = \"{hint}Say how many times as many there are, such as 3 or 300 %.\"\naccept = ['{words}']\n"
        )


def questions() -> str:
    """The text of `questions.toml`."""
    totals = [table for table in tables("A3", SIX_BLOCKS) if "_doubled" not in table]
    return "\n".join(
        [HEADER, *totals, *layer_tables(), *factor_tables("A3"), batch_sizes.tables(), *factor_tables("C5")]
    )


if __name__ == "__main__":
    print(questions(), end="")  # noqa: T201
