"""Make `questions.toml` from the arithmetic in `colourisation.counting`.

Run by hand after a change, with the shared packages on the path:
`PYTHONPATH=../common python make_questions.py > questions.toml`; a test sees that the file is up to date.
"""

from __future__ import annotations

from colourisation.diagrams import SIX_BLOCKS
from colourisation.formulas import HEADER, tables
from notebook_2020 import batch_sizes


def questions() -> str:
    """The text of `questions.toml`."""
    return "\n".join([HEADER, *tables("A3", SIX_BLOCKS), batch_sizes.tables()])


if __name__ == "__main__":
    print(questions(), end="")  # noqa: T201
