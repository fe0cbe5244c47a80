"""Writes questions.toml: the answers to Part I, worked out from figure.toml and from the network of I.6."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
UNUSED = "x"
Grid = list[list[int | str]]
_TITLES = {
    "I.1.channel1": "First input map, filtered by its sub-filter",
    "I.1.channel2": "Second input map, filtered by its sub-filter",
    "I.1.output": "Output feature map",
    "I.3.patch1": "Patch of the first channel that excites its sub-filter most",
    "I.3.patch2": "Patch of the second channel that excites its sub-filter most",
    "I.4.output": "Max-pooled output",
    "I.5.channel1": "First input map, filtered with dilation 2",
    "I.5.channel2": "Second input map, filtered with dilation 2",
    "I.5.output": "Output feature map with dilation 2",
    "I.6.conv1_filter": "(a) filter shape of conv1",
    "I.6.conv2_filter": "(a) filter shape of conv2",
    "I.6.conv3_filter": "(a) filter shape of conv3",
    "I.6.conv1": "(b) output feature map of conv1",
    "I.6.conv2": "(c) output feature map of conv2",
    "I.6.maxpool": "(d) output feature map of maxpool",
    "I.6.conv3": "(e) output feature map of conv3",
    "I.6.fc1_in": "(f) input units of fc1",
    "I.6.fc1_out": "(f) output units of fc1",
    "I.6.fc2_in": "(f) input units of fc2",
    "I.6.fc2_out": "(f) output units of fc2",
}
# The grids printed for answers are at most as large as the input.
_LARGEST = 5
_HEAD = "# Made by make_questions.py from figure.toml; do not edit by hand.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One input map, its sub-filter, and whether the map only stands for one that our copy does not show."""

    map: list[list[int]]
    filter: list[list[int]]
    is_stand_in: bool


def channels(text: str) -> list[Channel]:
    """The channels of a figure.toml."""
    return [Channel(**table) for table in tomllib.loads(text)["channel"]]


def filtered(channel: Channel, dilation: int = 1) -> Grid:
    """A map under its sub-filter, without padding and with stride 1."""
    reach = dilation * (len(channel.filter) - 1)
    sides = range(len(channel.map) - reach)
    return [[_under(channel, row, column, dilation) for column in sides] for row in sides]


def _under(channel: Channel, row: int, column: int, dilation: int) -> int:
    return sum(
        weight * channel.map[row + dilation * y][column + dilation * x]
        for y, weights in enumerate(channel.filter)
        for x, weight in enumerate(weights)
    )


def added(grids: Iterable[Grid]) -> Grid:
    """The sum of grids, cell by cell."""
    return [[sum(map(int, cells)) for cells in zip(*rows, strict=True)] for rows in zip(*grids, strict=True)]


def pooled(grid: Grid) -> Grid:
    """Max pooling with a 2 x 2 kernel and stride 1."""
    sides = range(len(grid) - 1)
    return [[max(int(grid[r + i][c + j]) for i in (0, 1) for j in (0, 1)) for c in sides] for r in sides]


def strongest(channel: Channel) -> Grid:
    """The patch of values in [-1, 1] that excites the sub-filter most; cells that make no difference are unused."""
    return [[UNUSED if weight == 0 else (1 if weight > 0 else -1) for weight in row] for row in channel.filter]


def in_grids(grid: Grid) -> Iterator[Grid]:
    """The answer alone, and anywhere in a larger grid whose other cells are marked as unused."""
    yield grid
    for side in range(len(grid) + 1, _LARGEST + 1):
        for top in range(side - len(grid) + 1):
            for left in range(side - len(grid) + 1):
                larger: Grid = [[UNUSED] * side for _ in range(side)]
                for row, cells in enumerate(grid):
                    larger[top + row][left : left + len(cells)] = cells
                yield larger


def convolved(side: int, kernel: int, stride: int = 1) -> int:
    """Height or width after a convolution or pooling without padding."""
    return (side - kernel) // stride + 1


def shapes() -> dict[str, list[str]]:
    """The answers to I.6 with the orders accepted: the document's (height x width x channels) and PyTorch's."""
    conv1 = convolved(256, 5)
    conv2 = convolved(conv1, 7)
    pool = convolved(conv2, 3, 2)
    conv3 = convolved(pool, 13, 10)
    return {
        "I.6.conv1_filter": _filter(5, 3, 5),
        "I.6.conv2_filter": _filter(7, 5, 10),
        "I.6.conv3_filter": _filter(13, 10, 1),
        "I.6.conv1": _map(conv1, 5),
        "I.6.conv2": _map(conv2, 10),
        "I.6.maxpool": _map(pool, 10),
        "I.6.conv3": [*_map(conv3, 1), f"{conv3}x{conv3}"],
    }


def units() -> dict[str, int]:
    """Inputs and outputs of the two linear layers of I.6."""
    flat = convolved(convolved(convolved(convolved(256, 5), 7), 3, 2), 13, 10) ** 2
    return {"I.6.fc1_in": flat, "I.6.fc1_out": 512, "I.6.fc2_in": 512, "I.6.fc2_out": 10}


def _filter(kernel: int, inputs: int, outputs: int) -> list[str]:
    # The document calls a filter k x k x outputs; a list of sub-filters and PyTorch's order name the inputs too.
    found = [(kernel, kernel, inputs, outputs), (outputs, inputs, kernel, kernel), (kernel, kernel, outputs)]
    found += [(outputs, kernel, kernel, inputs)]
    return list(dict.fromkeys("x".join(map(str, sizes)) for sizes in found))


def _map(side: int, maps: int) -> list[str]:
    return [f"{side}x{side}x{maps}", f"{maps}x{side}x{side}", f"Nx{maps}x{side}x{side}", f"Nx{side}x{side}x{maps}"]


def grids(figure: list[Channel]) -> dict[str, Grid]:
    """The answers to I.1, I.3, I.4 and I.5."""
    found: dict[str, Grid] = {f"I.1.channel{number}": filtered(one) for number, one in enumerate(figure, 1)}
    found["I.1.output"] = added(found.values())
    patches = {f"I.3.patch{number}": strongest(one) for number, one in enumerate(figure, 1)}
    dilated = {f"I.5.channel{number}": filtered(one, 2) for number, one in enumerate(figure, 1)}
    total = {"I.5.output": added(dilated.values())}
    return found | patches | {"I.4.output": pooled(found["I.1.output"])} | dilated | total


def questions(text: str | None = None) -> str:
    """The content of questions.toml; `text` is that of figure.toml."""
    figure = channels(text or (FOLDER / "figure.toml").read_text(encoding="utf-8"))
    tables = [_HEAD]
    for name, grid in grids(figure).items():
        accepted: list[str | int] = [_written(larger) for larger in in_grids(grid)]
        # A single cell may come as text or as a number.
        accepted += [str(grid[0][0]), grid[0][0]] if len(grid) == 1 else []
        tables.append(_question(name, "tensor", accepted, "Cells that are not used may be left out or marked x."))
    for name, orders in shapes().items():
        tables.append(_question(name, "shape", orders, "A side is (side - kernel) / stride + 1, rounded down."))
    for name, count in units().items():
        tables.append(_question(name, "number", [count], "fc1 takes all numbers that conv3 gives."))
    return "\n".join(tables)


def _written(grid: Grid) -> str:
    return "[" + ", ".join("[" + ", ".join(map(str, row)) + "]" for row in grid) + "]"


def _question(name: str, kind: str, accepted: Sequence[str | int], hint: str) -> str:
    return (
        f'[[question]]\nid = "{name}"\ntitle = "{_TITLES[name]}"\nkind = "{kind}"\nhint = "{hint}"\n'
        f"accept = {json.dumps(list(accepted))}\n"
    )


if __name__ == "__main__":
    (FOLDER / "questions.toml").write_text(questions(), encoding="utf-8")
