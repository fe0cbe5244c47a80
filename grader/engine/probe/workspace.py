"""The submission in this process: its files, its names, and what can be asked of them.

This is the whole interface between the loading half of the probe and the half that serves requests.
"""

from __future__ import annotations

import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.engine.probe import answers, document, replay, script
from grader.engine.probe.absent import Absent, is_absent
from grader.engine.probe.codefile import Cell, CodeFile, Definition
from grader.engine.probe.loading import Loading
from grader.engine.probe.report import load_report
from grader.engine.probe.siblings import SubmissionModules

CELL_CHARACTERS = 20_000
_ABSENT = Absent("")


class NotDefinedHere(LookupError):
    """The submission has no such name, in a sentence."""


class Workspace:
    """A submission, once `load` was called.

    Args:
        root: where its files are unpacked; /tmp/submission in a sandbox.
        scratch: where programs of it are run.
    """

    def __init__(self, root: Path | None = None, *, scratch: Path | None = None) -> None:
        self.root = root or _own_folder()
        self.scratch = scratch or self.root.with_name(self.root.name + "-runs")
        self.files: list[CodeFile] = []
        self.finder: SubmissionModules | None = None
        self._loading: Loading | None = None
        self._support: list[types.ModuleType] = []

    def load(self, body: dict[str, Any]) -> dict[str, Any]:
        """LOAD: see docs/protocol.md."""
        loading = Loading(self.root, body)
        self._loading, self.finder = loading, loading.finder
        self.files = loading.run()
        if self.files:
            os.chdir(self.files[0].place.parent)
        return load_report(loading, self.files)

    def resolve(self, name: str, version: int | None = None) -> object:
        """The student's global of that name: the last definition, or the given one with the names of its time.

        Raises:
            NotDefinedHere: there is no such name or version.
        """
        if version is not None:
            return self._version(name, version)
        for file in self.files:
            if name in file.definitions and not is_absent(file.namespace.get(name, _ABSENT)):
                return file.namespace[name]
        for file in self.files:
            if name in file.namespace and not name.startswith("__"):
                found = file.namespace[name]
                if not is_absent(found):
                    return found
        raise NotDefinedHere(self._why_not(name))

    def versions(self, name: str) -> list[tuple[CodeFile, int]]:
        """Every definition of a name in order, over all files: the file, and the number within it."""
        return [(file, number) for file in self.files for number in range(len(file.definitions.get(name, ())))]

    def support(self, source: str) -> list[str]:
        """SUPPORT: run the spec's helper code; the names it defines.

        Raises whatever the code raises.
        """
        module = types.ModuleType(f"support_{len(self._support)}")
        module.__dict__["submission"] = self.resolve
        # What came before is there too: several files of a spec may build on each other.
        for earlier in self._support:
            vars(module).update({name: value for name, value in vars(earlier).items() if not name.startswith("__")})
        before = dict(vars(module))
        sys.modules[module.__name__] = module
        exec(compile(source, "<support code of the assignment>", "exec", dont_inherit=True), vars(module))  # noqa: S102 - the spec's own code
        self._support.append(module)
        return [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and before.get(name) is not value and not isinstance(value, types.ModuleType)
        ]

    def support_object(self, name: str) -> object:
        """What the spec's helper code defined.

        Raises:
            NotDefinedHere: it defines no such name.
        """
        for module in reversed(self._support):
            if name in vars(module):
                return vars(module)[name]
        raise NotDefinedHere(f"the support code of the assignment does not define {name}")

    def replay(
        self, body: dict[str, Any], *, materialise: Callable[[Any], Any], resolve_ref: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """REPLAY: see docs/protocol.md; records, value and names are live objects."""
        return replay.replay(self, body, materialise=materialise, resolve_ref=resolve_ref)

    def script(self, body: dict[str, Any]) -> dict[str, Any]:
        """SCRIPT: see docs/protocol.md; records are live objects."""
        return script.run_script(self, body)

    def document(self, path: str) -> dict[str, Any]:
        """DOCUMENT: see docs/protocol.md. Never raises."""
        return document.read_document(self.root, path)

    def answers(self) -> dict[str, Any]:
        """ANSWERS: see docs/protocol.md. Never raises."""
        beside = self._loading.beside if self._loading else {}
        return answers.find_answers(self.root, [cell for file in self.files for cell in file.cells], beside)

    def cell(self, index: int) -> dict[str, Any]:
        """CELL: a cell's own source and the text it shows.

        Raises:
            NotDefinedHere: there is no cell of that index.
        """
        cell = self.cell_at(index)[1]
        return {"source": cell.written[:CELL_CHARACTERS], "outputs": cell.outputs[:CELL_CHARACTERS]}

    def cell_at(self, index: int) -> tuple[CodeFile, Cell]:
        """The cell of an index as LOAD reported it, and its file.

        Raises:
            NotDefinedHere: there is none.
        """
        for file in self.files:
            for cell in file.cells:
                if cell.index == index:
                    return file, cell
        raise NotDefinedHere(f"there is no cell {index}")

    def namespaces(self) -> list[dict[str, Any]]:
        """The globals of every file and of every earlier version made so far."""
        return [vars(module) for file in self.files for module in file.modules]

    def _version(self, name: str, version: int) -> object:
        found = self.versions(name)
        if not -len(found) <= version < len(found):
            if not found:
                raise NotDefinedHere(self._why_not(name))
            times = "once" if len(found) == 1 else f"{len(found)} times"
            raise NotDefinedHere(f"{name} is defined {times} in the submission; there is no version {version}")
        file, number = found[version]
        return file.version(name, number)

    def _why_not(self, name: str) -> str:
        for file in self.files:
            if is_absent(file.namespace.get(name)):
                return f"{name} could not be imported where submissions are checked"
            for cell in file.cells:
                if name in cell.deferred_names:
                    return f"{name} is made by {cell.label}, which is not run when a submission is loaded"
        return f"the submission does not define {name}"


def _own_folder() -> Path:
    """The usual folder; another one where several probes share a machine, as in tests."""
    usual = Path(tempfile.gettempdir()) / "submission"
    try:
        usual.mkdir()
    except FileExistsError:
        return Path(tempfile.mkdtemp(prefix="submission-"))
    return usual


__all__ = ["Definition", "NotDefinedHere", "Workspace"]
