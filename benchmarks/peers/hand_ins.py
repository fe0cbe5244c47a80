"""Hand-ins of cmp784-practical2 as every tool of the comparison gets them: the cells that the short task looks at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from grader.engine.handins import Entry, entries_of, hand_in, reference_hand_in
from grader.specs.load import Spec, load_spec
from peers.assignment import as_notebook, as_script

Item = TypeVar("Item")
SOURCE = "cmp784-practical2"
# Cells of the reference notebook by what they define, in order.
_DEFINES = {"imports": "import torch\n", "cnn": "class CNN(", "unet": "class UNet(", "train": "learned_parameters = []"}
CELLS = tuple(_DEFINES)
# The checks of the course's spec that the short task has, too.
_SHORT = (
    "A1.conv-parameters", "A1.conv-forward", "A1.conv-gradients", "A1.cnn-output", "A1.cnn-parameters",
    "A1.cnn-own-convolution", "A1.cnn-gradients", "B1.unet-output", "B1.unet-parameters", "B1.unet-concatenates",
    "C1.last-layer-selected", "C1.nothing-else-selected",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerHandIn:
    """One hand-in in all forms. `whole` is the full notebook in its archive, for the course's own spec."""

    name: str
    is_right: bool
    cells: dict[str, str]
    whole: tuple[str, bytes] | None = None

    @property
    def notebook(self) -> str:
        return as_notebook(self.cells)

    @property
    def script(self) -> str:
        return as_script(self.cells)


def reference_cells(spec: Spec) -> dict[str, str]:
    """The cells of the reference by name.

    Raises:
        SystemExit: the reference has no such cell any more.

    """
    path = spec.reference_folder / "cnn.ipynb"
    sources = [
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    found = {name: [source for source in sources if words in source] for name, words in _DEFINES.items()}
    wrong = [name for name, cells in found.items() if not cells]
    if wrong:
        raise SystemExit(f"The reference of {spec.slug} has no cell for {', '.join(wrong)} any more.")
    return {name: cells[0] for name, cells in found.items()}


def changed(cells: dict[str, str], entry: Entry) -> dict[str, str] | None:
    """The cells with an entry's substitutions; None if one of them is about another cell, or about files."""
    if entry.file or entry.upload or entry.drop or entry.add or entry.folder or not entry.replace:
        return None
    made = dict(cells)
    for replacement in entry.replace:
        if not any(replacement.old in source for source in made.values()):
            return None
        made = {name: source.replace(replacement.old, replacement.new) for name, source in made.items()}
    return made


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """As many of them, evenly over all, the first one among them."""
    wanted = min(max(count, 0), len(items))
    return [items[index * len(items) // wanted] for index in range(wanted)]


def hand_ins(count: int) -> list[PeerHandIn]:
    """The reference, then correct variants (a third) and mutants that one of the short task's checks should catch."""
    spec = load_spec(SOURCE)
    cells = reference_cells(spec)
    given = reference_hand_in(spec)
    made = [PeerHandIn(name="reference", is_right=True, cells=cells, whole=(given.name, given.content))]
    right = _made_of(spec, cells, "variant", count // 3)
    return made + right + _made_of(spec, cells, "mutant", count - 1 - len(right))


def small_hand_in() -> PeerHandIn:
    """The reference's convolution and CNN alone, importing math and torch and nothing that takes longer."""
    cells = reference_cells(load_spec(SOURCE))
    imports = [line for line in cells["imports"].splitlines() if re.match(r"(import|from) (math|torch)\b", line)]
    return PeerHandIn(name="small", is_right=True, cells={"imports": "\n".join(imports), "cnn": cells["cnn"]})


def _made_of(spec: Spec, cells: dict[str, str], kind: str, count: int) -> list[PeerHandIn]:
    found = []
    for entry in entries_of(spec, kind):
        mine = changed(cells, entry)
        if mine is None or (kind == "mutant" and not set(entry.caught_by) & set(_SHORT)):
            continue
        whole = hand_in(spec, kind, entry)
        found.append(
            PeerHandIn(name=entry.name, is_right=kind == "variant", cells=mine, whole=(whole.name, whole.content))
        )
    return spread(found, count)


def write(folder: Path, given: PeerHandIn, suffix: str) -> Path:
    """A file of this hand-in that anybody can read; `.ipynb`, `.py`."""
    path = folder / f"{given.name}{suffix}"
    path.write_text(given.notebook if suffix == ".ipynb" else given.script, encoding="utf-8")
    path.chmod(0o644)
    return path
