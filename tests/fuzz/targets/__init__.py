"""What is fuzzed: each target is a function from bytes to nothing, which raises only if the product is wrong.

A target hands its bytes to one reader of foreign input, lets the errors that this reader documents pass as answers, and
holds what it did accept against a property: a round trip, a second reader, a bound. Hypothesis and atheris call the same
function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "corpus"
# What tokens libFuzzer puts in, where the format has words; and Hypothesis as well.
DICTIONARIES = Path(__file__).parents[1] / "dictionaries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`place` is module and function; `instrumented` are modules besides ours whose branches are followed.

    `tokens` names the file of `dictionaries/` with the words of the format.
    """

    name: str
    place: str
    about: str
    most_bytes: int = 4096
    instrumented: tuple[str, ...] = ()
    tokens: str = ""

    @property
    def run(self) -> Callable[[bytes], None]:
        module, _, function = self.place.partition(":")
        found: Callable[[bytes], None] = getattr(importlib.import_module(f"tests.fuzz.targets.{module}"), function)
        return found

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    @property
    def inputs(self) -> list[bytes]:
        """The kept inputs, in the order of their names."""
        return [path.read_bytes() for path in sorted(self.corpus.glob("*"))] if self.corpus.is_dir() else []

    @property
    def dictionary(self) -> Path | None:
        return DICTIONARIES / f"{self.tokens}.dict" if self.tokens else None

    @property
    def words(self) -> list[bytes]:
        """The dictionary's entries."""
        if self.dictionary is None:
            return []
        lines = [line for line in self.dictionary.read_text().splitlines() if line.startswith('"')]
        return [line.strip()[1:-1].encode("latin-1").decode("unicode_escape").encode("latin-1") for line in lines]


_ALL = (
    Target(name="wire", place="sandbox:wire", about="frames, messages and values from a sandbox"),
    Target(name="tensors", place="sandbox:tensors", about="tensors of the wire, held against NumPy"),
    Target(name="replies", place="sandbox:replies", about="the form of every reply, and its text made safe"),
    Target(name="archive", tokens="zip", place="uploads:archive", about="listing an upload and its file rules, held against zipfile"),
    Target(name="multipart", tokens="multipart", place="uploads:multipart", about="an upload's form, in one piece and in many; its key",
           instrumented=("python_multipart",)),
    Target(name="formulas", tokens="formula", place="written:formulas", about="formulas and numbers", most_bytes=1200),
    Target(name="arrays", tokens="formula", place="written:arrays", about="shapes and tables of numbers"),
    Target(name="answers", tokens="toml", place="written:answers", about="answers as JSON, TOML or form fields",
           instrumented=("tomllib",), most_bytes=8192),
    Target(name="questions", tokens="toml", place="specs:questions", about="questions.toml, and an answer to each of its questions",
           instrumented=("tomllib",), most_bytes=8192),
    Target(name="assignment", tokens="toml", place="specs:assignment", about="assignment.toml", instrumented=("tomllib",), most_bytes=8192),
    Target(name="packed", tokens="zip", place="specs:packed", about="packed specs, read and unpacked", instrumented=("zipfile",)),
    Target(name="control", place="harness:control", about="notes between worker and harness, jobs and results"),
    Target(name="proxy", tokens="http", place="harness:proxy", about="requests to the engine proxy and the bodies of containers"),
    Target(name="text", place="tables:text", about="text made safe to show"),
    Target(name="roster", place="tables:roster", about="rosters in, gradebooks out, no formula in any cell",
           instrumented=("csv",)),
    Target(name="blobs", place="tables:blobs", about="addresses of blob stores"),
    Target(name="cells", tokens="notebook", place="probe:cells", about="source of cells: lines, magics, blocks"),
    Target(name="notebook", tokens="notebook", place="probe:notebook", about="notebook files", instrumented=("json",)),
    Target(name="submission", tokens="zip", place="probe:submission", about="an upload unpacked and read in the sandbox",
           instrumented=("zipfile",)),
    Target(name="written", tokens="toml", place="probe:written", about="answers.toml and cells of answers in the sandbox",
           instrumented=("tomllib",), most_bytes=8192),
)  # fmt: skip
TARGETS: dict[str, Target] = {target.name: target for target in _ALL}
